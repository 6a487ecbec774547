// SPDX-License-Identifier: Apache-2.0
// Reads out of a profile which nodes ran as one: a node that never ran belongs to the node that
// uses what it computes.
#include <string.h>

#include "measure/bench.h"

struct rows {
    struct mopt_bench_node *nodes; // in the order of execution
    size_t count;
    size_t ids;   // all node ids are below
    size_t *row;  // by node id: row + 1, 0 = none
    size_t *host; // by row: row + 1 of what it runs in, 0 = none
    const struct mopt_dims *dims;
};

static size_t host_of(const struct rows *rows, const struct mopt_node *node)
{
    size_t row = node != NULL && node->id < rows->ids ? rows->row[node->id] : 0;
    return row > 0 ? rows->host[row - 1] : 0;
}

// Host of the first user that has one; users stand behind, so they have theirs already.
static size_t host_of_users(const struct rows *rows, const struct mopt_node *node)
{
    for (uint32_t i = 0; i < node->output_count; i++) {
        const struct mopt_use *use = node->outputs[i] != NULL ? node->outputs[i]->uses : NULL;
        for (; use != NULL; use = use->next) {
            size_t host = host_of(rows, use->node);
            if (host > 0) {
                return host;
            }
        }
    }
    return 0;
}

static void find_hosts(struct rows *rows)
{
    for (size_t i = 0; i < rows->count; i++) {
        rows->row[rows->nodes[i].node->id] = i + 1;
    }
    for (size_t i = rows->count; i-- > 0;) {
        const struct mopt_bench_node *node = &rows->nodes[i];
        rows->host[i] = node->calls > 0 ? i + 1 : host_of_users(rows, node->node);
    }
}

// ---- Bytes that go in and out -------------------------------------------------------------------

static bool leaves(const struct rows *rows, const struct mopt_value *value, size_t host)
{
    bool found = value->graph_output_count > 0;
    for (const struct mopt_use *use = value->uses; use != NULL && !found; use = use->next) {
        found = host_of(rows, use->node) != host;
    }
    return found;
}

// Adds what the node moves across the border of its host; false when a size is not known.
static bool add_bytes(const struct rows *rows, const struct mopt_node *node, size_t host,
                      uint64_t *bytes)
{
    bool known = true;
    for (uint32_t i = 0; i < node->input_count && known; i++) {
        const struct mopt_value *value = node->inputs[i].value;
        if (value != NULL && host_of(rows, value->producer) != host) {
            known = mopt__value_bytes(value, rows->dims, bytes);
        }
    }
    for (uint32_t i = 0; i < node->output_count && known; i++) {
        const struct mopt_value *value = node->outputs[i];
        if (value != NULL && leaves(rows, value, host)) {
            known = mopt__value_bytes(value, rows->dims, bytes);
        }
    }
    return known;
}

static void count_bytes(struct rows *rows, size_t host)
{
    struct mopt_bench_node *node = &rows->nodes[host - 1];
    bool known = rows->dims != NULL;
    node->cost.bytes = 0;
    for (size_t i = 0; i < rows->count && known; i++) {
        if (rows->host[i] == host) {
            known = add_bytes(rows, rows->nodes[i].node, host, &node->cost.bytes);
        }
    }
    node->cost.bytes = known ? node->cost.bytes : 0;
}

// ---- Joining ------------------------------------------------------------------------------------

// The name of a host is that of the member with the most multiply-adds.
static void take_in(struct rows *rows, size_t row, uint64_t *most)
{
    const struct mopt_bench_node *member = &rows->nodes[row];
    struct mopt_bench_node *host = &rows->nodes[rows->host[row] - 1];
    if (member->cost.known && member->cost.macs > most[rows->host[row] - 1]) {
        most[rows->host[row] - 1] = member->cost.macs;
        host->name = member->name;
        host->op = member->op;
    }
    if (member != host) {
        host->fused++;
        host->cost.known = host->cost.known || member->cost.known;
        host->cost.macs += member->cost.macs;
        host->cost.flops += member->cost.flops;
    }
}

static void join(struct rows *rows, uint64_t *most)
{
    for (size_t i = 0; i < rows->count; i++) {
        if (rows->host[i] > 0) {
            take_in(rows, i, most);
        }
    }
    for (size_t i = 0; i < rows->count; i++) {
        if (rows->nodes[i].fused > 0) {
            count_bytes(rows, i + 1);
        }
    }
}

static void drop_members(struct rows *rows)
{
    size_t kept = 0;
    for (size_t i = 0; i < rows->count; i++) {
        if (rows->nodes[i].calls > 0) {
            rows->nodes[kept] = rows->nodes[i];
            rows->nodes[kept].place = kept;
            kept++;
        }
    }
    rows->count = kept;
}

enum mopt_status mopt__bench_join_fused(struct mopt_bench_node *nodes, size_t *count,
                                        const struct mopt_dims *dims, struct mopt_error *err)
{
    size_t node_ids = 0; // a session's copy of the model may have more nodes than the model
    for (size_t i = 0; i < *count; i++) {
        node_ids = nodes[i].node->id >= node_ids ? nodes[i].node->id + (size_t)1 : node_ids;
    }
    struct rows rows = {.nodes = nodes, .count = *count, .ids = node_ids, .dims = dims};
    uint64_t *most = mopt__calloc(*count + 1, sizeof *most);
    rows.row = mopt__calloc(node_ids + 1, sizeof *rows.row);
    rows.host = mopt__calloc(*count + 1, sizeof *rows.host);
    bool ok = most != NULL && rows.row != NULL && rows.host != NULL;
    if (ok) {
        find_hosts(&rows);
        join(&rows, most);
        drop_members(&rows);
        *count = rows.count;
    }
    mopt__free(most);
    mopt__free(rows.row);
    mopt__free(rows.host);
    return ok ? MOPT_OK : mopt_error_memory(err);
}
