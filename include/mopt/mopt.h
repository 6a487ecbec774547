// SPDX-License-Identifier: Apache-2.0
// Everything of the public interface. Smaller headers: status.h, dtype.h, model.h, session.h,
// pass.h; plugin.h for plugins.
#ifndef MOPT_MOPT_H
#define MOPT_MOPT_H

#include "mopt/dtype.h"
#include "mopt/model.h"
#include "mopt/pass.h"
#include "mopt/session.h"
#include "mopt/status.h"
#include "mopt/version.h"

#endif
