// SPDX-License-Identifier: Apache-2.0
// Sums and files of outputs.
#include "cli/outputs.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "onnx/onnx.h"

// ---- Sums ---------------------------------------------------------------------------------------

static bool is_number(const struct mopt_tensor *tensor)
{
    return tensor->dtype != MOPT_STRING && tensor->dtype != MOPT_COMPLEX64 &&
           tensor->dtype != MOPT_COMPLEX128;
}

static void describe(struct mopt_output_sum *sum, const struct mopt_tensor *tensor)
{
    enum { SHOWN = 5 };
    struct mopt_strbuf type = {0};
    struct mopt_strbuf first = {0};
    mopt__strbuf_printf(&type, "%s[", mopt__dtype_name(tensor->dtype));
    for (int i = 0; i < tensor->rank; i++) {
        mopt__strbuf_printf(&type, "%s%lld", i > 0 ? "," : "", (long long)tensor->dims[i]);
    }
    mopt__strbuf_add_char(&type, ']');
    for (size_t i = 0; is_number(tensor) && i < tensor->count && i < SHOWN; i++) {
        mopt__strbuf_printf(&first, "%s%.4g", i > 0 ? " " : "", mopt__tensor_f64(tensor, i));
    }
    mopt__strbuf_add(&first, tensor->count > SHOWN ? " ..." : "");
    (void)snprintf(sum->type, sizeof sum->type, "%s", mopt__strbuf_text(&type));
    (void)snprintf(sum->first, sizeof sum->first, "%s", mopt__strbuf_text(&first));
    mopt__strbuf_release(&type);
    mopt__strbuf_release(&first);
}

static void add_tensor(struct mopt_output_sum *sum, const struct mopt_tensor *tensor)
{
    if (!is_number(tensor)) {
        sum->count += tensor->count;
        return;
    }
    for (size_t i = 0; i < tensor->count; i++) {
        double x = mopt__tensor_f64(tensor, i);
        if (!isfinite(x)) {
            sum->not_finite++;
            continue;
        }
        bool empty = sum->count == sum->not_finite;
        sum->min = empty || x < sum->min ? x : sum->min;
        sum->max = empty || x > sum->max ? x : sum->max;
        sum->sum += x;
        sum->count++;
    }
}

void mopt__output_sum_add(struct mopt_output_sum *sum, const struct mopt_datum *datum)
{
    if (datum->tensor != NULL && datum->kind == MOPT_DATUM_TENSOR) {
        if (sum->type[0] == '\0') {
            describe(sum, datum->tensor);
        }
        add_tensor(sum, datum->tensor);
        return;
    }
    if (sum->type[0] == '\0') {
        (void)snprintf(sum->type, sizeof sum->type, "%s of %zu",
                       datum->kind == MOPT_DATUM_SEQUENCE   ? "sequence"
                       : datum->kind == MOPT_DATUM_OPTIONAL ? "optional"
                                                            : "map",
                       datum->count);
    }
    for (size_t i = 0; i < datum->count; i++) {
        if (datum->items[i] != NULL && datum->items[i]->tensor != NULL) {
            add_tensor(sum, datum->items[i]->tensor);
        }
    }
}

// ---- Saving -------------------------------------------------------------------------------------

enum form { FORM_NPY, FORM_NPZ, FORM_FOLDER };

struct mopt_saver {
    struct mopt_cli *cli;
    const struct mopt_model *model;
    const char *path;
    enum form form;
    bool force, dry;
    struct mopt_tensor **parts; // [run * outputs + output], copies
    size_t part_count, capacity;
    size_t runs;
};

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text);
    size_t tail = strlen(end);
    return length > tail && strcmp(text + length - tail, end) == 0;
}

