// SPDX-License-Identifier: Apache-2.0
// Bound kernels of nodes written as text against the reference: forms that random nodes
// (test_bound.c) hardly ever take.
#include "node_call.h"
#include "tests.h"

#include "kernels/table.h"

struct row {
    const char *op, *inputs, *attributes;
    uint32_t outputs;
};

static void input_facts(const struct node_call *call, struct mopt_arena *arena,
                        struct mopt_fact *facts)
{
    for (uint32_t i = 0; i < call->input_count; i++) {
        if (call->inputs[i] != NULL) {
            struct mopt_tensor *t = call->inputs[i]->tensor;
            facts[i].type = mopt__type_tensor(arena, t->dtype, t->rank, t->dims);
            facts[i].constant = t;
        }
    }
}

// Runs the kernel that the record chooses, all inputs being constant, and compares with the
// outputs of the call.
static void check_bound(struct node_call *call, const struct mopt_kernels *kernels,
                        struct mopt_pool *pool)
{
    struct mopt_arena arena;
    struct mopt_fact inputs[CALL_INPUTS_MAX] = {{NULL, NULL, NULL}};
    struct mopt_datum *results[CALL_OUTPUTS_MAX] = {NULL};
    int64_t version = mopt__graph_opset(call->model->graph, call->node->domain);
    mopt__arena_init(&arena);
    input_facts(call, &arena, inputs);
    struct mopt_bind bind = {
        .node = call->node, .version = version, .inputs = inputs, .threads = 1, .kernels = kernels};
    assert_int_equal(call->node->op->bind(&bind, &call->err), MOPT_OK);
    assert_non_null(bind.run);
    struct mopt_eval eval = {.node = call->node,
                             .version = version,
                             .inputs = call->inputs,
                             .outputs = results,
                             .input_count = call->input_count,
                             .output_count = call->node->output_count,
                             .pool = pool,
                             .state = bind.state};
    assert_int_equal(bind.run(&eval, &call->err), MOPT_OK);
    for (uint32_t i = 0; i < call->node->output_count; i++) {
        assert_non_null(results[i]);
        assert_near(results[i]->tensor, call_output(call, i));
        mopt__datum_unref(results[i]);
    }
    if (bind.free_state != NULL) {
        bind.free_state(bind.state);
    }
    mopt__arena_release(&arena);
}

// At every level of instructions, on one thread and on three.
static void check_rows(const struct row *rows, size_t count)
{
    struct mopt_pool *pool = NULL;
    struct mopt_error err;
    mopt_error_clear(&err);
    assert_int_equal(mopt__pool_new(3, &pool, &err), MOPT_OK);
    for (size_t i = 0; i < count; i++) {
        struct node_call call =
            call_node(rows[i].op, rows[i].inputs, rows[i].attributes, rows[i].outputs);
        for (int level = 0; level <= (int)mopt__cpu_isa(); level++) {
            struct mopt_kernels kernels;
            mopt__kernels_select((enum mopt_isa)level, &kernels);
            check_bound(&call, &kernels, NULL);
            check_bound(&call, &kernels, pool);
        }
        call_release(&call);
    }
    mopt__pool_free(pool);
}

