// SPDX-License-Identifier: Apache-2.0
// Makes seeds: model files from text models, arrays and tensors, and text from model files. The
// tree holds no bytes. usage: make_seeds FOLDER MODEL.txt|MODEL.onnx...
// (writes FOLDER/models, FOLDER/data and FOLDER/texts)
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "data/data.h"
#include "ir/text.h"
#include "onnx/onnx.h"

enum { PATH_BYTES = 4096, PRINTED_MAX = 16384 };

static struct mopt_error problem;

static bool write_model(const char *folder, const char *path)
{
    char name[PATH_BYTES];
    struct mopt_mapping *mapping = NULL;
    struct mopt_model *model = NULL;
    struct mopt_onnx_save_options options = {.force = true, .external = 0};
    (void)snprintf(name, sizeof name, "%s/models/%s.onnx", folder, mopt__path_basename(path));
    bool good =
        mopt__mapping_open(path, 0, &mapping, &problem) == MOPT_OK &&
        mopt__text_parse((const char *)mapping->data, mapping->size, &model, &problem) == MOPT_OK &&
        mopt__onnx_save(model, name, &options, NULL, &problem) == MOPT_OK;
    mopt__model_free(model);
    mopt__mapping_unref(mapping);
    return good;
}

// A model that is not understood makes no seed; the suites hold some.
static bool write_text(const char *folder, const char *path)
{
    char name[PATH_BYTES];
    struct mopt_model *model = NULL;
    struct mopt_strbuf text = {0};
    const struct mopt_text_options options = {.max_elements = 0};
    (void)snprintf(name, sizeof name, "%s/texts/%s.txt", folder, mopt__path_basename(path));
    bool loaded = mopt__onnx_load(path, NULL, &model, &problem) == MOPT_OK &&
                  mopt__text_print(model, &options, &text, &problem) == MOPT_OK;
    bool good =
        !loaded || text.length > PRINTED_MAX ||
        mopt__file_write(name, mopt__strbuf_text(&text), text.length, true, &problem) == MOPT_OK;
    mopt__strbuf_release(&text);
    mopt__model_free(model);
    return good;
}

static bool write_arrays(const char *folder, enum mopt_dtype dtype)
{
    char name[PATH_BYTES];
    const int64_t dims[4] = {3, 1, 4, 4};
    struct mopt_tensor *tensor = NULL;
    struct mopt_datum *datum = NULL;
    const char *names[2] = {"x", "label"};
    const char *type = mopt__dtype_name(dtype);
    if (mopt__tensor_new(dtype, 4, dims, &tensor, &problem) != MOPT_OK) {
        return false;
    }
    memset(mopt__tensor_data(tensor), 1, tensor->bytes);
    struct mopt_tensor *tensors[2] = {tensor, tensor};
    (void)snprintf(name, sizeof name, "%s/data/%s.npy", folder, type);
    bool good = mopt__npy_save(tensor, name, true, &problem) == MOPT_OK;
    (void)snprintf(name, sizeof name, "%s/data/%s.npz", folder, type);
    good = good && mopt__npz_save(name, names, tensors, 2, true, &problem) == MOPT_OK;
    (void)snprintf(name, sizeof name, "%s/data/%s.pb", folder, type);
    good = good && mopt__datum_tensor(tensor, &datum, &problem) == MOPT_OK &&
           mopt__onnx_save_datum(datum, "x", name, true, &problem) == MOPT_OK;
    mopt__datum_unref(datum);
    mopt__tensor_unref(tensor);
    return good;
}

static bool write_bytes(const char *folder, const char *file, const void *bytes, size_t size)
{
    char name[PATH_BYTES];
    (void)snprintf(name, sizeof name, "%s/data/%s", folder, file);
    return mopt__file_write(name, bytes, size, true, &problem) == MOPT_OK;
}

static bool write_others(const char *folder)
{
    // 2 images of 4x4 bytes; a picture of one grey pixel (PNG, whole); an empty gzip stream.
    static const uint8_t idx[16 + 32] = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0, 4, 1, 2, 3};
    static const uint8_t png[] = {0x89, 'P', 'N',  'G',  13,   10,   26,   10,   0,    0, 0, 13,
                                  'I',  'H', 'D',  'R',  0,    0,    0,    1,    0,    0, 0, 1,
                                  8,    0,   0,    0,    0,    0x3a, 0x7e, 0x9b, 0x55, 0, 0, 0,
                                  10,   'I', 'D',  'A',  'T',  0x78, 0x9c, 0x63, 0x68, 0, 0, 0,
                                  0x82, 0,   0x81, 0x77, 0xcd, 0x72, 0xb6, 0,    0,    0, 0, 'I',
                                  'E',  'N', 'D',  0xae, 0x42, 0x60, 0x82};
    static const uint8_t gz[] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    static const char list[] = "a.npy 1\nb.npy 2\nx=c.npy y=d.npy\n";
    return write_bytes(folder, "images.idx", idx, sizeof idx) &&
           write_bytes(folder, "pixel.png", png, sizeof png) &&
           write_bytes(folder, "empty.gz", gz, sizeof gz) &&
           write_bytes(folder, "list.txt", list, sizeof list - 1);
}

int main(int argc, char **argv)
{
    char name[PATH_BYTES];
    if (argc < 2) {
        return 2;
    }
    mopt_error_clear(&problem);
    (void)mkdir(argv[1], 0755);
    (void)snprintf(name, sizeof name, "%s/models", argv[1]);
    (void)mkdir(name, 0755);
    (void)snprintf(name, sizeof name, "%s/data", argv[1]);
    (void)mkdir(name, 0755);
    (void)snprintf(name, sizeof name, "%s/texts", argv[1]);
    (void)mkdir(name, 0755);
    bool good = write_arrays(argv[1], MOPT_FLOAT32) && write_arrays(argv[1], MOPT_INT64) &&
                write_arrays(argv[1], MOPT_UINT8) && write_others(argv[1]);
    for (int i = 2; good && i < argc; i++) {
        const char *end = strrchr(argv[i], '.');
        bool binary = end != NULL && strcmp(end, ".onnx") == 0;
        good = binary ? write_text(argv[1], argv[i]) : write_model(argv[1], argv[i]);
    }
    if (!good) {
        (void)fprintf(stderr, "%s\n", problem.text);
    }
    return !good;
}
