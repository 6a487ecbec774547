// SPDX-License-Identifier: Apache-2.0
// The benchmark loop and what surrounds it: warming up, streams, costs of nodes, peaks, roofline,
// counters of the machine. No absolute time is asserted.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernels/table.h"
#include "tests.h"

static const char model_text[] =
    "model (ir=8, opset=13) {\n"
    "  graph g (float[batch,8] x) -> (float[batch,3] y) {\n"
    "    float[8,3] w = {1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24};\n"
    "    h = MatMul(x, w);\n"
    "    y = Relu(h);\n"
    "  }\n"
    "}\n";

struct setup {
    struct mopt_model *model;
    struct mopt_feed *feed;
    const struct mopt_feed_item *item;
    struct mopt_dims *dims; // batch = 4
};

static struct setup prepare(void)
{
    struct setup setup = {.model = mopt__test_model(model_text)};
    struct mopt_error err;
    struct mopt_feed_options options = {.random = true, .samples = 1, .batch = 4};
    struct mopt_facts facts;
    mopt_error_clear(&err);
    assert_int_equal(mopt__feed_new(setup.model, &options, &setup.feed, &err), MOPT_OK);
    assert_int_equal(mopt__feed_next(setup.feed, &setup.item, &err), MOPT_OK);
    assert_int_equal(mopt__facts_gather(setup.model, NULL, 0, &facts, &err), MOPT_OK);
    mopt__facts_release(&facts);
    setup.dims = mopt__dims_clone(setup.model->dims);
    assert_non_null(setup.dims);
    assert_int_equal(mopt__bind_dims(setup.model->graph, setup.dims, NULL, 0, 4, &err), MOPT_OK);
    return setup;
}

static void tear_down(struct setup *setup)
{
    mopt__dims_free(setup->dims);
    mopt__feed_free(setup->feed);
    mopt__model_free(setup->model);
}

static void bench(const struct setup *setup, const struct mopt_bench_options *options,
                  struct mopt_bench_result *result)
{
    struct mopt_error err;
    mopt_error_clear(&err);
    if (mopt__bench_model(setup->model, setup->item->inputs, options, result, &err) != MOPT_OK) {
        fail_msg("%s", err.text);
    }
}

static void warms_up_and_counts_runs(void **state)
{
    (void)state;
    struct setup setup = prepare();
    struct mopt_bench_result result;
    struct mopt_bench_options options = {.session = {.threads = 1}, .min_runs = 7};
    bench(&setup, &options, &result);
    assert_int_equal(result.run.count, 7);
    assert_int_equal(result.warmup_runs, 0);
    assert_false(result.stable);
    assert_int_equal(result.streams, 1);
    assert_int_equal(result.node_count, 0);
    assert_true(result.plan_s > 0 && result.first_s > 0 && result.runs_per_second > 0);
    mopt__bench_release(&result);

    options.warmup_seconds = 0.2;
    options.min_seconds = 0.01;
    options.min_runs = 1;
    bench(&setup, &options, &result);
    assert_true(result.warmup_runs >= 5);
    assert_true(result.warmup_s > 0 && (result.stable || result.warmup_s >= 0.2));
    assert_true(result.run.count > 1);
    mopt__bench_release(&result);
    tear_down(&setup);
}

static void streams_share_the_runs(void **state)
{
    (void)state;
    struct setup setup = prepare();
    struct mopt_bench_result result;
    struct mopt_bench_options options = {.session = {.threads = 4},
                                         .min_runs = 9,
                                         .streams = 3,
                                         .warmup_seconds = 0.01};
    bench(&setup, &options, &result);
    assert_int_equal(result.streams, 3);
    assert_int_equal(result.threads, 1); // of each stream
    assert_int_equal(result.run.count, 9);
    assert_true(result.runs_per_second > 0);
    mopt__bench_release(&result);

    struct mopt_error err;
    mopt_error_clear(&err);
    options.streams = 1000;
    assert_int_equal(mopt__bench_model(setup.model, setup.item->inputs, &options, &result, &err),
                     MOPT_E_USAGE);
    tear_down(&setup);
}

