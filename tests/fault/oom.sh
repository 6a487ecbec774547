#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Memory that is out: every allocation of every command fails once (oom.sh SWEEP LIBRARY POINTS);
# POINTS limits the runs per command, 0 = all. Exit code 75 with one line, or as if nothing had
# happened; no output that is torn or different.
set -u
. "$(dirname "$0")/judge.sh"
sweep=$1 library=$2 points=$3
small=$source/tests/fault/small.txt
mkdir "$work/out"

# over <what> <more options of sweep> -- <command of mopt>
over() {
  what=$1
  shift
  options=
  while [ "$1" != -- ]; do options="$options $1"; shift; done
  shift
  # shellcheck disable=SC2086 # words
  text=$("$sweep" --preload "$library" --folder "$work/out" --points "$points" $options \
    "$mopt" "$@" 2>&1) || fail "$what"
  printf '%s: %s\n' "$what" "$text"
}

net=$source/tests/models/fm_mobilenet.onnx
[ -e "$net" ] || net=$(find "$source/examples/models" -name '*.onnx' | head -n 1)
over version -- version
over info -- info "$small"
over check -- check "$small"
over 'optimize' --output o.onnx -- optimize -O3 "$small" -o "$work/out/o.onnx"
over 'optimize --verify' --output o.onnx -- \
  optimize -O3 --verify 1 --verify-each "$small" -o "$work/out/o.onnx"
over 'quantize --dynamic' --output o.onnx -- quantize --dynamic "$small" -o "$work/out/o.onnx"
over 'quantize --static' --output o.onnx -- \
  quantize --static --data random --samples 2 "$small" -o "$work/out/o.onnx"
over run --output o.npz -- run "$small" --data random --save "$work/out/o.npz"
over 'run 16-bit floats' --output o.npz -- \
  run "$source/tests/fault/half.txt" --data random --save "$work/out/o.npz"
over 'run codes' --output o.npz -- \
  run "$source/tests/fault/codes.txt" --data random --save "$work/out/o.npz"
over compare -- compare "$small" "$small" --data random
[ "$points" -eq 0 ] || points=$((points / 5))
over 'optimize a net' --points $((points > 0 ? points : 200)) --output o.onnx -- \
  optimize -O3 "$net" -o "$work/out/o.onnx"
finish 'all commands'
