// SPDX-License-Identifier: Apache-2.0
// The JSON result: parts, states, text that is not UTF-8, large numbers.
#include <string.h>

#include "base/alloc.h"
#include "tests.h"

static cJSON *printed(struct mopt_envelope *envelope, enum mopt_status status,
                      const struct mopt_error *err)
{
    char *text = mopt__envelope_print(envelope, "try", NULL, status, err);
    cJSON *document = cJSON_Parse(text);
    assert_non_null(document);
    mopt__free(text);
    mopt__envelope_release(envelope);
    return document;
}

static const char *text_of(const cJSON *object, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(object, name)->valuestring;
}

static void parts(void **state)
{
    (void)state;
    struct mopt_envelope envelope;
    struct mopt_error err;
    mopt_error_clear(&err);
    mopt__envelope_init(&envelope);
    mopt__envelope_input(&envelope, "model", "a\xff.onnx", -1, NULL);
    mopt__json_size(envelope.result, "large", UINT64_MAX);
    mopt__json_number(envelope.timing, "run_ms", 1.5);
    char *text = mopt__envelope_print(&envelope, "try", NULL, MOPT_OK, &err);
    assert_non_null(strstr(text, "18446744073709551615"));
    assert_non_null(strstr(text, "a\\\\xff.onnx"));
    cJSON *document = cJSON_Parse(text);
    assert_non_null(document);
    static const char *const names[] = {"schema", "command",  "status",   "exit_code",
                                        "inputs", "outputs",  "settings", "result",
                                        "gates",  "warnings", "error",    "run"};
    for (size_t i = 0; i < MOPT_COUNTOF(names); i++) {
        assert_non_null(cJSON_GetObjectItemCaseSensitive(document, names[i]));
    }
    assert_string_equal(text_of(document, "schema"), "mopt.result/1");
    assert_string_equal(text_of(document, "status"), "ok");
    const cJSON *run = cJSON_GetObjectItemCaseSensitive(document, "run");
    assert_non_null(cJSON_GetObjectItemCaseSensitive(run, "run_ms"));
    mopt__free(text);
    cJSON_Delete(document);
    mopt__envelope_release(&envelope);
}

static void states(void **state)
{
    (void)state;
    struct mopt_envelope envelope;
    struct mopt_error err;
    mopt_error_clear(&err);
    mopt__envelope_init(&envelope);
    cJSON *document = printed(&envelope, MOPT_E_NEGATIVE, &err);
    assert_string_equal(text_of(document, "status"), "negative");
    assert_true(cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(document, "error")));
    cJSON_Delete(document);
    mopt__envelope_init(&envelope);
    (void)mopt_error_set_at(&err, MOPT_E_FORMAT, 17, "broken");
    document = printed(&envelope, MOPT_E_FORMAT, &err);
    const cJSON *error = cJSON_GetObjectItemCaseSensitive(document, "error");
    assert_string_equal(text_of(document, "status"), "error");
    assert_string_equal(text_of(error, "code"), "format");
    assert_string_equal(text_of(error, "text"), "broken");
    assert_int_equal(cJSON_GetObjectItemCaseSensitive(error, "offset")->valueint, 17);
    assert_int_equal(cJSON_GetObjectItemCaseSensitive(document, "exit_code")->valueint, 65);
    cJSON_Delete(document);
}

int mopt__test_envelope(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts),
        cmocka_unit_test(states),
    };
    return cmocka_run_group_tests_name("envelope", tests, NULL, NULL);
}