static void nodes_have_costs(void **state)
{
    (void)state;
    struct setup setup = prepare();
    struct mopt_node_cost cost;
    const struct mopt_node *product = setup.model->graph->first;
    mopt__node_cost(product, setup.dims, &cost);
    assert_true(cost.known);
    assert_int_equal(cost.macs, 4 * 8 * 3);
    assert_int_equal(cost.bytes, (4 * 8 + 8 * 3 + 4 * 3) * sizeof(float));
    mopt__node_cost(product, setup.model->dims, &cost); // batch is open here
    assert_false(cost.known);
    assert_int_equal(cost.bytes, 0);

    struct mopt_bench_result result;
    struct mopt_bench_options options = {.session = {.threads = 1},
                                         .min_runs = 1,
                                         .per_node = true,
                                         .dims = setup.dims};
    bench(&setup, &options, &result);
    uint64_t macs = 0;
    size_t places = 0;
    for (size_t i = 0; i < result.node_count; i++) {
        macs += result.nodes[i].cost.macs;
        places += result.nodes[i].place;
        assert_true(i == 0 || result.nodes[i - 1].seconds >= result.nodes[i].seconds);
    }
    assert_true(result.node_count > 0);
    assert_int_equal(macs, 4 * 8 * 3);
    assert_int_equal(places, result.node_count * (result.node_count - 1) / 2);
    mopt__bench_release(&result);
    tear_down(&setup);
}

// A session may run a copy of the model, with nodes of its own: their names outlive it.
static void names_outlive_the_session(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "model (ir=8, opset=13) { graph g (float16[2,2] x) -> (float16[2,2] y) {"
        " float16[2,2] w = {1, 2, 3, 4}; h = MatMul(x, w); y = Softmax(h); } }",
        "model (ir=8, opset=13, \"my\"=1) { graph g (float[2,2] x) -> (float[2,2] y) {\n"
        "y = \"my\"::F(x); }\nfunction \"my\"::F(a) -> (b) (opset=13) {"
        " h = MatMul(a, a); s = MatMul(h, a); b = Softmax(s); } }"};
    for (size_t t = 0; t < MOPT_COUNTOF(texts); t++) {
        struct setup setup = {.model = mopt__test_model(texts[t])};
        struct mopt_feed_options feed = {.random = true, .samples = 1, .batch = 1};
        struct mopt_bench_options options = {.session = {.threads = 1},
                                             .min_runs = 1,
                                             .per_node = true};
        struct mopt_bench_result result;
        struct mopt_error err;
        bool found = false;
        mopt_error_clear(&err);
        assert_int_equal(mopt__feed_new(setup.model, &feed, &setup.feed, &err), MOPT_OK);
        assert_int_equal(mopt__feed_next(setup.feed, &setup.item, &err), MOPT_OK);
        bench(&setup, &options, &result);
        for (size_t i = 0; i < result.node_count; i++) {
            found = found || strcmp(result.nodes[i].op, "Softmax") == 0;
            assert_true(strlen(result.nodes[i].name) > 0);
            assert_false(result.nodes[i].inner);
        }
        assert_true(found);
        mopt__bench_release(&result);
        tear_down(&setup);
    }
}