enum mopt_status mopt__saver_new(struct mopt_cli *cli, const struct mopt_model *model,
                                 const char *path, struct mopt_saver **out, struct mopt_error *err)
{
    struct mopt_saver *saver = mopt__calloc(1, sizeof *saver);
    *out = saver;
    if (saver == NULL) {
        return mopt_error_memory(err);
    }
    saver->cli = cli;
    saver->model = model;
    saver->path = path;
    saver->force = mopt__option_flag(&cli->options, "force");
    saver->dry = mopt__option_flag(&cli->options, "dry-run");
    saver->form = ends_with(path, ".npz")   ? FORM_NPZ
                  : ends_with(path, ".npy") ? FORM_NPY
                                            : FORM_FOLDER;
    if (saver->form == FORM_NPY && model->graph->outputs.count != 1) {
        return mopt_error_set(err, MOPT_E_USAGE,
                              "the model has %zu outputs, an .npy file holds one: use .npz",
                              model->graph->outputs.count);
    }
    return MOPT_OK;
}

static enum mopt_status make_dir(const char *path, struct mopt_error *err)
{
    if (mkdir(path, 0777) != 0 && errno != EEXIST) {
        return mopt_error_set(err, MOPT_E_CREATE, "cannot create folder '%s': %s", path,
                              strerrordesc_np(errno));
    }
    return MOPT_OK;
}

static enum mopt_status save_list(struct mopt_saver *saver, const char *dir, const char *kind,
                                  const struct mopt_value_list *list,
                                  struct mopt_datum *const *data, struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;
    size_t number = 0;
    for (size_t i = 0; i < list->count && status == MOPT_OK; i++) {
        if (data[i] == NULL) {
            continue;
        }
        struct mopt_strbuf path = {0};
        mopt__strbuf_printf(&path, "%s/%s_%zu.pb", dir, kind, number++);
        status = path.failed ? mopt_error_memory(err)
                             : mopt__onnx_save_datum(data[i], list->items[i]->name,
                                                     mopt__strbuf_text(&path), saver->force, err);
        if (status == MOPT_OK) {
            mopt__envelope_output_file(&saver->cli->envelope, kind, mopt__strbuf_text(&path));
        }
        mopt__strbuf_release(&path);
    }
    return status;
}

static enum mopt_status save_set(struct mopt_saver *saver, struct mopt_datum *const *inputs,
                                 struct mopt_datum *const *outputs, struct mopt_error *err)
{
    struct mopt_strbuf dir = {0};
    mopt__strbuf_printf(&dir, "%s/test_data_set_%zu", saver->path, saver->runs);
    enum mopt_status status = dir.failed ? mopt_error_memory(err) : make_dir(saver->path, err);
    if (status == MOPT_OK) {
        status = make_dir(mopt__strbuf_text(&dir), err);
    }
    const struct mopt_graph *graph = saver->model->graph;
    if (status == MOPT_OK) {
        status = save_list(saver, mopt__strbuf_text(&dir), "input", &graph->inputs, inputs, err);
    }
    if (status == MOPT_OK) {
        status = save_list(saver, mopt__strbuf_text(&dir), "output", &graph->outputs, outputs, err);
    }
    mopt__strbuf_release(&dir);
    return status;
}

static enum mopt_status keep(struct mopt_saver *saver, const struct mopt_datum *datum,
                             const char *name, struct mopt_error *err)
{
    if (datum->kind != MOPT_DATUM_TENSOR) {
        return mopt_error_set(err, MOPT_E_UNSUPPORTED,
                              "output '%s' is no tensor, save to a folder instead", name);
    }
    enum mopt_status status = mopt__grow((void **)&saver->parts, &saver->capacity,
                                         saver->part_count + 1, sizeof *saver->parts, err);
    if (status == MOPT_OK) {
        status = mopt__tensor_copy(datum->tensor, &saver->parts[saver->part_count], err);
        saver->part_count += status == MOPT_OK;
    }
    return status;
}

enum mopt_status mopt__saver_add(struct mopt_saver *saver, struct mopt_datum *const *inputs,
                                 struct mopt_datum *const *outputs, struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;
    if (saver->form == FORM_FOLDER) {
        status = saver->dry ? MOPT_OK : save_set(saver, inputs, outputs, err);
    } else {
        const struct mopt_value_list *list = &saver->model->graph->outputs;
        for (size_t i = 0; i < list->count && status == MOPT_OK; i++) {
            status = keep(saver, outputs[i], list->items[i]->name, err);
        }
    }
    saver->runs++;
    return status;
}

