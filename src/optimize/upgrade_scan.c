// SPDX-License-Identifier: Apache-2.0
// Scan-8 had a batch axis that Scan-9 has not.
#include "optimize/upgrade_steps.h"

enum mopt_status mopt__step_scan_9(struct mopt_node *node, struct mopt_error *err)
{
    (void)node;
    return mopt__upgrade_refuse("Scan with a batch axis", err);
}
