#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Sequences and optional values as inputs and outputs of the graph: through folders of .pb files,
# single .pb files, run, compare and --expect.
. "$(dirname "$0")/common.sh"

cat >make.txt <<'END'
model (ir=8, opset=18) {
  graph make (float[2,3] x) -> (seq(float[?,3]) s, optional(float[2,3]) full,
                                optional(float[2,3]) none, optional(seq(float[2,3])) deep) {
    s = SplitToSequence<axis=0>(x);
    full = Optional(x);
    none = Optional<type=type(float[2,3])>();
    t = SequenceConstruct(x, x);
    deep = Optional(t);
  }
}
END
cat >take.txt <<'END'
model (ir=8, opset=18) {
  graph take (seq(float[?,3]) s, optional(float[2,3]) full, optional(float[2,3]) none,
              optional(seq(float[2,3])) deep) ->
             (float[?,3] joined, bool[] a, bool[] b, seq(float[2,3]) inner, seq(float[?,3]) longer) {
    joined = ConcatFromSequence<axis=0>(s);
    a = OptionalHasElement(full);
    b = OptionalHasElement(none);
    inner = OptionalGetElement(deep);
    v = OptionalGetElement(full);
    longer = SequenceInsert(s, v);
  }
}
END
"$json_tool" get x </dev/null >/dev/null 2>&1 # the tool is there

# Made, saved, and held against what was saved.
run run make.txt --data random --samples 1 --save made
expect_code 0
expect_out "sequence of 2"
expect_out "optional of 1"
expect_out "optional of 0"
for file in input_0 output_0 output_1 output_2 output_3; do
  [ -s made/test_data_set_0/$file.pb ] || [ $file = output_2 ] || fail "no $file.pb"
done
run run make.txt --data made --expect
expect_code 0
expect_err "4 of 4 outputs agree"
run run make.txt --data made --expect=made/test_data_set_0
expect_code 0

# Taken as inputs: a folder in which they are the inputs, and one by one.
mkdir -p taken/test_data_set_0
for i in 0 1 2 3; do
  cp made/test_data_set_0/output_$i.pb taken/test_data_set_0/input_$i.pb
done
run run take.txt --data taken --save taken2
expect_code 0
expect_out "sequence of 3"
from=made/test_data_set_0
run run take.txt --input s=$from/output_0.pb --input full=$from/output_1.pb \
  --input none=$from/output_2.pb --input deep=$from/output_3.pb \
  --expect=taken2/test_data_set_0
expect_code 0
expect_err "5 of 5 outputs agree"
run run take.txt --data taken2 --expect --json
expect_code 0
expect_member result.expected.0.elements 6
run compare take.txt take.txt --data taken
expect_code 0

# A sequence that differs is told: other values, another length, another kind.
cp -r taken2 wrong
cp taken2/test_data_set_0/output_4.pb wrong/test_data_set_0/output_3.pb
run run take.txt --data wrong --expect
expect_code 1
cp made/test_data_set_0/input_0.pb wrong/test_data_set_0/output_4.pb
run run take.txt --data wrong --expect
[ "$code" -ne 0 ] || fail "$last: a tensor passes for a sequence"

# What cannot be: a sequence in an array file, an optional tensor where a sequence is meant, a
# damaged file.
run run make.txt --data made --save out.npz
expect_code 69
expect_err "save to a folder"
cp made/test_data_set_0/input_0.pb taken/test_data_set_0/input_0.pb
run run take.txt --data taken
[ "$code" -eq 65 ] || [ "$code" -eq 2 ] || fail "$last: exit code $code: $err"
head -c 20 made/test_data_set_0/output_0.pb >taken/test_data_set_0/input_0.pb
run run take.txt --data taken
expect_code 65
run run take.txt --data random
[ "$code" -eq 69 ] || [ "$code" -eq 2 ] || fail "$last: exit code $code: $err"
expect_err "'s'"
finish