// Four nodes of which two never ran: the product went into Relu, the other Relu was used by nobody.
static void nodes_that_never_ran_join_their_users(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_model *model = mopt__test_model(
        "model (ir=8, opset=13) { graph g (float[2,8] x) -> (float[2,3] y) {"
        " float[8,3] w = {1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24};"
        " h = MatMul(x, w); r = Relu(h); u = Relu(x); y = Neg(r); } }");
    struct mopt_facts facts;
    struct mopt_bench_node nodes[4] = {{0}};
    size_t count = 0;
    mopt_error_clear(&err);
    assert_int_equal(mopt__facts_gather(model, NULL, 0, &facts, &err), MOPT_OK);
    mopt__facts_release(&facts);
    for (const struct mopt_node *node = model->graph->first; node != NULL; node = node->next) {
        nodes[count] = (struct mopt_bench_node){.node = node,
                                                .name = node->op_type,
                                                .op = node->op_type,
                                                .place = count,
                                                .calls = count == 1 || count == 3};
        mopt__node_cost(node, model->dims, &nodes[count].cost);
        count++;
    }
    assert_int_equal(mopt__bench_join_fused(nodes, &count, model->dims, &err), MOPT_OK);
    assert_int_equal(count, 2);
    assert_string_equal(nodes[0].op, "MatMul");
    assert_int_equal(nodes[0].fused, 1);
    assert_int_equal(nodes[0].cost.macs, 2 * 8 * 3);
    assert_int_equal(nodes[0].cost.bytes, (2 * 8 + 8 * 3 + 2 * 3) * sizeof(float)); // x, w, r
    assert_string_equal(nodes[1].op, "Neg");
    assert_int_equal(nodes[1].fused, 0);
    assert_int_equal(nodes[1].place, 1);
    mopt__model_free(model);
}

// ---- Peaks --------------------------------------------------------------------------------------

static void peaks_are_measured_on_demand(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_peaks peaks;
    const struct mopt_peaks_wanted all = {.f32 = true, .u8 = true, .read = true};
    const struct mopt_peaks_wanted one = {.u8 = true};
    mopt_error_clear(&err);
    assert_int_equal(mopt__peaks_measure(mopt__cpu_isa(), 2, &all, &peaks, &err), MOPT_OK);
    assert_true(peaks.f32 > 0 && peaks.u8 > 0 && peaks.read > 0);
    assert_int_equal(peaks.threads, 2);
    assert_int_equal(peaks.isa, mopt__cpu_isa());
    assert_int_equal(mopt__peaks_measure(MOPT_ISA_REF, 1, &one, &peaks, &err), MOPT_OK);
    assert_true(peaks.f32 == 0 && peaks.u8 > 0 && peaks.read == 0);
    assert_int_equal(peaks.isa, MOPT_ISA_REF);
}

static void peak_loops_count_their_work(void **state)
{
    (void)state;
    for (int isa = 0; isa <= (int)mopt__cpu_isa(); isa++) {
        struct mopt_kernels kernels;
        mopt__kernels_select((enum mopt_isa)isa, &kernels);
        assert_non_null(kernels.peak_f32);
        assert_non_null(kernels.peak_u8);
        assert_int_equal(kernels.peak_f32(0), 0);
        assert_int_equal(kernels.peak_u8(0), 0);
        uint64_t once = kernels.peak_f32(1);
        assert_true(once > 0);
        assert_int_equal(kernels.peak_f32(7), 7 * once);
        once = kernels.peak_u8(1);
        assert_true(once > 0);
        assert_int_equal(kernels.peak_u8(7), 7 * once);
    }
}

static void roofline_takes_the_longer_time(void **state)
{
    (void)state;
    double seconds;
    assert_int_equal(mopt__roofline(100, 10, 50, 10, &seconds), MOPT_BOUND_COMPUTE);
    assert_true(seconds == 2);
    assert_int_equal(mopt__roofline(100, 30, 50, 10, &seconds), MOPT_BOUND_MEMORY);
    assert_true(seconds == 3);
    assert_int_equal(mopt__roofline(0, 30, 50, 10, &seconds), MOPT_BOUND_MEMORY);
    assert_int_equal(mopt__roofline(100, 30, 0, 10, &seconds), MOPT_BOUND_UNKNOWN);
    assert_int_equal(mopt__roofline(100, 30, 50, 0, &seconds), MOPT_BOUND_UNKNOWN);
    assert_int_equal(mopt__roofline(0, 0, 50, 10, &seconds), MOPT_BOUND_UNKNOWN);
    assert_string_equal(mopt__bound_name(MOPT_BOUND_MEMORY), "memory");
    assert_string_equal(mopt__bound_name(MOPT_BOUND_COMPUTE), "compute");
    assert_string_equal(mopt__bound_name(MOPT_BOUND_UNKNOWN), "-");
}

// ---- Counters of the machine --------------------------------------------------------------------

