// SPDX-License-Identifier: Apache-2.0
// The language of --pre, on a small image.
#include "fuzz/fuzz.h"

#include <string.h>

#include "data/data.h"
#include "data/preprocess.h"

enum { SIDE = 6, LARGEST = 600 };

static struct mopt_tensor *image(void)
{
    struct mopt_error err;
    struct mopt_tensor *tensor = NULL;
    const int64_t dims[3] = {SIDE, SIDE, 3};
    if (mopt__tensor_new(MOPT_UINT8, 3, dims, &tensor, &err) != MOPT_OK) {
        return NULL;
    }
    uint8_t *pixels = mopt__tensor_data(tensor);
    for (size_t i = 0; i < tensor->bytes; i++) {
        pixels[i] = (uint8_t)(i * 37);
    }
    return tensor;
}

// Steps may ask for 2^26 pixels, which is legal and slow.
static bool is_cheap(const struct mopt_preprocess *pre)
{
    for (size_t i = 0; i < pre->count; i++) {
        if (pre->steps[i].width > LARGEST || pre->steps[i].height > LARGEST) {
            return false;
        }
    }
    return true;
}

static void apply(const struct mopt_preprocess *pre)
{
    struct mopt_error err;
    struct mopt_tensor *from = image();
    struct mopt_tensor *to = NULL;
    mopt_error_clear(&err);
    if (from != NULL && mopt__preprocess_image(pre, from, &to, &err) != MOPT_OK &&
        (err.text[0] == '\0' || err.status == MOPT_E_INTERNAL)) {
        fuzz_fail("preprocessing failed without a reason", err.text);
    }
    mopt__tensor_unref(to);
    mopt__tensor_unref(from);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mopt_error err;
    struct mopt_preprocess *pre = NULL;
    char *text = mopt__strndup((const char *)data, size);
    if (text == NULL) {
        return 0;
    }
    mopt_error_clear(&err);
    if (mopt__preprocess_parse(text, &pre, &err) == MOPT_OK) {
        if (is_cheap(pre)) {
            apply(pre);
        }
    } else if (err.text[0] == '\0' || err.status == MOPT_E_INTERNAL) {
        fuzz_fail("parsing failed without a reason", err.text);
    }
    mopt__preprocess_free(pre);
    mopt__free(text);
    return 0;
}
