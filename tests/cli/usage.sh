#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Exit codes and messages, one row per case: code, pattern on standard output, pattern on standard
# error, arguments. "-" expects nothing on standard output, "*" anything.
. "$(dirname "$0")/common.sh"

"$mopt" optimize small.txt -q -o done.onnx >/dev/null || fail "cannot make done.onnx"
before=$(sha256sum done.onnx)

row() {
  local want=$1 on_out=$2 on_err=$3
  shift 3
  run "$@"
  expect_code "$want"
  case $on_out in
    -) expect_no_out ;;
    '*') ;;
    *) expect_out "$on_out" ;;
  esac
  [ "$on_err" = '*' ] || expect_err "$on_err"
}

# Help and versions.
row 0 'mopt help COMMAND' '*'
row 0 'mopt help COMMAND' '*' --help
row 0 'mopt help COMMAND' '*' help
row 0 'Usage: mopt optimize' '*' help optimize
row 0 'Usage: mopt optimize' '*' optimize --help
row 0 'Usage: mopt optimize' '*' optimize -h
row 0 'mopt ' '*' --version
row 0 'interrupted' '*' help exit-codes
row 2 - "did you mean 'optimize'?" help optimise
# Unknown commands, options and values, with the nearest match.
row 2 - "did you mean 'info'?" inf
row 2 - "options come after the command" -v info small.txt
row 2 - "did you mean '--verify'?" optimize small.txt --verfy 3
row 2 - "try: mopt help optimize" optimize small.txt --verfy 3
row 2 - "did you mean 'always'?" info small.txt --color alway
row 2 - "none of 0|1|2|3" optimize small.txt -O7
row 2 - "needs a value" optimize small.txt -o
row 2 - "not a whole number" optimize small.txt --verify many
row 2 - "not between" run small.txt --threads 1000
row 2 - "not a size" info small.txt --mem-limit lots
row 2 - "not a time" info small.txt --time-limit soon
row 2 - "missing argument" info
row 2 - "missing argument" compare small.txt
row 2 - "unexpected argument" optimize small.txt other.txt
row 2 - "did you mean 'eliminate-identity'?" passes eliminate-identty
row 2 - "option '--pass'" optimize small.txt --pass eliminate-identty
row 2 - "option '--skip'" optimize small.txt --skip eliminate-identty
row 2 - "did you mean 'Conv'" ops Cnov
row 2 - "unknown shell" completion powershell
# Values that name parts of the model.
row 2 - "batch" info small.txt --dim bach=2
row 2 - "not NAME=VALUE" info small.txt --dim batch
row 2 - "did you mean 'x'?" run small.txt --input z=1
row 2 - "input 'x' is not given" run small.txt
row 2 - "say how to quantize" quantize small.txt
row 2 - "--data PATH" quantize small.txt --static
row 2 - "--data" eval small.txt
row 2 - "--baseline" eval small.txt --data random --max-drop 1%
row 2 - "I/N" run small.txt --data somewhere --shard 5/2
# Results.
row 0 'Gemm' '*' info small.txt
row 0 'nothing found' 'ok: 0 errors' check small.txt
row 1 'E005' 'FAILED: 1 error' check nan.txt
row 0 'W002' 'ok: 0 errors, 1 warning' check unknown.txt
row 1 'W002' 'FAILED' check --strict unknown.txt
row 0 'eliminate-identity' 'nothing written' optimize small.txt
row 0 'eliminate-identity' '*' optimize --print-pipeline -O1
row 0 'Conv' '*' ops Conv
row 0 '| operator |' '*' ops --format markdown
row 0 'eliminate-identity' '*' passes --names
row 0 '_mopt' '*' completion bash
row 0 'output' 'ok: the models agree' compare small.txt small.txt --per-layer -v
row 1 '*' 'FAILED: the models differ' compare small.txt other.txt
row 0 '*' 'ok: the models agree' compare small.txt other.txt --min-cosine -1
# Bad content, missing files, what cannot run.
row 65 - "garbage.onnx" info garbage.onnx
row 65 - "garbage.onnx" optimize garbage.onnx
row 66 - "nowhere.onnx" info nowhere.onnx
row 66 - "nowhere.npy" run small.txt --input x=nowhere.npy
row 69 - "Thing" run unknown.txt --data random
# Outputs that exist.
row 73 - "--force" optimize small.txt -o done.onnx
row 73 - "--force" info small.txt --json=done.onnx
row 73 - "*" optimize small.txt -o no/such/folder/x.onnx
[ "$(sha256sum done.onnx)" = "$before" ] || fail "a refused output was changed"
row 0 '*' 'written to done.onnx' optimize small.txt -o done.onnx --force
row 0 '*' 'nothing written' optimize small.txt -o done.onnx --dry-run
# Limits.
row 75 - '*' bench small.txt --time-limit 0.01s --time 30s
row 75 - '*' run small.txt --data random --mem-limit 4k
finish
