#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The support matrix: text, Markdown, CSV and JSON tell the same; the table of the README is the one
# that the program prints. A changed table is put into the README by
#   MOPT_TEST_BIN=.../mopt MOPT_TEST_SOURCE=. tests/cli/ops.sh .../json_tool renew
readme=$(readlink -f "${MOPT_TEST_SOURCE:?}/README.md")
. "$(dirname "$0")/common.sh"

if [ "${2:-}" = renew ]; then
  "$mopt" ops --summary --format markdown | grep '^|' >printed.table || exit 1
  sed -i -e '/^<!-- mopt ops --summary/,/^<!-- end -->/{/^|/d}' "$readme"
  sed -i -e '/^<!-- mopt ops --summary/{n;r printed.table
}' "$readme"
fi

run ops --summary --format markdown
expect_code 0
sed -n '/^<!-- mopt ops --summary/,/^<!-- end -->/p' "$readme" | grep '^|' >readme.table
printf '%s\n' "$out" | grep '^|' >printed.table
[ -s readme.table ] || fail "the README has no table between its marks"
cmp -s readme.table printed.table ||
  fail "the README's table is not what 'mopt ops --summary --format markdown' prints:
$(diff readme.table printed.table | cut -c1-200)"

# The rows of the matrix add up to the summary.
run ops --format csv
expect_code 0
printf '%s\n' "$out" >ops.csv
records=$(($(wc -l <ops.csv) - 1))
sum=$(awk -F'|' 'NR > 2 { n += $4 } END { print n }' printed.table)
[ "$records" -eq "$sum" ] || fail "$records rows, but the summary counts $sum"
[ "$records" -gt 500 ] || fail "only $records rows"
head -n 1 ops.csv | grep -q '^operator,opset,types,infer,eval,bind,cost,quant,meaning' ||
  fail "columns: $(head -n 1 ops.csv)"
run ops
[ "$(wc -l <<<"$out")" -ge "$records" ] || fail "text has fewer rows than csv"
run ops --format markdown
[ "$(grep -c '^|' <<<"$out")" -eq $((records + 2)) ] || fail "markdown has other rows"
run ops --json
expect_code 0
[ "$(grep -o '"since":' <<<"$out" | wc -l)" -eq "$records" ] || fail "JSON has other rows"

# Opset versions, types and facets of one operator.
run ops Gemm --format csv
expect_out "Gemm,13+"
expect_out "float16-64 int32 int64 uint32 uint64 bfloat16"
run ops SplitToSequence --json
expect_member result.operators.0.since 11
expect_member result.operators.0.types.0.name T
expect_member result.operators.0.types.0.container tensor
expect_member result.operators.0.facets.0 infer
# Gradient names values of its graph: optimize leaves the model as it is, and says so.
cat >slope.txt <<'END'
model (ir=8, opset=17, "ai.onnx.preview.training"=1) {
  graph slope (float[2] a) -> (float[2] d) {
    i = Identity(a);
    y = Mul(i, i);
    d = ai.onnx.preview.training::Gradient<xs=["a"], y="y">(a);
  }
}
END
run optimize slope.txt -o slope.onnx --verify 2
expect_code 0
expect_err "refers to values by name"
run compare slope.txt slope.onnx --data random --samples 2
expect_code 0

run ops 'NoSuch*'
expect_code 2
finish
