#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The inner loops of the tile kernels keep all sums and addresses in registers, as the release build
# compiles them: spills.sh <tree> <scratch folder>
# CC chooses the compiler.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$2"
scratch=$(cd "$2" && pwd)
cd "$1"
[ "$(uname -m)" = x86_64 ] || { echo "no tile kernels for this machine"; exit 77; }
command -v objdump >/dev/null || { echo "objdump is missing"; exit 77; }
flags="-std=c11 -D_GNU_SOURCE -O3 -DNDEBUG -fPIC -fno-common -fvisibility=hidden -ffp-contract=off
  -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection -Isrc -Iinclude"

# The checker sees a spill, and only a spill.
listing() {
  printf '0000000000000000 <f>:\n'
  printf '  %s:\t%s\n' 0 "$1" 4 'vfmadd231ps %zmm1,%zmm2,%zmm3' a 'add $0x4,%rax' e 'jne 0 <f>'
}
if listing 'vmovups 0x40(%rsp),%zmm1' | awk -f "$here/spills.awk" >/dev/null; then
  echo "the checker misses a spill"
  exit 1
fi
listing 'vmovups 0x40(%rbp),%zmm1' | awk -f "$here/spills.awk" >/dev/null ||
  { echo "the checker takes an address in rbp for a spill"; exit 1; }

# check <file> <fewest multiplications of the largest loop> <compiler flags>
failed=0
check() {
  source=src/kernels/$1
  fewest=$2
  shift 2
  object="$scratch/$(echo "$source" | tr / -).o"
  # shellcheck disable=SC2086
  "${CC:-cc}" $flags "$@" -c "$source" -o "$object"
  objdump -d --no-show-raw-insn "$object" | awk -f "$here/spills.awk" >"$object.txt" || failed=1
  echo "$source: $(cat "$object.txt")"
  most=$(sed -n 's/.*at most \([0-9]*\) multi.*/\1/p' "$object.txt")
  if [ "$most" -lt "$fewest" ]; then
    echo "$source: its loop is not the one meant: $fewest multiplications or more"
    failed=1
  fi
}
avx512='-mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma'
check x86_avx2/tile_f32.c 96 -mavx2 -mfma -mf16c
# shellcheck disable=SC2086
check x86_avx512/tile_f32.c 176 $avx512
check x86_avx2/tile_16.c 96 -mavx2 -mfma -mf16c
# shellcheck disable=SC2086
check x86_avx512/tile_16.c 176 $avx512
# shellcheck disable=SC2086
check x86_avx512/coded.c 64 $avx512
check x86_avx2/depthwise_f32.c 40 -mavx2 -mfma -mf16c
# shellcheck disable=SC2086
check x86_avx512/depthwise_f32.c 80 $avx512
check x86_avx2/depthwise_u8.c 8 -mavx2 -mfma -mf16c
# shellcheck disable=SC2086
check x86_avx512/depthwise_u8.c 8 $avx512
# shellcheck disable=SC2086
check x86_avx512_bf16/tile_pairs.c 176 $avx512 -mavx512bf16
# shellcheck disable=SC2086
check x86_avx512_vnni/tile_blocks.c 192 $avx512 -mavx512vnni
# shellcheck disable=SC2086
check x86_avx512_vnni/depthwise_u8.c 4 $avx512 -mavx512vnni
check x86_avx2/tile_u8.c 16 -mavx2 -mfma -mf16c
# shellcheck disable=SC2086
check x86_avx512/tile_u8.c 128 $avx512
# shellcheck disable=SC2086
check x86_avx512_vnni/tile_u8.c 96 $avx512 -mavx512vnni

# Of the Winograd kernels only the products keep everything in registers.
check_products() {
  source=src/kernels/$1
  shift
  object="$scratch/$(echo "$source" | tr / -).o"
  # shellcheck disable=SC2086
  "${CC:-cc}" $flags "$@" -c "$source" -o "$object"
  objdump -d --no-show-raw-insn "$object" | awk '/^[0-9a-f]+ </ { p = /<winograd_tile_/ } p' |
    awk -f "$here/spills.awk" >"$object.txt" || failed=1
  echo "$source: $(cat "$object.txt")"
}
check_products x86_avx2/winograd_f32.c -mavx2 -mfma -mf16c
# shellcheck disable=SC2086
check_products x86_avx512/winograd_f32.c $avx512
exit $failed
