#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every header compiles on its own, public ones as C++ too: headers.sh <tree> <build tree>
# CC and CXX choose the compilers.
set -eu
cd "$1"
includes="-Isrc -Iinclude -I$2/include -I$2/generated/onnx"
strict="-Wall -Wextra -Wpedantic -Wundef -Werror -fsyntax-only"
failed=0
echo "typedef int mopt_unit;" >"$2/unit.c"
count=0

# try <header> <command...>
try() {
  header=$1
  shift
  count=$((count + 1))
  "$@" || { echo "'$header' does not compile on its own: $*"; failed=$((failed + 1)); }
}

for header in $(find src -name '*.h' | sort); do
  isa=
  case $header in
    */x86_avx2/* | */kernels/template/*) isa='-mavx2 -mfma -mf16c' ;;
    */x86_avx512/* | */x86_avx512_vnni/* | */x86_avx512_bf16/*) isa='-mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma' ;;
    */arm_neon/*) continue ;;
  esac
  # shellcheck disable=SC2086,SC2046
  try "$header" "${CC:-cc}" -std=c11 -D_GNU_SOURCE $includes $strict $isa \
    $(pkg-config --cflags openblas) -include "$header" -x c "$2/unit.c"
done
for header in $(find include "$2/include" -name '*.h' | sort); do
  # shellcheck disable=SC2086
  try "$header" "${CC:-cc}" -std=c11 $includes $strict -include "$header" -x c "$2/unit.c"
  # shellcheck disable=SC2086
  try "$header" "${CXX:-c++}" -std=c++11 $includes $strict -include "$header" -x c++ "$2/unit.c"
done
[ "$count" -gt 0 ] || { echo "no header found"; exit 1; }
[ "$failed" -eq 0 ] || { echo "$failed of $count header checks failed"; exit 1; }
echo "$count header checks passed"
