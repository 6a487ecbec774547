#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Standard output is the result and nothing else: JSON at any verbosity and on errors, colours only
# when asked for, closed pipes, full disks.
. "$(dirname "$0")/common.sh"

# one_document <code> <argument...>: JSON on standard output, whatever happens.
one_document() {
  local want=$1
  shift
  run "$@"
  expect_code "$want"
  "$json_tool" check <"$work/.out" || fail "$last: no single document"
  expect_member exit_code "$want"
  expect_member schema mopt.result/1
}
one_document 0 info small.txt --json -vv
one_document 0 optimize small.txt --json -vv --verify 2
one_document 0 run small.txt --data random --json -vv --progress plain
one_document 0 compare small.txt small.txt --json -vv
one_document 0 bench small.txt --time 5ms --json -vv --per-node
one_document 0 passes --json -vv
one_document 0 ops --json -vv
one_document 0 version --json -q
one_document 0 completion bash --json
one_document 0 help optimize --json
one_document 1 check nan.txt --json -vv
one_document 1 compare small.txt other.txt --json -vv
one_document 2 info small.txt --nope --json
one_document 2 --json
one_document 2 nonsense --json
one_document 65 info garbage.onnx --json -vv
one_document 66 info nowhere.onnx --json -vv
one_document 69 run unknown.txt --data random --json
expect_member error.code unsupported
run optimize small.txt -o - --json
expect_code 2

# --json=FILE writes the document there and the table here.
run info small.txt --json=result.json
expect_code 0
expect_out "multiply-adds"
"$json_tool" check <result.json || fail "--json=FILE holds no document"
run info nowhere.onnx --json=missing.json
expect_code 66
[ "$("$json_tool" get error.code <missing.json)" = missing ] || fail "no error in --json=FILE"

# -q leaves only the result; without it settings and verdict stand on standard error.
run optimize small.txt -q
[ -z "$err" ] || fail "-q leaves '$err' on standard error"
run optimize small.txt
expect_err "level=2"
expect_err "ok: 2 of 4 nodes fewer"
expect_err "next: mopt optimize"
run info nowhere.onnx -q
expect_err "nowhere.onnx" # errors are always told

# Progress: lines when asked for and the work is longer than a second, nothing without a terminal.
net="$MOPT_TEST_SOURCE/tests/models/fm_vit.onnx" # runs long enough to be waited for
run bench "$net" --time 1.5s --progress plain
expect_err "bench "
expect_err " left"
run bench "$net" --time 1.5s
[[ $err != *" left"* ]] || fail "progress without a terminal: $err"

# Colours.
escape=$'\033'
run optimize small.txt
[[ $out$err != *"$escape"* ]] || fail "colours without a terminal"
run optimize small.txt --color always
[[ $out == *"$escape"* && $err == *"$escape"* ]] || fail "no colours with --color always"
run optimize small.txt --color never
[[ $out$err != *"$escape"* ]] || fail "colours with --color never"
if command -v script >/dev/null; then # a terminal of its own
  script -qec "'$mopt' optimize small.txt" /dev/null </dev/null >tty.txt 2>&1
  grep -q "$escape" tty.txt || fail "no colours on a terminal"
  NO_COLOR=1 script -qec "'$mopt' optimize small.txt" /dev/null </dev/null >tty.txt 2>&1
  ! grep -q "$escape" tty.txt || fail "NO_COLOR is not honoured"
  TERM=dumb script -qec "'$mopt' optimize small.txt" /dev/null </dev/null >tty.txt 2>&1
  ! grep -q "$escape" tty.txt || fail "colours on a dumb terminal"
fi

# Names from files cannot send escapes to the terminal.
sed 's/ y) {/ "evil\\033[31m") {/; s/y = Relu/"evil\\033[31m" = Relu/' small.txt |
  sed "s/\\\\033/$escape/" >evil.txt
run info evil.txt
[[ $out$err != *"$escape"* ]] || fail "a name sends escapes to the terminal"

# A reader that stops early is no error for a table; for model bytes it is.
"$mopt" ops 2>/dev/null | head -n 1 >/dev/null
[ "${PIPESTATUS[0]}" -eq 0 ] || fail "closed pipe ends in ${PIPESTATUS[0]}"
("$mopt" optimize small.txt -q -o - 2>err.txt; echo $? >code.txt) | true
[ "$(cat code.txt)" = 74 ] || [ "$(cat code.txt)" = 0 ] || fail "-o - into a closed pipe: $(cat code.txt)"

# Full disk.
"$mopt" ops >/dev/full 2>err.txt
[ $? -eq 74 ] || fail "full disk under a table is not told by 74"
grep -q 'No space left' err.txt || fail "the full disk is not named"
"$mopt" optimize small.txt -q -o - >/dev/full 2>err.txt
[ $? -eq 74 ] || fail "full disk under -o - is not told by 74"
"$mopt" info small.txt --json >/dev/full 2>err.txt
[ $? -eq 74 ] || fail "full disk under --json is not told by 74"

# Closed standard streams.
"$mopt" info small.txt >&- 2>/dev/null
[ $? -lt 128 ] || fail "crash without standard output"
"$mopt" optimize small.txt -o streams.onnx <&- >&- 2>&- || fail "needs standard streams to write a file"
"$mopt" check -q streams.onnx >/dev/null || fail "messages went into the model"

# The log file gets what standard error gets.
run optimize small.txt -q --log-file log.txt
grep -q "level=2" log.txt || fail "no settings in the log file"
finish