static char root[64];

// Writes a file below the folder of the test, with the folders above it.
static void put(const char *path, const char *text)
{
    char full[256];
    (void)snprintf(full, sizeof full, "%s%s", root, path);
    for (char *slash = strchr(full + strlen(root) + 1, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(full, 0700);
        *slash = '/';
    }
    FILE *file = fopen(full, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int make_root(void **state)
{
    (void)state;
    (void)strcpy(root, "/tmp/mopt-test-machine-XXXXXX"); // NOLINT: fits
    return mkdtemp(root) != NULL ? 0 : -1;
}

static int remove_root(void **state)
{
    (void)state;
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", root);
    return system(command); // NOLINT: a folder that this test made
}

static void counters_that_are_absent_are_not_known(void **state)
{
    (void)state;
    struct mopt_machine_state moment;
    struct mopt_machine_use use;
    mopt__machine_read(root, &moment);
    mopt__machine_between(&moment, &moment, &use);
    assert_true(isnan(use.pressure) && isnan(use.steal) && isnan(use.joules));
    assert_non_null(use.energy_reason);
}

static void counters_are_subtracted(void **state)
{
    (void)state;
    struct mopt_machine_state before;
    struct mopt_machine_state after;
    struct mopt_machine_use use;
    const char package[] = "/sys/class/powercap/intel-rapl:0/energy_uj";
    put("/proc/pressure/cpu",
        "some avg10=0.00 avg60=0.00 avg300=0.00 total=1000000\nfull total=1\n");
    put("/proc/stat", "cpu  100 0 100 700 0 0 0 100 5 0\ncpu0 1 2 3\n");
    put("/sys/class/powercap/intel-rapl:0/name", "package-0\n");
    put(package, "9000000\n");
    put("/sys/class/powercap/intel-rapl:0/max_energy_range_uj", "10000000\n");
    mopt__machine_read(root, &before);
    put("/proc/pressure/cpu", "some avg10=0.00 avg60=0.00 avg300=0.00 total=1500000\n");
    put("/proc/stat", "cpu  150 0 100 740 0 0 0 110 5 0\n");
    put(package, "1500000\n"); // has started again
    mopt__machine_read(root, &after);
    after.clock_ns = before.clock_ns + 2000000000U;
    mopt__machine_between(&before, &after, &use);
    assert_true(fabs(use.seconds - 2) < 1e-9);
    assert_true(fabs(use.pressure - 0.25) < 1e-9);
    assert_true(fabs(use.steal - 0.1) < 1e-9);
    assert_true(fabs(use.joules - 2.5) < 1e-9);
    assert_null(use.energy_reason);
}

static void energy_that_cannot_be_read_has_a_reason(void **state)
{
    (void)state;
    struct mopt_machine_state moment;
    put("/sys/class/powercap/intel-rapl:0/name", "package-0\n");
    put("/sys/class/powercap/intel-rapl:0/energy_uj/x", ""); // a folder: reading fails
    mopt__machine_read(root, &moment);
    assert_int_equal(moment.packages, 0);
    assert_non_null(strstr(moment.energy_reason, "cannot be read"));
}

int mopt__test_bench(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(warms_up_and_counts_runs),
        cmocka_unit_test(streams_share_the_runs),
        cmocka_unit_test(nodes_have_costs),
        cmocka_unit_test(names_outlive_the_session),
        cmocka_unit_test(nodes_that_never_ran_join_their_users),
        cmocka_unit_test(peaks_are_measured_on_demand),
        cmocka_unit_test(peak_loops_count_their_work),
        cmocka_unit_test(roofline_takes_the_longer_time),
        cmocka_unit_test_setup_teardown(counters_that_are_absent_are_not_known, make_root,
                                        remove_root),
        cmocka_unit_test_setup_teardown(counters_are_subtracted, make_root, remove_root),
        cmocka_unit_test_setup_teardown(energy_that_cannot_be_read_has_a_reason, make_root,
                                        remove_root),
    };
    return cmocka_run_group_tests_name("bench", tests, NULL, NULL);
}
