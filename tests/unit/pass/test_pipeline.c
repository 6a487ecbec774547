// SPDX-License-Identifier: Apache-2.0
// Lists of passes: levels, text form both ways, options, skipping, what is refused.
#include <string.h>

#include "tests.h"

static void expect_text(const struct mopt_pipeline *pipeline, const char *text)
{
    struct mopt_error err = {.offset = -1};
    struct mopt_strbuf out = {0};
    assert_int_equal(mopt__pipeline_print(pipeline, &out, &err), MOPT_OK);
    assert_string_equal(mopt__strbuf_text(&out), text);
    mopt__strbuf_release(&out);
}

static void levels(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "no-identity", "no-identity,no-double-neg",
                                        "no-identity,no-double-neg,count-nodes"};
    struct mopt_error err = {.offset = -1};
    struct mopt_pipeline pipeline;
    for (int level = 0; level <= 3; level++) {
        assert_int_equal(mopt__pipeline_level(&support_passes, level, &pipeline, &err), MOPT_OK);
        expect_text(&pipeline, texts[level]);
        assert_true(pipeline.rounds > 1);
        mopt__pipeline_release(&pipeline);
    }
    assert_int_equal(mopt__pipeline_level(&support_passes, 4, &pipeline, &err), MOPT_E_USAGE);
    mopt__pipeline_release(&pipeline);
    assert_int_equal(mopt__pipeline_level(&support_passes, -1, &pipeline, &err), MOPT_E_USAGE);
    mopt__pipeline_release(&pipeline);
}

static void text_reads_back(void **state)
{
    (void)state;
    static const char *const texts[][2] = {
        {"", ""},
        {"  ", ""},
        {"no-identity", "no-identity"},
        {" no-identity , count-nodes,no-identity ", "no-identity,count-nodes,no-identity"},
        {"set-options{number=-3}", "set-options{number=-3}"},
        {"set-options { number = 3 , flag } , no-identity",
         "set-options{ number = 3 , flag },no-identity"},
        {"set-options{text=\"a,b}\\\"c\"},no-identity",
         "set-options{text=\"a,b}\\\"c\"},no-identity"},
        {"set-options{}", "set-options"},
    };
    for (size_t i = 0; i < MOPT_COUNTOF(texts); i++) {
        struct mopt_pipeline pipeline = support_pipeline(texts[i][0]);
        expect_text(&pipeline, texts[i][1]);
        struct mopt_pipeline again = support_pipeline(texts[i][1]);
        expect_text(&again, texts[i][1]);
        assert_int_equal(pipeline.count, again.count);
        mopt__pipeline_release(&pipeline);
        mopt__pipeline_release(&again);
    }
}

static void wrong_texts(void **state)
{
    (void)state;
    static const char *const texts[][2] = {
        {"no-identiy", "nearest is 'no-identity'"},
        {"something-else", "no pass is called 'something-else'"},
        {"no-identity,", "name of a pass expected"},
        {",no-identity", "name of a pass expected"},
        {"no-identity count-nodes", "',' expected"},
        {"no-identity}", "',' expected"},
        {"set-options{number=3", "'}' is missing"},
        {"set-options{text=\"a}", "'}' is missing"},
        {"set-options{numbr=3}", "nearest is 'number'"},
        {"set-options{colour=3}", "has no option 'colour'"},
        {"no-identity{number=3}", "has no option 'number'"},
        {"set-options{number=x}", "must be a whole number"},
        {"set-options{number}", "needs a value"},
        {"set-options{number=}", "must be a whole number"},
        {"set-options{ratio=much}", "must be a number"},
        {"set-options{flag=1}", "must be true or false"},
        {"set-options{number=1,}", "has no option ''"},
    };
    struct mopt_error err = {.offset = -1};
    struct mopt_pipeline pipeline = support_pipeline("count-nodes");
    for (size_t i = 0; i < MOPT_COUNTOF(texts); i++) {
        char text[256] = "no-identity,";
        strncat(text, texts[i][0], sizeof text - 16);
        assert_int_equal(mopt__pipeline_add(&support_passes, text, &pipeline, &err), MOPT_E_USAGE);
        if (strstr(err.text, texts[i][1]) == NULL) {
            fail_msg("%s: %s", texts[i][0], err.text);
        }
        expect_text(&pipeline, "count-nodes"); // nothing half added
    }
    mopt__pipeline_release(&pipeline);
}

static void skipping(void **state)
{
    (void)state;
    struct mopt_error err = {.offset = -1};
    struct mopt_pipeline pipeline =
        support_pipeline("no-identity,count-nodes,no-identity,set-options{flag},fail-late");
    assert_int_equal(mopt__pipeline_skip(&support_passes, "no-identity, fail-late,add-dead",
                                         &pipeline, &err),
                     MOPT_OK);
    expect_text(&pipeline, "count-nodes,set-options{flag}");
    assert_int_equal(mopt__pipeline_skip(&support_passes, "", &pipeline, &err), MOPT_OK);
    assert_int_equal(mopt__pipeline_skip(&support_passes, "count-node", &pipeline, &err),
                     MOPT_E_USAGE);
    assert_non_null(strstr(err.text, "nearest is 'count-nodes'"));
    expect_text(&pipeline, "count-nodes,set-options{flag}");
    mopt__pipeline_release(&pipeline);
}

static void finding(void **state)
{
    (void)state;
    assert_string_equal(mopt__pass_find(&support_passes, "fail-late")->name, "fail-late");
    assert_null(mopt__pass_find(&support_passes, "fail"));
    assert_string_equal(mopt__pass_nearest(&support_passes, "faillate"), "fail-late");
    assert_null(mopt__pass_nearest(&support_passes, "zzz"));
}

static void run_options(const char *text)
{
    struct mopt_error err = {.offset = -1};
    struct mopt_pipeline pipeline = support_pipeline(text);
    struct mopt_model *model = support_model("graph main (float[2] x) -> (y) { y = Neg(x); }");
    const struct mopt_manager_options options = {.data = &pipeline};
    assert_int_equal(mopt__manager_run(&model, &pipeline, &options, NULL, &err), MOPT_OK);
    assert_ptr_equal(support_seen()->data, &pipeline);
    assert_true(support_seen()->errors);
    mopt__model_free(model);
    mopt__pipeline_release(&pipeline);
}

static void options_arrive(void **state)
{
    (void)state;
    struct support_seen *seen = support_seen();
    run_options("set-options");
    assert_int_equal(seen->number, 7);
    assert_true(seen->ratio == 0.5);
    assert_false(seen->flag);
    assert_string_equal(seen->text, "NULL");
    run_options("set-options{number=-12, ratio=2e-3, flag, text=\"a, \\\"b\\\" = {c}\"}");
    assert_int_equal(seen->number, -12);
    assert_true(seen->ratio == 2e-3);
    assert_true(seen->flag);
    assert_string_equal(seen->text, "a, \"b\" = {c}");
    run_options("set-options{flag=false,text=plain}");
    assert_false(seen->flag);
    assert_string_equal(seen->text, "plain");
}

int mopt__test_pipeline(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels),      cmocka_unit_test(text_reads_back),
        cmocka_unit_test(wrong_texts), cmocka_unit_test(skipping),
        cmocka_unit_test(finding),     cmocka_unit_test(options_arrive),
    };
    return cmocka_run_group_tests_name("pipeline", tests, NULL, NULL);
}
