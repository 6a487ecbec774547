// SPDX-License-Identifier: Apache-2.0
// mopt version: what this program is made of.
#include "cli/cli.h"
#include "image/image.h"
#include "mopt/plugin.h"
#include "mopt/version.h"

// Which pictures ImageDecoder reads depends on the libraries at hand when this was built.
static void add_pictures(struct mopt_cli *cli)
{
    cJSON *list = mopt__json_array(cli->envelope.result, "pictures");
    mopt__strbuf_add(&cli->text, "pictures:");
    for (int i = 0; i < MOPT_IMAGE_FORMATS; i++) {
        if (mopt__image_format_works((enum mopt_image_format)i)) {
            const char *name = mopt__image_format_name((enum mopt_image_format)i);
            mopt__strbuf_printf(&cli->text, " %s", name);
            mopt__json_text(list, NULL, name);
        }
    }
    mopt__strbuf_add_char(&cli->text, '\n');
}

static enum mopt_status run(struct mopt_cli *cli, struct mopt_error *err)
{
    (void)err;
    char cpu[128];
    mopt__cpu_name(cpu, sizeof cpu);
    const char *isa = mopt__isa_name(mopt__cpu_isa());
    mopt__strbuf_printf(&cli->text, "mopt %s (%s)\n", MOPT_VERSION, MOPT_VERSION_COMMIT);
    mopt__strbuf_printf(&cli->text, "cpu: %s, %s, %d processors\n", cpu, isa, mopt__cpu_count());
    mopt__strbuf_printf(&cli->text, "compiler: %s\n", __VERSION__);
    mopt__strbuf_printf(&cli->text, "result schema: mopt.result/1, plugin interface: %d\n",
                        MOPT_PLUGIN_ABI);
    cJSON *result = cli->envelope.result;
    mopt__json_text(result, "version", MOPT_VERSION);
    mopt__json_text(result, "commit", MOPT_VERSION_COMMIT);
    mopt__json_text(result, "compiler", __VERSION__);
    mopt__json_text(result, "result_schema", "mopt.result/1");
    mopt__json_int(result, "plugin_abi", MOPT_PLUGIN_ABI);
    add_pictures(cli);
    return MOPT_OK;
}

static const struct mopt_example examples[] = {
    {"mopt version", "Version, commit, processor."},
    {"mopt version --json", "The same for programs."},
};

const struct mopt_command mopt__command_version = {
    .name = "version",
    .group = MOPT_GROUP_META,
    .summary = "version, commit, what the processor offers, formats of pictures",
    .usage = "",
    .examples = examples,
    .example_count = MOPT_COUNTOF(examples),
    .light = true,
    .run = run,
};
