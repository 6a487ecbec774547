# SPDX-License-Identifier: Apache-2.0
# Random data by explicit request, with sizes for what a model leaves open.
. "$(dirname "$0")/common.sh"

cat >open.txt <<'END'
model (ir=8, opset=13) {
  graph open (float[batch,1,h,5] x) -> (float[batch,1,p,3] y) {
    float[1,1,3,3] w = {1, 2, 3, 4, 5, 6, 7, -8, -9};
    y = Conv(x, w);
  }
}
END
run quantize --static open.txt -o never.onnx --data random
expect_code 2
expect_err "input 'x' leaves dimension 'h' open, say --dim h=SIZE"
run quantize --static open.txt -o never.onnx --data random --dim h=5 --dim z=1
expect_code 2
expect_err "no open dimension 'z'"
[ ! -e never.onnx ] || fail "$last: wrote never.onnx"
for size in h=5 x:2=5; do
  run quantize --static open.txt -o "$size.onnx" --data random --samples 3 --dim "$size" --json
  expect_code 0
  expect_member result.samples 3
  expect_member result.quantized_nodes 1
done
run quantize --static open.txt -o small.onnx --data random --dim h=1
expect_code 65
expect_err 'random sample 1'
run run open.txt --data random --dim h=5 --samples 2
expect_code 0
run compare open.txt h=5.onnx --data random --dim h=5 --samples 2 --min-cosine 0.5
expect_code 0
cmp h=5.onnx x:2=5.onnx || fail "the two ways to name a dimension differ"
run quantize --static open.txt -o kept.onnx --data random --dim h=5 --keep-float 'op:Conv'
expect_code 0
expect_err "warning: no node was quantized: the table says why"
run quantize --static open.txt -o again.onnx --data random --dim h=5
[[ $err != *"no node was quantized"* ]] || fail "$last: warns of nothing"
finish
