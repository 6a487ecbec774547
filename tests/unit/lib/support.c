// SPDX-License-Identifier: Apache-2.0
// Files for the suites of lib.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests.h"

static char folder[32];
static char path[256];

static const char *path_of(const char *name)
{
    if (folder[0] == '\0') {
        (void)snprintf(folder, sizeof folder, "/tmp/mopt-lib-XXXXXX");
        assert_non_null(mkdtemp(folder));
    }
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

const char *mopt__test_file(const char *name, const void *content, size_t bytes)
{
    struct mopt_error err;
    (void)path_of(name);
    if (content == NULL) {
        (void)unlink(path);
        return path;
    }
    assert_int_equal(mopt__file_write(path, content, bytes, true, &err), MOPT_OK);
    return path;
}

struct mopt_model *mopt__test_load(const char *text)
{
    struct mopt_model *model = NULL;
    struct mopt_error err;
    mopt_error_clear(&err);
    if (mopt_model_load(NULL, mopt__test_file("model.txt", text, strlen(text)), &model, &err) !=
        MOPT_OK) {
        fail_msg("%s", err.text);
    }
    return model;
}

void mopt__test_clean(void)
{
    static const char *const names[] = {"model.txt", "model.onnx", "plugin.so"};
    for (size_t i = 0; i < MOPT_COUNTOF(names) && folder[0] != '\0'; i++) {
        (void)unlink(path_of(names[i]));
    }
    if (folder[0] != '\0') {
        (void)rmdir(folder);
    }
}
