#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# SIGINT and SIGTERM: nothing half-written stays, and the caller sees the signal.
. "$(dirname "$0")/common.sh"
mkdir out

# ends_by <signal> <code>: a long benchmark dies of the signal that it gets.
ends_by() {
  # A shell without job control starts background programs with SIGINT ignored; env undoes that.
  env --default-signal=INT "$mopt" bench small.txt --time 60s --json="out/$1.json" >/dev/null 2>err.txt &
  local pid=$! start=$SECONDS
  sleep 0.3
  kill -"$1" $pid
  wait $pid
  code=$?
  [ $code -eq "$2" ] || fail "SIG$1 ends in $code, not $2: $(cat err.txt)"
  [ $((SECONDS - start)) -lt 10 ] || fail "SIG$1 is obeyed after $((SECONDS - start)) s only"
  ! grep -q 'error:' err.txt || fail "SIG$1 is told as an error: $(cat err.txt)"
}
ends_by INT 130
ends_by TERM 143
[ "$("$json_tool" get exit_code <out/TERM.json)" = 143 ] || fail "the document lacks the signal"

# Killed at many moments while it writes over a file: the old or the new model, never a part.
weights=$(printf '1, %.0s' {1..99999})
cat >large.txt <<END
model (ir=8, opset=13) { graph large (float[1,100] x) -> (float[1,1000] y) {
  float[100,1000] w = {${weights}1}; a = Identity(x); y = MatMul(a, w); } }
END
"$mopt" optimize large.txt -q -O0 -o out/model.onnx >/dev/null || fail "cannot write"
for i in $(seq 1 20); do
  "$mopt" optimize large.txt -q -o out/model.onnx --force >/dev/null 2>&1 &
  pid=$!
  sleep "0.0$((i * 2 / 10))$((i * 2 % 10))"
  kill -TERM $pid 2>/dev/null
  wait $pid
  case $? in
    0 | 143) ;;
    *) fail "killed while writing: exit code $?" ;;
  esac
  "$mopt" check -q out/model.onnx >/dev/null || fail "a half model was left"
done
left=$(find out -name '.*' -type f)
[ -z "$left" ] || fail "temporaries were left: $left"
finish
