// SPDX-License-Identifier: Apache-2.0
// Front door of base (rank 0): what everything else stands on. It knows nothing of models.
// Read in this order: size.h (checked arithmetic), alloc.h (heap, arena), map.h, strings.h, file.h
// (mappings, atomic output), log.h (sink, progress, budget), threads.h, cpu.h, random.h, sha256.h.
#ifndef MOPT_BASE_BASE_H
#define MOPT_BASE_BASE_H

#include "base/alloc.h"
#include "base/cpu.h"
#include "base/file.h"
#include "base/log.h"
#include "base/map.h"
#include "base/random.h"
#include "base/sha256.h"
#include "base/size.h"
#include "base/strings.h"
#include "base/threads.h"

#endif
