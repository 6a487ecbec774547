// SPDX-License-Identifier: Apache-2.0
// Buffers of a run. A planned buffer lives at a fixed offset of the block; before a range is handed
// out again every buffer that still overlaps it must be released: an operator may have returned a
// view, a sequence may hold an element. Then the tensor goes to the heap instead, so a plan can be
// wrong about lifetimes but never corrupt data.
#include "exec/internal.h"

struct planned_owner { // owner of a planned buffer
    struct mopt_arena_block_ref *block;
    struct mopt_planned *entry; // cleared on release
};

struct heap_owner {
    struct mopt_exec_account *account;
    void *data;
    size_t bytes;
};

static void block_unref(struct mopt_arena_block_ref *block)
{
    if (block != NULL && __atomic_sub_fetch(&block->references, 1, __ATOMIC_ACQ_REL) == 0) {
        mopt__free_aligned(block->data);
        mopt__free(block);
    }
}

static void account_unref(struct mopt_exec_account *account)
{
    if (account != NULL && __atomic_sub_fetch(&account->references, 1, __ATOMIC_ACQ_REL) == 0) {
        for (size_t i = 0; i < account->spare_count; i++) {
            mopt__free_aligned(account->spare[i].data);
        }
        mopt__free(account);
    }
}

static void drop_spare(struct mopt_exec_account *account, size_t i)
{
    account->spare_count--;
    for (; i < account->spare_count; i++) {
        account->spare[i] = account->spare[i + 1];
    }
}

// Results may be released on any thread.
static bool enter_spare(struct mopt_exec_account *account)
{
    return !__atomic_test_and_set(&account->busy, __ATOMIC_ACQUIRE);
}

static void leave_spare(struct mopt_exec_account *account)
{
    __atomic_clear(&account->busy, __ATOMIC_RELEASE);
}

// Together with what is in use no more is kept than was in use at once.
static void keep_spare(struct mopt_exec_account *account, void *data, size_t bytes)
{
    size_t kept = account->live_bytes + bytes;
    for (size_t i = 0; i < account->spare_count; i++) {
        kept += account->spare[i].bytes;
    }
    while (account->spare_count > 0 &&
           (account->spare_count == MOPT_SPARE_BLOCKS || kept > account->peak_bytes)) {
        kept -= account->spare[0].bytes;
        mopt__free_aligned(account->spare[0].data);
        drop_spare(account, 0);
    }
    account->spare[account->spare_count].data = data;
    account->spare[account->spare_count++].bytes = bytes;
}

static void give_back(struct mopt_exec_account *account, void *data, size_t bytes)
{
    if (bytes < MOPT_SPARE_LEAST || !enter_spare(account)) {
        mopt__free_aligned(data);
        return;
    }
    keep_spare(account, data, bytes);
    leave_spare(account);
}

static void *find_spare(struct mopt_exec_account *account, size_t bytes)
{
    for (size_t i = 0; i < account->spare_count; i++) {
        if (account->spare[i].bytes == bytes) {
            void *data = account->spare[i].data;
            drop_spare(account, i);
            return data;
        }
    }
    return NULL;
}

// Memory of so many bytes, and a little behind them that kernels may read.
static void *take_block(struct mopt_exec_account *account, size_t bytes)
{
    void *data = NULL;
    size_t room;
    if (bytes >= MOPT_SPARE_LEAST && enter_spare(account)) {
        data = find_spare(account, bytes);
        leave_spare(account);
    }
    if (data == NULL && mopt__size_add(bytes, MOPT_OVERREAD, &room)) {
        data = mopt__malloc_aligned(room);
    }
    return data;
}

enum mopt_status mopt__exec_memory_init(struct mopt_exec_memory *memory, struct mopt_error *err)
{
    *memory = (struct mopt_exec_memory){0};
    memory->account = mopt__calloc(1, sizeof *memory->account);
    if (memory->account == NULL) {
        return mopt_error_memory(err);
    }
    memory->account->references = 1;
    return MOPT_OK;
}

