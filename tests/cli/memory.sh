#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Loading a model of 100 MB costs at most 1.2 times its size in resident memory: its weights are
# looked at where they are in the file. memory.sh MEMORY_TOOL
set -u
mopt=${MOPT_TEST_BIN:?}
tool=${1:?usage: memory.sh MEMORY_TOOL}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0
"$tool" write big.onnx 100 || exit 1
size=$(stat -c %s big.onnx)
[ "$size" -gt 99000000 ] || { echo "FAIL: the model has $size bytes only"; exit 1; }

# within <percent of the size> <argument...>
within() {
  local limit=$1 kilobytes rest
  shift
  read -r kilobytes rest < <("$tool" run "$mopt" "$@" --quiet 2>log)
  if [ "${kilobytes:-failed}" = failed ]; then
    echo "FAIL: mopt $*: $rest $(cat log)"
    failures=$((failures + 1))
    return
  fi
  local percent=$((kilobytes * 102400 / size))
  echo "mopt $*: $percent % of the file resident"
  [ "$percent" -le "$limit" ] && return
  echo "FAIL: more than $limit %"
  failures=$((failures + 1))
}
within 120 info big.onnx
within 120 check big.onnx
within 120 optimize big.onnx
within 120 optimize big.onnx -O 0 -o same.onnx
cmp big.onnx same.onnx || { echo "FAIL: loaded and saved, the bytes differ"; failures=1; }
# A program that does copy the weights would be found out: the test's own measure of one.
"$tool" run "$(command -v dd)" if=big.onnx of=/dev/null bs=120M 2>/dev/null >copied
read -r copied rest <copied
[ "$copied" -gt $((size / 1024)) ] || { echo "FAIL: the measure is blind: $copied KiB"; failures=1; }
[ $failures -eq 0 ]
