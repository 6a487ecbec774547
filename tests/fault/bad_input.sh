#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Damaged copies of real files: bad_input.sh PROGRAM EVERY. Every EVERY-th small model of the backend
# suite is cut at every 64th byte and gets 1,000 bit flips; the nets and the real models fewer.
set -u
program=$1 every=$2
source=${MOPT_TEST_SOURCE:?}
suite=/usr/share/libonnx-testdata/data
failures=0

# damage <options> <files, one per line on standard input>
damage() {
  # shellcheck disable=SC2086 # options and a list of names without blanks
  xargs -r "$program" $1 || failures=$((failures + 1))
}

if [ -d "$suite" ]; then
  find "$suite" -name model.onnx -size -128 | sort | awk -v n="$every" 'NR % n == 1 || n == 1' |
    damage ''
elif [ -n "${CI:-}" ]; then
  echo "no backend suite at '$suite'"
  failures=1
fi
find "$source/examples/models" "$source/tests/models" -name 'fm_*.onnx' 2>/dev/null | sort |
  damage "--cuts $((240 / every)) --flips $((240 / every))"
[ ! -d "${MOPT_TEST_MODELS:-/nowhere}" ] || find "$MOPT_TEST_MODELS" -name '*.onnx' | sort |
  damage "--cuts $((80 / every)) --flips $((80 / every))"
echo "$failures failures"
[ $failures -eq 0 ]
