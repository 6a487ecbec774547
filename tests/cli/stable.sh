#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Same input, options and seed: same bytes, but for what stands under "run". Threads do not matter.
. "$(dirname "$0")/common.sh"

# twice <argument...>: both documents are the same without "run".
twice() {
  "$mopt" "$@" --json 2>/dev/null </dev/null | "$json_tool" stable >first.json
  "$mopt" "$@" --json -vv 2>/dev/null </dev/null | "$json_tool" stable >second.json
  cmp -s first.json second.json || fail "mopt $* --json: $(diff first.json second.json | head -n 5)"
  [ "$(wc -l <first.json)" -gt 5 ] || fail "mopt $* --json gives nothing"
}
"$mopt" run small.txt --data random --samples 3 --save sets -q >/dev/null || fail "no data"
twice info small.txt
twice check unknown.txt
twice optimize small.txt --verify 4
twice optimize small.txt -o out.onnx --force
twice quantize --dynamic small.txt
twice quantize --static small.txt --data sets
twice run small.txt --data random --seed 5
twice compare small.txt other.txt
twice eval small.txt --baseline other.txt --data sets
twice bench small.txt --time 5ms --runs 5 --per-node
twice passes
twice ops
twice version
twice info nowhere.onnx

# Bytes of models do not depend on runs or threads.
for threads in 1 2 4; do
  "$mopt" quantize --static small.txt --data sets -o q$threads.onnx --threads $threads -q >/dev/null ||
    fail "quantize fails with $threads threads"
  cmp q1.onnx q$threads.onnx || fail "quantize depends on the number of threads"
done
"$mopt" run small.txt --data random --seed 5 --save a.npz -q >/dev/null
"$mopt" run small.txt --data random --seed 5 --save b.npz --threads 3 -q >/dev/null
cmp a.npz b.npz || fail "the same seed gives other numbers"
"$mopt" run small.txt --data random --seed 6 --save c.npz -q >/dev/null
! cmp -s a.npz c.npz || fail "another seed gives the same numbers"
finish