void mopt__exec_memory_share(struct mopt_exec_memory *memory, const struct mopt_exec_memory *from)
{
    *memory = (struct mopt_exec_memory){.account = from->account};
    from->account->references++;
}

static void drop_released(struct mopt_exec_memory *memory)
{
    size_t kept = 0;
    for (size_t i = 0; i < memory->active_count; i++) {
        struct mopt_planned *entry = memory->active[i];
        if (entry->buffer == NULL) {
            mopt__free(entry);
        } else {
            memory->active[kept++] = entry;
        }
    }
    memory->active_count = kept;
}

// Buffers still held by a caller keep their block; their records must outlive us, so they are
// detached.
static void detach_active(struct mopt_exec_memory *memory)
{
    drop_released(memory);
    for (size_t i = 0; i < memory->active_count; i++) {
        struct planned_owner *owner = memory->active[i]->buffer->owner;
        owner->entry = NULL;
        mopt__free(memory->active[i]);
    }
    memory->active_count = 0;
}

void mopt__exec_memory_release(struct mopt_exec_memory *memory)
{
    detach_active(memory);
    mopt__free(memory->active);
    block_unref(memory->block);
    account_unref(memory->account);
    *memory = (struct mopt_exec_memory){0};
}

enum mopt_status mopt__exec_memory_reserve(struct mopt_exec_memory *memory, size_t bytes,
                                           struct mopt_error *err)
{
    if (bytes == 0 || (memory->block != NULL && memory->block->size >= bytes)) {
        return MOPT_OK;
    }
    struct mopt_arena_block_ref *block = mopt__calloc(1, sizeof *block);
    if (block != NULL) {
        block->data = mopt__malloc_aligned(bytes);
    }
    if (block == NULL || block->data == NULL) {
        mopt__free(block);
        return mopt_error_set(err, MOPT_E_MEMORY, "no memory for %zu bytes of intermediate tensors",
                              bytes);
    }
    block->references = 1;
    block->size = bytes;
    detach_active(memory);
    block_unref(memory->block);
    memory->block = block;
    return MOPT_OK;
}

static void release_planned(struct mopt_buffer *buffer)
{
    struct planned_owner *owner = buffer->owner;
    if (owner->entry != NULL) {
        owner->entry->buffer = NULL;
    }
    block_unref(owner->block);
    mopt__free(owner);
}

static void release_heap(struct mopt_buffer *buffer)
{
    struct heap_owner *owner = buffer->owner;
    owner->account->live_bytes -= owner->bytes;
    give_back(owner->account, owner->data, owner->bytes);
    account_unref(owner->account);
    mopt__free(owner);
}

static bool range_is_free(const struct mopt_exec_memory *memory, size_t offset, size_t bytes)
{
    for (size_t i = 0; i < memory->active_count; i++) {
        const struct mopt_planned *entry = memory->active[i];
        if (entry->buffer != NULL && entry->offset < offset + bytes &&
            offset < entry->offset + entry->bytes) {
            return false;
        }
    }
    return true;
}

// The tensor's borrowed memory ends with `release` from now on.
static void adopt(struct mopt_tensor *tensor, void *owner, void (*release)(struct mopt_buffer *))
{
    tensor->buffer->owner = owner;
    tensor->buffer->release = release;
}

static enum mopt_status planned_tensor(struct mopt_exec_memory *memory, size_t offset, size_t bytes,
                                       enum mopt_dtype dtype, int rank, const int64_t *dims,
                                       struct mopt_tensor **out, struct mopt_error *err)
{
    enum mopt_status status =
        mopt__grow((void **)&memory->active, &memory->active_capacity, memory->active_count + 1,
                   sizeof(struct mopt_planned *), err);
    if (status != MOPT_OK) {
        return status;
    }
    struct mopt_planned *entry = mopt__calloc(1, sizeof *entry);
    struct planned_owner *owner = mopt__calloc(1, sizeof *owner);
    if (entry == NULL || owner == NULL) {
        mopt__free(entry);
        mopt__free(owner);
        return mopt_error_memory(err);
    }
    *owner = (struct planned_owner){.block = memory->block, .entry = entry};
    status = mopt__tensor_borrow(dtype, rank, dims, memory->block->data + offset, bytes, out, err);
    if (status != MOPT_OK) {
        mopt__free(entry);
        mopt__free(owner);
        return status;
    }
    adopt(*out, owner, release_planned);
    __atomic_add_fetch(&memory->block->references, 1, __ATOMIC_RELAXED);
    *entry = (struct mopt_planned){.offset = offset, .bytes = bytes, .buffer = (*out)->buffer};
    memory->active[memory->active_count++] = entry;
    return MOPT_OK;
}

