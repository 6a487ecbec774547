#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Small models that ask for too much or make no sense (hostile/*.txt, one fault each), through the
# commands: an answer or one error, soon, and no output file with an error. A model that once
# crashed the program belongs here.
set -u
. "$(dirname "$0")/judge.sh"

# use <file>: every command on one model.
use() {
  name=$(basename "$1")
  try "info $name" '0 65 69 75' info "$1"
  try "check $name" '0 1 65 69 75' check "$1"
  try "run $name" '0 65 69 75' run "$1" --data random --time-limit 2s --mem-limit 1G
  for level in 1 3; do
    try "optimize -O$level $name" '0 1 65 69 75' \
      optimize "$1" -O $level -o "$work/out.onnx" --time-limit 5s --mem-limit 1G
    if [ $code -eq 0 ]; then
      [ -s "$work/out.onnx" ] || fail "optimize $name: no output"
      "$mopt" info "$work/out.onnx" >/dev/null 2>&1 || fail "optimize $name: output does not load"
    elif [ -e "$work/out.onnx" ]; then
      fail "optimize $name: output in spite of code $code"
    fi
    rm -f "$work/out.onnx"
  done
  if [ $quantize = yes ]; then
    try "quantize $name" '0 1 65 69 75' \
      quantize --dynamic "$1" -o "$work/out.onnx" --time-limit 5s --mem-limit 1G
    rm -f "$work/out.onnx"
  fi
}

quantize=no
has_command quantize && quantize=yes
count=0
runner='timeout -k 5 20'
for file in "$source"/tests/fault/hostile/*.txt; do
  use "$file"
  count=$((count + 1))
done
# A single node with a billion taps stops at the limit too.
try 'run stops within one node' 75 \
  run "$source/tests/fault/hostile/pool_wide_window.txt" --data random --time-limit 100ms
finish "$count models"
