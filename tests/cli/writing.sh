#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Outputs: all or nothing. No half file, no temporary, whatever goes wrong.
. "$(dirname "$0")/common.sh"

mkdir out
leftovers() { find out -name '.*' -type f; }

# A failing gate, a failing load and a refused option write nothing.
run compare small.txt other.txt --json=out/compare.json
expect_code 1
[ -e out/compare.json ] || fail "a negative verdict has no document"
run optimize garbage.onnx -o out/garbage.onnx
expect_code 65
[ ! -e out/garbage.onnx ] || fail "a failed load wrote a model"
run optimize small.txt -o out/bad.onnx --pass nonsense
expect_code 2
[ ! -e out/bad.onnx ] || fail "a wrong option wrote a model"

# An existing file keeps its content unless --force is given.
echo precious >out/kept.onnx
run optimize small.txt -o out/kept.onnx
expect_code 73
[ "$(cat out/kept.onnx)" = precious ] || fail "an existing file was changed"
run run small.txt --input x=1 --save out/kept.onnx.npy
expect_code 0
run run small.txt --input x=2 --save out/kept.onnx.npy
expect_code 73
run run small.txt --input x=2 --save out/kept.onnx.npy --force
expect_code 0

# A folder that cannot be written (root may write everywhere).
mkdir closed && chmod 500 closed
if [ "$(id -u)" -ne 0 ]; then
  run optimize small.txt -o closed/x.onnx
  expect_code 73
fi
run optimize small.txt -o out
expect_code 73
run optimize small.txt -o small.txt/x.onnx
expect_code 73

# A disk that is full: 64 KiB of space, a model that needs more.
weights=$(printf '1, %.0s' {1..39999})
cat >large.txt <<END
model (ir=8, opset=13) { graph large (float[1,200] x) -> (float[1,200] y) {
  float[200,200] w = {${weights}1}; y = MatMul(x, w); } }
END
(
  ulimit -f 64 # blocks of 1 KiB: writing beyond raises SIGXFSZ
  trap '' XFSZ
  "$mopt" optimize large.txt -q -o out/large.onnx >/dev/null 2>err.txt
  echo $? >code.txt
)
[ "$(cat code.txt)" = 74 ] || fail "file size limit ends in $(cat code.txt): $(cat err.txt)"
[ ! -e out/large.onnx ] || fail "a half model was left"
[ -z "$(leftovers)" ] || fail "temporaries were left: $(leftovers)"
finish
