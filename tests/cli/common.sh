# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the scripts of this folder share: a scratch folder with models in text form, run, expectations.
set -u
mopt=${MOPT_TEST_BIN:?}
json_tool=${1:?usage: script json_tool}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
unset NO_COLOR MOPT_CPU
export TERM=xterm
failures=0

fail() {
  echo "FAIL: $*"
  failures=$((failures + 1))
}

# run <argument...>: runs mopt; code, out and err are what it gave.
run() {
  last="mopt $*"
  "$mopt" "$@" >"$work/.out" 2>"$work/.err" </dev/null
  code=$?
  out=$(cat "$work/.out")
  err=$(cat "$work/.err")
}

expect_code() {
  [ "$code" -eq "$1" ] || fail "$last: exit code $code, not $1: $err"
}

# expect_out / expect_err <text>: standard output / error contains it.
expect_out() {
  [[ $out == *"$1"* ]] || fail "$last: standard output lacks '$1': $out"
}
expect_err() {
  [[ $err == *"$1"* ]] || fail "$last: standard error lacks '$1': $err"
}
expect_no_out() {
  [ -z "$out" ] || fail "$last: standard output is not empty: $out"
}

member() { "$json_tool" get "$1" <"$work/.out"; }

expect_member() {
  local value
  value=$(member "$1") || fail "$last: no member $1"
  [ "$value" = "$2" ] || fail "$last: $1 is '$value', not '$2'"
}

finish() {
  [ "$failures" -eq 0 ] || {
    echo "$failures failures"
    exit 1
  }
  echo "all as expected"
}

# Two Identity nodes to remove, a weight, an open batch axis.
cat >small.txt <<'END'
model (ir=8, opset=13, producer="test") {
  graph small (float[batch,4] x) -> (float[batch,3] y) {
    float[4,3] w = {1, 2, 3, 4, 5, 6, 7, 8, 9, -1, -2, -3};
    float[3] b = {0.5, -0.5, 0};
    a = Identity(x);
    h = Gemm(a, w, b);
    c = Identity(h);
    y = Relu(c);
  }
}
END
# The same with another bias: results differ.
sed 's/0.5, -0.5, 0/0.5, -0.5, 1/' small.txt >other.txt
# A node of an operator that nobody knows.
cat >unknown.txt <<'END'
model (ir=8, opset=13, "strange.domain"=1) {
  graph unknown (float[2] x) -> (float[2] y) { y = strange.domain::Thing(x); }
}
END
cat >nan.txt <<'END'
model (ir=8, opset=13) {
  graph broken (float[2] x) -> (float[2] y) { float[2] w = {nan, 1}; y = Add(x, w); }
}
END
printf 'not a model at all' >garbage.onnx
