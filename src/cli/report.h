// SPDX-License-Identifier: Apache-2.0
// Facts of models as tables and JSON, shared by the commands that show them.
#ifndef MOPT_CLI_REPORT_H
#define MOPT_CLI_REPORT_H

#include "cli/job.h"

void mopt__report_facts_json(cJSON *parent, const char *name, const struct mopt_facts *facts);
// Table "before, after, delta" of two models.
void mopt__report_change(struct mopt_cli *cli, const struct mopt_facts *before,
                         const struct mopt_facts *after);
// Operators whose number changed; nothing when there are none.
void mopt__report_changed_ops(struct mopt_cli *cli, const struct mopt_facts *before,
                              const struct mopt_facts *after);
// "1.2 M", "?" when nothing is known.
char *mopt__report_macs(const struct mopt_facts *facts, char buf[32]);
// Type as text; heap, NULL = out of memory.
char *mopt__report_type(const struct mopt_model *model, const struct mopt_type *type);
// Number with a useful number of digits: "0.0213", "1.5e-08".
char *mopt__report_number(char buf[32], double value);
char *mopt__report_ms(char buf[32], double seconds); // "1.234 ms"
// "model.onnx" -> "model.opt.onnx" for suggestions; heap, NULL = out of memory.
char *mopt__report_name(const char *path, const char *tag);

#endif