static void grouped_queries(void **state)
{
    (void)state;
    static const char *const op = "ms.GroupQueryAttention";
    const struct row rows[] = {
        {op, "2 3 16;2 3 8;2 3 8;_;_;i2=2,1;i.=3", "num_heads=4 kv_num_heads=2", 3},
        {op, "2 3 16;2 3 8;2 3 8;_;_;i2=2,1;i.=3", "num_heads=4 kv_num_heads=2 causal=0", 1},
        {op, "2 1 16;2 1 8;2 1 8;2 2 5 4;2 2 5 4;i2=5,2;i.=6", "num_heads=4 kv_num_heads=2", 3},
        {op, "2 1 16;2 1 8;2 1 8;2 2 9 4;2 2 9 4;i2=5,2;i.=6;9 1;9 1",
         "num_heads=4 kv_num_heads=2 do_rotary=1 local_window_size=3", 3},
        {op, "1 1 32;_;_;1 2 9 4;1 2 9 4;i1=8;i.=9;_;_;_;1 4 1 9",
         "num_heads=4 kv_num_heads=2 local_window_size=3", 2},
        {op, "2 3 32;_;_;2 2 7 4;2 2 7 4;i2=4,6;i.=7;_;_;_;2 1 3 7",
         "num_heads=4 kv_num_heads=2 local_window_size=2", 3},
        {op, "2 3 32;_;_;2 2 7 4;2 2 7 4;i2=4,6;i.=7;_;_;_;1 4 3 7",
         "num_heads=4 kv_num_heads=2 local_window_size=4", 1},
        {op, "1 3 32;_;_;1 2 4 4;1 2 4 4;i1=6;i.=7;_;_;_;1 4 3 7", "num_heads=4 kv_num_heads=2", 3},
        {op, "2 4 16;2 4 8;2 4 8;_;_;i2=0,3;i.=4", // what is no position of its image sees nothing
         "num_heads=4 kv_num_heads=2 local_window_size=2", 3},
        {op, "2 2 16;2 2 8;2 2 8;2 2 5 4;2 2 5 4;i2=1,4;i.=5;9 2;9 2;_;_;_;_;_;4;4",
         "num_heads=4 kv_num_heads=2 do_rotary=1 rotary_interleaved=1 scale=0.3", 3},
        {op, "1 2 16;1 2 8;1 2 8;_;_;i1=1;i.=2;9 1;9 1;l1 2=4,8",
         "num_heads=4 kv_num_heads=2 do_rotary=1", 3},
        {op, "1 2 16;1 2 8;1 2 8;_;_;i1=1;i.=2;_;_;_;_;_;_;_;4;4", "num_heads=4 kv_num_heads=2", 3},
        // what the kernel leaves to the reference
        {op, "1 2 16;1 2 8;1 2 8;_;_;i1=1;i.=2;_;_;_;_;4", "num_heads=4 kv_num_heads=2", 3},
        {op, "1 2 16;1 2 8;1 2 8;_;_;i1=1;i.=2", "num_heads=4 kv_num_heads=2 softcap=0.5", 3},
        {op, "1 2 16;1 2 8;1 2 8;_;_;i1=1;i.=2", "num_heads=4 kv_num_heads=2 qk_output=2", 4},
    };
    check_rows(rows, sizeof rows / sizeof rows[0]);
}

static void rotary_positions(void **state)
{
    (void)state;
    const struct row rows[] = {
        {"RotaryEmbedding", "2 3 4 6;5 3;5 3;l2 4=4,0,1,2,3,3,2,1", "", 1},
        {"RotaryEmbedding", "2 4 18;2 4 2;2 4 2", "num_heads=3 rotary_embedding_dim=4", 1},
        {"RotaryEmbedding", "2 4 18;2 4 2;2 4 2",
         "num_heads=3 rotary_embedding_dim=4 interleaved=1", 1},
        {"ms.RotaryEmbedding", "2 4 18;l1=3;9 3;9 3", "", 1},
        {"ms.RotaryEmbedding", "1 2 70 34;l1 70=0,1,2,3;4 17;4 17", "interleaved=1", 1},
    };
    check_rows(rows, sizeof rows / sizeof rows[0]);
}

static void simple_recurrent_layers(void **state)
{
    (void)state;
    const struct row rows[] = {
        {"RNN", "5 2 3;2 18 3;2 18 18;2 36;_;2 2 18",
         "direction='bidirectional' activations=[Tanh,tanh]", 2},
        {"RNN", "5 2 3;1 18 3;1 18 18=0.2,-0.1,0.1,-0.2,0.05",
         "direction='reverse' activations=[relu]", 2},
        {"RNN", "2 5 3;1 18 3;1 18 18;1 36;i2=5;2 1 18", "layout=1 activations=[Sigmoid]", 2},
        {"RNN", "5 2 3;1 18 3;1 18 18=0.2,-0.1,0.1,-0.2,0.05;1 36", "activations=[Softplus]", 2},
        {"RNN", "5 2 3;1 18 3;1 18 18;1 36;i2=5,2", "", 2}, // left to the reference
    };
    check_rows(rows, sizeof rows / sizeof rows[0]);
}

static void sums_of_nothing(void **state)
{
    (void)state;
    const struct row rows[] = {
        {"Einsum", "2 0;0 3", "equation='ij,jk->ik'", 1},
        {"Einsum", "2 3 4;2 4 5", "equation='bij,bjk->bik'", 1},
        {"Einsum", "0 3 4;0 4 5", "equation='bij,bjk->bik'", 1},
    };
    check_rows(rows, sizeof rows / sizeof rows[0]);
}

int mopt__test_bound_calls(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grouped_queries),
        cmocka_unit_test(rotary_positions),
        cmocka_unit_test(simple_recurrent_layers),
        cmocka_unit_test(sums_of_nothing),
    };
    return cmocka_run_group_tests_name("bound calls", tests, NULL, NULL);
}
