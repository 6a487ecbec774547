// SPDX-License-Identifier: Apache-2.0
// Blocks derived from constants (packed weights, folded biases): made once per session, shared by
// all plans, alive as long as the session.
#include <string.h>

#include "exec/lower.h"

struct mopt_pack {
    const struct mopt_tensor *tensor;
    uint64_t variant;
    size_t bytes;
    void *block;
    struct mopt_pack *next;
};

enum mopt_status mopt__low_packed(struct mopt_lower *l, const struct mopt_tensor *tensor,
                                  uint64_t variant, size_t bytes, void **block, bool *made)
{
    struct mopt_session *session = l->session;
    uint64_t key = mopt__hash_mix((uint64_t)(uintptr_t)tensor, variant);
    struct mopt_pack *found = mopt__map_find_u64(&session->packs, key);
    *made = false;
    if (found != NULL && found->tensor == tensor && found->variant == variant &&
        found->bytes == bytes) {
        *block = found->block;
        return MOPT_OK;
    }
    size_t room;
    struct mopt_pack *pack = mopt__calloc(1, sizeof *pack);
    *block = mopt__size_add(bytes, MOPT_OVERREAD, &room) ? mopt__malloc_aligned(room) : NULL;
    if (pack == NULL || *block == NULL) {
        mopt__free(pack);
        mopt__free_aligned(*block);
        return mopt_error_set(l->err, MOPT_E_MEMORY, "no memory for %zu bytes of packed weights",
                              bytes);
    }
    *pack = (struct mopt_pack){tensor, variant, bytes, *block, session->pack};
    session->pack = pack;
    session->packed_bytes += bytes;
    memset(*block, 0, room);
    *made = true;
    return mopt__map_put_u64(&session->packs, key, pack, l->err);
}

void mopt__low_unmade(struct mopt_lower *l)
{
    l->session->pack->tensor = NULL;
}

void mopt__packs_release(struct mopt_session *session)
{
    while (session->pack != NULL) {
        struct mopt_pack *pack = session->pack;
        session->pack = pack->next;
        mopt__free_aligned(pack->block);
        mopt__free(pack);
    }
    mopt__map_release(&session->packs);
}
