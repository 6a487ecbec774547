// SPDX-License-Identifier: Apache-2.0
// Fast form of LSTM, GRU, RNN and DynamicQuantizeLSTM nodes.
#ifndef MOPT_OPS_RECURRENT_BIND_H
#define MOPT_OPS_RECURRENT_BIND_H

#include "ops/eval.h"

// bind facet of LSTM, GRU (linear_before_reset read where the record has it), RNN and
// DynamicQuantizeLSTM: for float inputs with constant weights and the usual activations; other
// nodes stay with eval.
enum mopt_status mopt__lstm_bind(struct mopt_bind *bind, struct mopt_error *err);
enum mopt_status mopt__gru_bind(struct mopt_bind *bind, struct mopt_error *err);
enum mopt_status mopt__rnn_bind(struct mopt_bind *bind, struct mopt_error *err);
enum mopt_status mopt__dynamic_lstm_bind(struct mopt_bind *bind, struct mopt_error *err);

#endif
