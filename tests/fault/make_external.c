// SPDX-License-Identifier: Apache-2.0
// Saves a model with external data under a given name: make_external IN.onnx OUT.onnx NAME
#include <stdio.h>

#include "onnx/onnx.h"

int main(int argc, char **argv)
{
    struct mopt_error err;
    struct mopt_model *model = NULL;
    if (argc != 4) {
        return 2;
    }
    struct mopt_onnx_save_options options = {.force = true,
                                             .external = 1,
                                             .external_name = argv[3]};
    mopt_error_clear(&err);
    if (mopt__onnx_load(argv[1], NULL, &model, &err) != MOPT_OK ||
        mopt__onnx_save(model, argv[2], &options, NULL, &err) != MOPT_OK) {
        (void)fprintf(stderr, "%s\n", err.text);
    }
    mopt__model_free(model);
    return err.status != MOPT_OK;
}
