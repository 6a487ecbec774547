#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What the commands compute, end to end on a small model.
. "$(dirname "$0")/common.sh"

# info: 12 + 3 parameters, 12 multiply-adds per sample.
run info small.txt --json
expect_code 0
expect_member result.models.0.facts.parameters 15
expect_member result.models.0.facts.nodes 4
expect_member result.models.0.facts.macs 12
expect_member result.models.0.inputs.0.type 'float[batch,4]'
expect_member result.models.0.facts.quantization none

# optimize: both Identity nodes go, and the result agrees.
run optimize small.txt -o small.onnx --verify 4 --json
expect_code 0
expect_member result.before.nodes 4
expect_member result.after.nodes 2
expect_member result.verification.equal true
expect_member gates.0.pass true
expect_member outputs.0.bytes "$(stat -c %s small.onnx)"
expect_member outputs.0.sha256 "$(sha256sum small.onnx | cut -d' ' -f1)"
expect_member inputs.0.sha256 "$(sha256sum small.txt | cut -d' ' -f1)"
expect_member settings.verify.origin flag
expect_member settings.level.origin default

# -o -: model bytes and nothing else; "-" as input, too.
"$mopt" optimize small.txt -o - >piped.onnx 2>/dev/null || fail "optimize -o - fails"
cmp small.onnx piped.onnx || fail "-o - writes other bytes than -o FILE"
"$mopt" optimize - -o - <small.txt 2>/dev/null | cmp - small.onnx || fail "- as input differs"

# run: numbers by hand. x = 1: columns of w sum to 11, 13, 15 (less 1, 2, 3 counted in), plus bias.
run run small.txt --input x=1 --save ones.npy --json
expect_code 0
expect_member result.outputs.0.min 11.5
expect_member result.outputs.0.max 15
run run small.onnx --input x=1 --expect=ones.npy
expect_code 0
run run other.txt --input x=1 --expect=ones.npy
expect_code 1
expect_err "FAILED: 0 of 1 outputs agree"
# A folder of test data: what was saved is what comes back.
run run small.txt --data random --samples 3 --save sets
expect_code 0
[ -e sets/test_data_set_2/output_0.pb ] || fail "no third set saved"
run run small.onnx --data sets --expect --json
expect_code 0
expect_member result.samples 3
expect_member gates.0.pass true
run run other.txt --data sets --expect
expect_code 1
# Samples joined along axis 0.
run run small.txt --data random --samples 5 --save joined.npz
expect_code 0
run run small.txt --data sets --save one.npy --batch 3
expect_code 0

# --bf16: the weight lies half way between two numbers of bfloat16, 1 is the even one; compare
# rounds the second model only.
cat >round.txt <<'END'
model (ir=8, opset=13) { graph g (float[1,1] x) -> (float[1,1] y) {
float[1,1] w = {1.00390625}; y = MatMul(x, w); } }
END
run run round.txt --input x=1 --json
expect_code 0
expect_member result.outputs.0.max 1.00390625
run run round.txt --input x=1 --bf16 --json
expect_code 0
expect_member result.outputs.0.max 1
run compare round.txt round.txt --input x=1 --bf16 --json
expect_code 1
expect_member result.tensors.0.max_abs 0.00390625
run bench round.txt --bf16 --time 0 --runs 3 --json
expect_code 0

# compare and eval.
run compare small.txt other.txt --data sets --json
expect_code 1
expect_member status negative
expect_member exit_code 1
expect_member result.first_bad h
run eval small.onnx --baseline small.txt --data sets --max-drop 0 --json
expect_code 0
expect_member gates.0.metric agreement
expect_member result.samples 3
run eval other.txt --baseline small.txt --data sets --metric mse --max-drop 0.001
expect_code 1

# bench: both models in one table, times under run.
run bench small.txt small.onnx --time 10ms --runs 5 --warmup 1 --threads 1,2 --json
expect_code 0
expect_member result.models.3.threads 2
member run.bench.3.p50_ms >/dev/null || fail "bench has no p50_ms under run"
member run.bench.0.load_ms >/dev/null || fail "bench has no load_ms under run"
run bench small.txt --time 10ms --runs 5 --format csv
expect_code 0
[ "$(wc -l <"$work/.out")" -eq 2 ] || fail "csv of one model has not two lines: $out"
run bench small.txt --time 10ms --runs 5 --per-node
expect_out Gemm

# check: rows with code and severity.
run check nan.txt --json
expect_code 1
expect_member result.models.0.findings.0.code E005
expect_member result.models.0.findings.0.severity error
finish
