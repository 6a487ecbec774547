#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# mopt bench: lists of threads and batches, streams, peaks, profile, trace, baseline, forms. Nothing
# here depends on how fast the machine is.
. "$(dirname "$0")/common.sh"
short=(--time 0 --runs 6 --warmup 0)

# One row for every model, batch and number of threads, in this order.
run bench small.txt other.txt "${short[@]}" --threads 1,2 --batch 1,4 --json
expect_code 0
expect_member result.models.0.batch 1
expect_member result.models.1.threads 2
expect_member result.models.2.batch 4
expect_member result.models.4.path other.txt
expect_member result.models.7.threads 2
member result.models.8 >/dev/null && fail "more rows than asked for"
expect_member result.models.0.macs 12
expect_member result.models.2.macs 48
expect_member result.models.0.operations float
for name in arena_bytes packed_bytes constant_bytes; do
  member result.models.0.$name >/dev/null || fail "bench has no $name"
done
for name in load_ms plan_ms first_run_ms min_ms p50_ms p50_ci95_low_ms p50_ci95_high_ms p90_ms p99_ms \
  mean_ms sd_ms runs samples_per_second gflops peak_gops part_of_peak speed warmup_runs rss_bytes \
  peak_rss_bytes; do
  value=$(member run.bench.7.$name) || fail "bench has no $name"
  [ "$value" != null ] || fail "bench does not know $name"
done
expect_member run.bench.0.speed 1
expect_member run.bench.0.runs 6
expect_member run.bench.0.warmup_runs 0
expect_member run.bench.0.gops null
expect_member run.peaks.1.threads 2
# Energy is a number, or null with the reason.
if [ "$(member run.bench.0.energy_j)" = null ]; then
  [ "$(member run.bench.0.energy_reason)" != null ] || fail "no energy, and no reason why"
else
  expect_member run.bench.0.energy_reason null
fi

# Without a warm-up nothing settles, with one there are runs that do not count.
run bench small.txt --time 0 --runs 6 --warmup 100ms --threads 1 --json
[ "$(member run.bench.0.warmup_runs)" -ge 5 ] || fail "no warm-up"
expect_member run.bench.0.runs 6

# Quantized models count against the peak in 8 bits.
run quantize --dynamic small.txt -o small8.onnx -q
expect_code 0
run bench small8.onnx "${short[@]}" --threads 1 --json
expect_member result.models.0.operations integer
expect_member run.bench.0.gflops null
expect_member run.peaks.0.gflops null
[ "$(member run.peaks.0.gops_u8)" != null ] || fail "no peak in 8 bits"

# Throughput: streams of one thread each.
run bench small.txt "${short[@]}" --streams 2 --json
expect_code 0
expect_member result.models.0.streams 2
expect_member result.models.0.threads 1
expect_member run.bench.0.runs 6
expect_member run.peaks.0.threads 2
run bench small.txt "${short[@]}" --streams 2
expect_out "2 x 1"
expect_err "samples per second in 2 streams"
run bench small.txt --streams 2 --threads 2
expect_code 2
expect_err "exclude each other"

# Nodes: operations, bytes, what limits them; a trace with one event for each.
run bench small.txt "${short[@]}" --threads 1 --trace trace.json --json
expect_code 0
expect_member outputs.0.role trace
nodes=0
while member run.bench.0.nodes.$nodes.name >/dev/null; do nodes=$((nodes + 1)); done
[ $nodes -ge 1 ] || fail "no nodes"
[[ $out == *'"Gemm"'* ]] || fail "no Gemm among the nodes"
for ((i = 0; i < nodes; i++)); do
  if [ "$(member run.bench.0.nodes.$i.operator)" = Gemm ]; then
    [ "$(member run.bench.0.nodes.$i.operations)" -ge 24 ] || fail "Gemm: too few operations"
    [ "$(member run.bench.0.nodes.$i.bytes)" -ge 88 ] || fail "Gemm: too few bytes"
    [[ $(member run.bench.0.nodes.$i.bound) =~ ^(memory|compute)$ ]] || fail "Gemm: no bound"
  fi
done
"$json_tool" check <trace.json || fail "the trace is no JSON"
events=$(grep -c '"ph":.*"X"' trace.json)
[ "$events" -eq "$nodes" ] || fail "$events events for $nodes nodes"
[ "$("$json_tool" get traceEvents.1.ts <trace.json)" = 0 ] || fail "the trace does not start at 0"
run bench small.txt "${short[@]}" --trace trace.json
expect_code 73
run bench small.txt "${short[@]}" --trace none.json --dry-run
expect_code 0
[ ! -e none.json ] || fail "--dry-run writes the trace"
run bench small.txt "${short[@]}" --per-node --threads 1
expect_out "of roof"
expect_out "GB/s"

# Baseline: a limit that always holds, one that never does, files that do not fit.
run bench small.txt "${short[@]}" --threads 1 --json=before.json
expect_code 0
run bench small.txt "${short[@]}" --threads 1 --baseline before.json --max-regress 1000 --json
expect_code 0
expect_member gates.0.id max-regress
expect_member gates.0.pass true
sed 's/"p50_ms":.*/"p50_ms": 1e-9,/' before.json >fast.json
run bench small.txt "${short[@]}" --threads 1 --baseline fast.json --json
expect_code 1
expect_member gates.0.pass false
expect_member status negative
run bench small.txt "${short[@]}" --threads 1 --baseline fast.json
expect_code 1
expect_err "FAILED: 1 of 1 medians"
sed 's/"cpu":.*/"cpu": "another",/' before.json >elsewhere.json
run bench small.txt "${short[@]}" --threads 1 --baseline elsewhere.json --max-regress 1000
expect_code 0
expect_err "the baseline is from 'another'"
run bench other.txt "${short[@]}" --threads 1 --baseline before.json
expect_code 2
expect_err "has no times of these models"
run bench small.txt "${short[@]}" --threads 1 --baseline trace.json
expect_code 65
run bench small.txt "${short[@]}" --threads 1 --baseline nowhere.json
expect_code 66
run bench small.txt --max-regress 5%
expect_code 2

# Lists that are none, batches that the model cannot take.
for list in 1,x '' 1,,2 0x2 -1 300; do
  run bench small.txt "--threads=$list"
  expect_code 2
done
run bench small.txt --batch 0
expect_code 2
cat >fixed.txt <<'END'
model (ir=8, opset=13) { graph fixed (float[1,4] x) -> (float[1,4] y) { y = Relu(x); } }
END
run bench fixed.txt "${short[@]}" --batch 2
expect_code 2
expect_err "axis 0"

# Forms: one CSV row for each model behind the titles, Markdown rules.
run bench small.txt other.txt "${short[@]}" --threads 1 --format csv
[ "$(wc -l <"$work/.out")" -eq 3 ] || fail "csv of two models has not three lines: $out"
[[ $out == model,threads,batch,p50* ]] || fail "csv has other titles: $out"
run bench small.txt "${short[@]}" --threads 1 --format markdown
expect_out "| --- "
finish