// All parts of an output as one tensor: joined along axis 0, scalars become a vector.
static enum mopt_status join(const struct mopt_saver *saver, size_t output,
                             struct mopt_tensor **out, struct mopt_error *err)
{
    size_t outputs = saver->model->graph->outputs.count;
    struct mopt_tensor *first = saver->parts[output];
    if (saver->runs == 1) {
        *out = mopt__tensor_ref(first);
        return MOPT_OK;
    }
    const char *name = saver->model->graph->outputs.items[output]->name;
    int rank = first->rank > 0 ? first->rank : 1;
    int64_t dims[MOPT_RANK_MAX] = {0};
    memcpy(dims, first->dims, sizeof dims);
    dims[0] = 0;
    for (size_t run = 0; run < saver->runs; run++) {
        const struct mopt_tensor *part = saver->parts[run * outputs + output];
        bool fits = part->rank == first->rank && part->dtype == first->dtype &&
                    part->dtype != MOPT_STRING && mopt__dtype_bits(part->dtype) >= 8;
        for (int axis = 1; axis < part->rank && fits; axis++) {
            fits = part->dims[axis] == first->dims[axis];
        }
        if (!fits) {
            return mopt_error_set(err, MOPT_E_SHAPE,
                                  "runs of output '%s' cannot be joined, save to a folder instead",
                                  name);
        }
        dims[0] += part->rank > 0 ? part->dims[0] : 1;
    }
    enum mopt_status status = mopt__tensor_new(first->dtype, rank, dims, out, err);
    uint8_t *to = status == MOPT_OK ? mopt__tensor_data(*out) : NULL;
    for (size_t run = 0; run < saver->runs && status == MOPT_OK; run++) {
        const struct mopt_tensor *part = saver->parts[run * outputs + output];
        memcpy(to, part->data, part->bytes);
        to += part->bytes;
    }
    return status;
}

static enum mopt_status write_arrays(struct mopt_saver *saver, struct mopt_tensor *const *tensors,
                                     struct mopt_error *err)
{
    const struct mopt_value_list *list = &saver->model->graph->outputs;
    if (saver->form == FORM_NPY) {
        return mopt__npy_save(tensors[0], saver->path, saver->force, err);
    }
    const char **names = mopt__calloc(list->count, sizeof *names);
    if (names == NULL) {
        return mopt_error_memory(err);
    }
    for (size_t i = 0; i < list->count; i++) {
        names[i] = list->items[i]->name;
    }
    enum mopt_status status =
        mopt__npz_save(saver->path, names, tensors, list->count, saver->force, err);
    mopt__free(names);
    return status;
}

enum mopt_status mopt__saver_finish(struct mopt_saver *saver, struct mopt_error *err)
{
    if (saver->form == FORM_FOLDER || saver->dry || saver->runs == 0) {
        return MOPT_OK;
    }
    size_t outputs = saver->model->graph->outputs.count;
    struct mopt_tensor **tensors = mopt__calloc(outputs, sizeof(struct mopt_tensor *));
    if (tensors == NULL) {
        return mopt_error_memory(err);
    }
    enum mopt_status status = MOPT_OK;
    for (size_t i = 0; i < outputs && status == MOPT_OK; i++) {
        status = join(saver, i, &tensors[i], err);
    }
    if (status == MOPT_OK) {
        status = write_arrays(saver, tensors, err);
    }
    if (status == MOPT_OK) {
        mopt__envelope_output_file(&saver->cli->envelope, "outputs", saver->path);
    }
    for (size_t i = 0; i < outputs; i++) {
        mopt__tensor_unref(tensors[i]);
    }
    mopt__free(tensors);
    return status;
}

void mopt__saver_free(struct mopt_saver *saver)
{
    if (saver == NULL) {
        return;
    }
    for (size_t i = 0; i < saver->part_count; i++) {
        mopt__tensor_unref(saver->parts[i]);
    }
    mopt__free(saver->parts);
    mopt__free(saver);
}
