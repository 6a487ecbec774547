// SPDX-License-Identifier: Apache-2.0
// oneDNN 2, where it was found (MOPT_BENCH_DNNL).
#include "anchors.h"

#include <stdbool.h>
#include <stdlib.h>

#if defined(MOPT_BENCH_DNNL)
#include <oneapi/dnnl/dnnl.h>

enum { SOURCE, WEIGHTS, RESULT, TENSORS };

struct anchor {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_t matmul;
    dnnl_memory_t memory[TENSORS];
    dnnl_exec_arg_t args[TENSORS];
};

struct product {
    dnnl_dim_t m, n, k;
    dnnl_data_type_t types[TENSORS];
    const float *scale; // [n] or NULL
    void *data[TENSORS];
};

void anchor_free(struct anchor *a)
{
    if (!a) {
        return;
    }
    for (int i = 0; i < TENSORS; i++) {
        dnnl_memory_destroy(a->memory[i]);
    }
    dnnl_primitive_destroy(a->matmul);
    dnnl_stream_destroy(a->stream);
    dnnl_engine_destroy(a->engine);
    free(a);
}

static bool matrix(dnnl_memory_desc_t *out, dnnl_dim_t rows, dnnl_dim_t columns,
                   dnnl_data_type_t type, dnnl_format_tag_t tag)
{
    const dnnl_dims_t dims = {rows, columns};
    return dnnl_memory_desc_init_by_tag(out, 2, dims, type, tag) == dnnl_success;
}

static bool describe(struct anchor *a, const struct product *p, dnnl_primitive_desc_t *out)
{
    dnnl_memory_desc_t tensors[TENSORS];
    dnnl_matmul_desc_t matmul;
    dnnl_primitive_attr_t attr;
    if (!matrix(&tensors[SOURCE], p->m, p->k, p->types[SOURCE], dnnl_ab) ||
        !matrix(&tensors[WEIGHTS], p->k, p->n, p->types[WEIGHTS], dnnl_format_tag_any) ||
        !matrix(&tensors[RESULT], p->m, p->n, p->types[RESULT], dnnl_ab) ||
        dnnl_matmul_desc_init(&matmul, &tensors[SOURCE], &tensors[WEIGHTS], NULL,
                              &tensors[RESULT]) != dnnl_success ||
        dnnl_primitive_attr_create(&attr) != dnnl_success) {
        return false;
    }
    bool fine =
        !p->scale || dnnl_primitive_attr_set_output_scales(attr, p->n, 2, p->scale) == dnnl_success;
    fine = fine && dnnl_primitive_desc_create(out, &matmul, attr, a->engine, NULL) == dnnl_success;
    dnnl_primitive_attr_destroy(attr);
    return fine;
}

// The weights in the layout that the primitive wants.
static bool pack(struct anchor *a, const struct product *p, const dnnl_memory_desc_t *wanted)
{
    dnnl_memory_desc_t plain;
    dnnl_memory_t source = NULL;
    dnnl_primitive_desc_t desc = NULL;
    dnnl_primitive_t reorder = NULL;
    bool fine = matrix(&plain, p->k, p->n, p->types[WEIGHTS], dnnl_ab) &&
                dnnl_memory_create(&source, &plain, a->engine, p->data[WEIGHTS]) == dnnl_success &&
                dnnl_memory_create(&a->memory[WEIGHTS], wanted, a->engine, DNNL_MEMORY_ALLOCATE) ==
                    dnnl_success &&
                dnnl_reorder_primitive_desc_create(&desc, &plain, a->engine, wanted, a->engine,
                                                   NULL) == dnnl_success &&
                dnnl_primitive_create(&reorder, desc) == dnnl_success;
    if (fine) {
        const dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, source}, {DNNL_ARG_TO, a->memory[WEIGHTS]}};
        fine = dnnl_primitive_execute(reorder, a->stream, 2, args) == dnnl_success &&
               dnnl_stream_wait(a->stream) == dnnl_success;
    }
    dnnl_primitive_destroy(reorder);
    dnnl_primitive_desc_destroy(desc);
    dnnl_memory_destroy(source);
    return fine;
}

static bool build(struct anchor *a, const struct product *p)
{
    static const int names[TENSORS] = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST};
    dnnl_primitive_desc_t desc = NULL;
    dnnl_memory_desc_t source;
    dnnl_memory_desc_t result;
    bool fine =
        dnnl_engine_create(&a->engine, dnnl_cpu, 0) == dnnl_success &&
        dnnl_stream_create(&a->stream, a->engine, dnnl_stream_default_flags) == dnnl_success &&
        describe(a, p, &desc) && dnnl_primitive_create(&a->matmul, desc) == dnnl_success;
    fine = fine && matrix(&source, p->m, p->k, p->types[SOURCE], dnnl_ab) &&
           matrix(&result, p->m, p->n, p->types[RESULT], dnnl_ab) &&
           dnnl_memory_create(&a->memory[SOURCE], &source, a->engine, p->data[SOURCE]) ==
               dnnl_success &&
           dnnl_memory_create(&a->memory[RESULT], &result, a->engine, p->data[RESULT]) ==
               dnnl_success &&
           pack(a, p, dnnl_primitive_desc_query_md(desc, dnnl_query_weights_md, 0));
    dnnl_primitive_desc_destroy(desc);
    for (int i = 0; i < TENSORS; i++) {
        a->args[i] = (dnnl_exec_arg_t){names[i], a->memory[i]};
    }
    return fine;
}

static struct anchor *create(const struct product *p)
{
    struct anchor *a = calloc(1, sizeof *a);
    if (a && !build(a, p)) {
        anchor_free(a);
        a = NULL;
    }
    return a;
}

struct anchor *anchor_dnnl_f32(size_t m, size_t n, size_t k, const float *a, const float *b,
                               float *c)
{
    return create(&(struct product){.m = (dnnl_dim_t)m,
                                    .n = (dnnl_dim_t)n,
                                    .k = (dnnl_dim_t)k,
                                    .types = {dnnl_f32, dnnl_f32, dnnl_f32},
                                    .data = {(void *)(uintptr_t)a, (void *)(uintptr_t)b, c}});
}

struct anchor *anchor_dnnl_u8(size_t m, size_t n, size_t k, const uint8_t *a, const int8_t *b,
                              const float *scale, uint8_t *c)
{
    return create(&(struct product){.m = (dnnl_dim_t)m,
                                    .n = (dnnl_dim_t)n,
                                    .k = (dnnl_dim_t)k,
                                    .types = {dnnl_u8, dnnl_s8, dnnl_u8},
                                    .scale = scale,
                                    .data = {(void *)(uintptr_t)a, (void *)(uintptr_t)b, c}});
}

void anchor_run(const void *anchor)
{
    const struct anchor *a = anchor;
    dnnl_primitive_execute(a->matmul, a->stream, TENSORS, a->args);
    dnnl_stream_wait(a->stream);
}
#else
struct anchor *anchor_dnnl_f32(size_t m, size_t n, size_t k, const float *a, const float *b,
                               float *c)
{
    (void)m, (void)n, (void)k, (void)a, (void)b, (void)c;
    return NULL;
}

struct anchor *anchor_dnnl_u8(size_t m, size_t n, size_t k, const uint8_t *a, const int8_t *b,
                              const float *scale, uint8_t *c)
{
    (void)m, (void)n, (void)k, (void)a, (void)b, (void)scale, (void)c;
    return NULL;
}

void anchor_run(const void *anchor)
{
    (void)anchor;
}

void anchor_free(struct anchor *anchor)
{
    (void)anchor;
}
#endif
