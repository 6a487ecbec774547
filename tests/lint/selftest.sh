#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The lints find what they are for: selftest.sh <tree> <build tree>
# Makes small trees with one offence each and wants them refused, and a clean one accepted.
set -eu
lint=$1/tests/lint
room=$2/lint-selftest
cmake=${CMAKE:-cmake}
failed=0

fresh() {
  rm -rf "$room"
  mkdir -p "$room/src/base" "$room/src/ir" "$room/include/mopt" "$room/tests/lint"
  cp "$lint/tables.txt" "$lint/tool.sh" "$room/tests/lint"
  cp "$1/.clang-format" "$room" 2>/dev/null || true
  write src/base/base.h '#ifndef MOPT_BASE_BASE_H' '#define MOPT_BASE_BASE_H' '#endif'
  write src/ir/ir.h '#ifndef MOPT_IR_IR_H' '#define MOPT_IR_IR_H' '#include "base/base.h"' '#endif'
}

# write <path> <line...>: a file with the licence line and the lines.
write() {
  path=$room/$1
  mkdir -p "$(dirname "$path")"
  shift
  printf '%s\n' '// SPDX-License-Identifier: Apache-2.0' "$@" >"$path"
}

layers() { "$cmake" -D "SOURCE=$room" -P "$lint/layers.cmake" >/dev/null 2>&1; }
gates() { GIT_DIR=/nonexistent sh "$lint/gates.sh" "$room" >"$room.out" 2>&1; }
format() { sh "$lint/format.sh" "$room" >/dev/null 2>&1; }

# refuses <what> <lint>, accepts <what> <lint>
refuses() { if "$2"; then echo "$2 does not see: $1"; failed=1; fi; }
accepts() { "$2" || { echo "$2 refuses: $1"; cat "$room.out"; failed=1; }; }

fresh "$1"
accepts "a clean tree" layers
accepts "a clean tree" gates
write src/base/up.c '#include "ir/ir.h"'
refuses "an upward include" layers
fresh "$1"
write src/ir/blas.c '#include <cblas.h>'
refuses "cblas.h outside of its folder" layers
fresh "$1"
write src/base/pb.c '#include "onnx.pb-c.h"'
refuses "pb-c outside of onnx" layers
fresh "$1"
write src/prune/a.c '#include "quantize/quantize.h"'
refuses "a sibling of the same rank" layers
fresh "$1"
write include/mopt/a.h '#include "base/base.h"'
refuses "a public header with an internal one" layers
for line in 'strcpy(a, b);' 'x = atoi(s);' 'exit(1);' 'printf("x");' 'abort();' '// TODO: later' \
  'fprintf(stderr, "x");'; do
  fresh "$1"
  write src/base/a.c "$line"
  refuses "$line" gates
done
fresh "$1"
write src/base/a.c 'mopt__strcpy(a, b); fn.exit(1); ctx->abort(); mopt__puts("x"); // exit(1)'
accepts "names that contain banned ones" gates
fresh "$1"
awk 'BEGIN { print "// SPDX-License-Identifier: Apache-2.0"; for (i = 0; i < 1000; i++) print "" }' \
  >"$room/src/base/a.c"
refuses "1001 lines" gates
fresh "$1"
mkdir "$room/extra"
touch "$room/extra/file"
refuses "a foreign folder" gates
fresh "$1"
write src/base/a.h '#ifndef A_H' '#define A_H' '#endif'
refuses "a wrong guard" gates
if command -v clang-format-14 >/dev/null; then
  fresh "$1"
  write src/base/a.c 'int  x ;'
  refuses "a badly formatted file" format
fi
[ "$failed" -eq 0 ] || exit 1
echo "the lints find what they are for"
