// SPDX-License-Identifier: Apache-2.0
// .npz archives as a source: one array per input.
#include "data/npz.h"
#include "data/source.h"

static enum mopt_status add_all(struct mopt_npz *npz, struct mopt_source *source,
                                struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;
    for (size_t i = 0; i < mopt__npz_count(npz) && status == MOPT_OK; i++) {
        struct mopt_rows *rows = NULL;
        status = mopt__npz_rows(npz, i, &rows, err);
        if (status == MOPT_OK) {
            status = mopt__arrays_add(source, mopt__npz_name(npz, i), rows, err);
        }
    }
    return status;
}

enum mopt_status mopt__source_npz(struct mopt_mapping *mapping, struct mopt_source **out,
                                  struct mopt_error *err)
{
    struct mopt_npz *npz = NULL;
    struct mopt_source *source = NULL;
    *out = NULL;
    enum mopt_status status = mopt__npz_open_mapping(mapping, &npz, err);
    if (status == MOPT_OK) {
        status = mopt__arrays_new("npz", &source, err);
    }
    if (status == MOPT_OK) {
        status = add_all(npz, source, err);
    }
    mopt__npz_close(npz);
    if (status != MOPT_OK) {
        mopt__source_close(source);
        return status;
    }
    *out = source;
    return MOPT_OK;
}
