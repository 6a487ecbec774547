// SPDX-License-Identifier: Apache-2.0
// Front door of quantize (rank 6): turns a float model into an integer one. Static: QuantizeLinear
// / DequantizeLinear pairs with ranges measured on data. Dynamic: ranges measured at run time by
// DynamicQuantizeLinear. It knows no command line. Read in this order: quantize.h, select.c (which
// nodes and tensors), statistics.c (ranges from data), parameters.c (range to scale and zero
// point), weights.c, insert.c (the static graph), dynamic.c, quantize.c (the whole job).
#ifndef MOPT_QUANTIZE_QUANTIZE_H
#define MOPT_QUANTIZE_QUANTIZE_H

#include "base/log.h"
#include "data/data.h"
#include "ir/ir.h"

enum mopt_quantize_mode { MOPT_QUANTIZE_STATIC, MOPT_QUANTIZE_DYNAMIC };
enum mopt_calibration { MOPT_CALIBRATE_MINMAX, MOPT_CALIBRATE_PERCENTILE };

struct mopt_quantize_options {
    enum mopt_quantize_mode mode;
    enum mopt_calibration calibration;
    double percentile;          // of values kept inside the range, 50 < p <= 100; 0 = 99.999
    enum mopt_dtype activation; // MOPT_UINT8 or MOPT_INT8; MOPT_UNDEFINED = uint8
    bool symmetric;             // activations: zero point in the middle
    bool per_tensor;            // weights: one scale per tensor instead of one per output channel
    bool reduce_range;          // weights to 7 bits, for processors whose pair sums saturate
    const char *const
        *keep_float; // patterns (* and ?) of node names, or "op:TYPE"; each must match a node
    size_t keep_float_count;
    struct mopt_dataset *data; // static: calibration samples, read to the end
    int threads;               // of the calibration runs, 0 = usable processors
    const struct mopt_log *log;
    const struct mopt_budget *budget;
};

struct mopt_quantize_row { // one per node with quantizable weights or inputs
    const char *node, *op_type;
    const char *kept_float; // reason, NULL = quantized
};
struct mopt_quantize_report { // release with mopt__quantize_report_release
    struct mopt_arena arena;
    struct mopt_quantize_row *rows; // heap
    size_t count, capacity;
    size_t quantized; // rows that became integer
    size_t tensors;   // activations with a scale
    size_t samples;   // calibration samples read
    uint64_t weight_bytes_before, weight_bytes_after;
    size_t clipped_biases; // elements that did not fit into 32 bits
};

// Quantizes *model. On success *model is the new model (the old one is freed); on failure it is
// unchanged. The graph should be optimized before (BatchNormalization folded). Opsets below 13 are
// raised first. report may be NULL. Errors: MOPT_E_USAGE (no data, pattern without a match),
// MOPT_E_UNSUPPORTED (operators that cannot run here, opset that cannot be raised), MOPT_E_VALUE
// (no samples), and those of running and of data.
enum mopt_status mopt__quantize(struct mopt_model **model,
                                const struct mopt_quantize_options *options,
                                struct mopt_quantize_report *report, struct mopt_error *err);
void mopt__quantize_report_release(struct mopt_quantize_report *report);

#endif