static enum mopt_status heap_tensor(struct mopt_exec_memory *memory, size_t bytes,
                                    enum mopt_dtype dtype, int rank, const int64_t *dims,
                                    struct mopt_tensor **out, struct mopt_error *err)
{
    struct mopt_exec_account *account = memory->account;
    size_t block = memory->block != NULL ? memory->block->size : 0;
    if (memory->limit_bytes != 0 && (bytes > memory->limit_bytes ||
                                     account->live_bytes + block > memory->limit_bytes - bytes)) {
        return mopt_error_set(err, MOPT_E_LIMIT,
                              "memory limit of %zu bytes reached by a tensor of %zu bytes",
                              memory->limit_bytes, bytes);
    }
    struct heap_owner *owner = mopt__calloc(1, sizeof *owner);
    void *data = take_block(account, bytes);
    if (owner == NULL || data == NULL) {
        mopt__free(owner);
        mopt__free_aligned(data);
        return mopt_error_set(err, MOPT_E_MEMORY, "no memory for a tensor of %zu bytes", bytes);
    }
    *owner = (struct heap_owner){.account = account, .data = data, .bytes = bytes};
    enum mopt_status status = mopt__tensor_borrow(dtype, rank, dims, data, bytes, out, err);
    if (status != MOPT_OK) {
        mopt__free(owner);
        mopt__free_aligned(data);
        return status;
    }
    adopt(*out, owner, release_heap);
    account->references++;
    account->live_bytes += bytes;
    account->peak_bytes =
        account->live_bytes > account->peak_bytes ? account->live_bytes : account->peak_bytes;
    return MOPT_OK;
}

static enum mopt_status size_of(enum mopt_dtype dtype, int rank, const int64_t *dims, size_t *bytes,
                                struct mopt_error *err)
{
    size_t count = 1;
    for (int i = 0; i < rank; i++) {
        if (dims[i] < 0 || !mopt__size_mul(count, (size_t)dims[i], &count)) {
            return mopt_error_set(err, MOPT_E_SHAPE, "illegal size %lld of axis %d",
                                  (long long)dims[i], i);
        }
    }
    if (!mopt__dtype_bytes(dtype, count, bytes)) {
        return mopt_error_set(err, MOPT_E_LIMIT, "size of a tensor overflows");
    }
    return MOPT_OK;
}

enum mopt_status mopt__exec_memory_tensor(struct mopt_exec_memory *memory, size_t offset,
                                          size_t planned_bytes, enum mopt_dtype dtype, int rank,
                                          const int64_t *dims, struct mopt_tensor **out,
                                          struct mopt_error *err)
{
    if (dtype == MOPT_STRING || rank > MOPT_RANK_MAX) {
        return mopt__tensor_new(dtype, rank, dims, out, err); // strings own their texts
    }
    size_t bytes = 0;
    enum mopt_status status = size_of(dtype, rank, dims, &bytes, err);
    if (status != MOPT_OK) {
        return status;
    }
    if (bytes > 0 && bytes <= planned_bytes && memory->block != NULL &&
        offset + bytes <= memory->block->size) {
        drop_released(memory);
        if (range_is_free(memory, offset, bytes)) {
            return planned_tensor(memory, offset, bytes, dtype, rank, dims, out, err);
        }
    }
    return heap_tensor(memory, bytes, dtype, rank, dims, out, err);
}

bool mopt__exec_memory_is_planned(const struct mopt_tensor *tensor)
{
    return tensor->buffer->release == release_planned;
}
