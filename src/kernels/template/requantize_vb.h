// SPDX-License-Identifier: Apache-2.0
// "Requantized" of table.h.
#ifndef MOPT_KERNELS_TEMPLATE_REQUANTIZE_VB_H
#define MOPT_KERNELS_TEMPLATE_REQUANTIZE_VB_H

#include "kernels/template/vb.h"

struct vb_bounds {
    vbf top, bottom;
    vb zero_point;
};

static inline struct vb_bounds vb_bounds(int32_t zero_point, int32_t low, int32_t high)
{
    return (struct vb_bounds){vbf_set((float)(high - zero_point)),
                              vbf_set((float)(low - zero_point)), vb_set(zero_point)};
}

// NaN passes the min as itself and leaves the max as bottom.
static inline vb vb_requantize(const struct vb_bounds *bounds, vbf v)
{
    v = vbf_max(vbf_min(bounds->top, v), bounds->bottom);
    return vb_add(vbf_round(v), bounds->zero_point);
}

#endif
