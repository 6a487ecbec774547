// SPDX-License-Identifier: Apache-2.0
// What must hold of every model of the suites besides its results.
#ifndef CONFORMANCE_LAWS_H
#define CONFORMANCE_LAWS_H

#include "mopt/status.h"

// Tries one test's folder:
//   `mopt check` finds no error in the model;
//   saving it as loaded gives the bytes of the file;
//   printed as text and parsed, it saves to the same bytes and prints to the same text;
//   the executor computes the expected outputs (random ones left out);
//   optimized with -O1 it computes the same outputs, element for element.
// scratch: file that is written over. MOPT_E_UNSUPPORTED when an operator cannot run (the first
// three laws hold then); every other failure names the law that is broken.
enum mopt_status laws_hold(const char *dir, const char *scratch, struct mopt_error *err);

#endif
