#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Budgets hold for every command that runs a model: --mem-limit (--max-memory), --time-limit
# (--timeout), --step-limit (--max-steps). Exit code 75, soon, and the error says which limit.
. "$(dirname "$0")/common.sh"

# A loop that would take years.
cat >loop.txt <<'END'
model (ir=8, opset=17) {
  graph forever (float[2] x) -> (float[2] y) {
    int64 trips = {1000000000000};
    bool go = {1};
    y = Loop<body=graph (int64 i, bool c, float[2] v) -> (bool d, float[2] w) {
      d = Identity(c);
      w = Sin(v);
    }>(trips, go, x);
  }
}
END
# A tensor of 40 TB, and one of 400 MB that is a sum of two.
cat >huge.txt <<'END'
model (ir=8, opset=17) {
  graph huge (int64[1] n) -> (float s) {
    big = ConstantOfShape<value=float[1]{1}>(n);
    s = ReduceSum<keepdims=0>(big);
  }
}
END
# Twenty nodes in a row.
{
  echo 'model (ir=8, opset=17) { graph row (float[4] x0) -> (float[4] x20) {'
  for i in {1..20}; do echo "x$i = Sin(x$((i - 1)));"; done
  echo '} }'
} >row.txt
# Each turn of a Scan counts: 5000 turns of two nodes.
cat >scan.txt <<'END'
model (ir=8, opset=17) {
  graph scanned (float[1] s, float[5000] xs) -> (float[1] e, ys) {
    e, ys = Scan<num_scan_inputs=1, body=graph (float[1] a, x) -> (b, z) {
      b = Add(a, x);
      z = Identity(b);
    }>(s, xs);
  }
}
END

# expect_limit <seconds> <text>: the last run stopped at a limit, within that time.
expect_limit() {
  expect_code 75
  expect_err "$2"
  expect_no_out
  [ $took -le $(($1 * 1000)) ] || fail "$last: took $took ms"
}

timed() {
  local start
  start=$(date +%s%N)
  run "$@"
  took=$((($(date +%s%N) - start) / 1000000))
}

# Every command that runs a model, with a loop that does not end. Names and synonyms.
while read -r line; do
  read -ra words <<<"$line"
  for limit in --time-limit=300ms --timeout=300ms; do
    timed "${words[@]}" "$limit"
    expect_limit 20 "time limit"
  done
  for limit in --step-limit=5000 --max-steps=5000; do
    timed "${words[@]}" "$limit"
    expect_limit 20 "5000 executed nodes"
  done
done <<'END'
run loop.txt --data random --samples 1
compare loop.txt loop.txt --data random --samples 1
bench loop.txt
optimize loop.txt -o loop.out.onnx --verify 1
quantize --static loop.txt -o loop.int8.onnx --data random --samples 1
END
[ ! -e loop.out.onnx ] && [ ! -e loop.int8.onnx ] || fail "an output was left behind"

# Steps are counted to the one.
run run row.txt --data random --samples 3 --step-limit 20
expect_code 0
run run row.txt --data random --samples 3 --step-limit 19
expect_code 75
expect_err "19 executed nodes"
run run scan.txt --data random --samples 1 --max-steps 10001
expect_code 0
run run scan.txt --data random --samples 1 --max-steps 10000
expect_code 75

# Memory: far too much at once, and too much for the limit.
for limit in --mem-limit=200M --max-memory=200M; do
  timed run huge.txt --input n=10000000000000 "$limit"
  expect_limit 20 "40000000000000 bytes"
  timed run huge.txt --input n=100000000 "$limit"
  expect_limit 20 "bytes"
  timed bench huge.txt --input n=100000000 "$limit"
  expect_limit 20 "bytes"
  run run huge.txt --input n=1000 "$limit"
  expect_code 0
done
# Without a limit, what no machine has is an error too, not a crash.
timed run huge.txt --input n=10000000000000
[ "$code" -eq 75 ] || [ "$code" -eq 65 ] || fail "$last: exit code $code: $err"

# The last one counts, whichever name it has; JSON settings know it by its first name.
run run loop.txt --data random --samples 1 --timeout 1h --time-limit 200ms --json
expect_code 75
expect_member settings.time-limit.value 0.2
run run row.txt --data random --samples 1 --max-steps 0
expect_code 2
run run row.txt --max-stops 1
expect_code 2
expect_err "did you mean '--max-steps'"

# Help, man page and completions know both names.
for name in mem-limit max-memory time-limit timeout step-limit max-steps; do
  "$mopt" run --help | grep -q -- "--$name\b" || fail "help of run lacks --$name"
  "$mopt" help --man | tr -d '\\' | grep -q -- "--$name\b" || fail "man page lacks --$name"
  for shell in bash zsh fish; do
    "$mopt" completion $shell | grep -qE -- "(--|-l )$name\b" || fail "$shell lacks --$name"
  done
done
finish
