#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# How the time of `mopt optimize` grows with the graph: 1,000 to 64,000 nodes, median of N runs each, and the exponent.
# Usage: run.sh MOPT-BINARY [RUNS]   (a release build: cmake --preset release && cmake --build build/release)
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mopt=${1:?usage: run.sh MOPT-BINARY [RUNS]}
runs=${2:-5}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
printf '| nodes | nodes after | median s |\n|---:|---:|---:|\n'
for blocks in 91 364 1455 5819; do
    awk -v blocks="$blocks" -f "$here/generate.awk" >"$work/in.txt"
    "$mopt" optimize "$work/in.txt" -O0 -o "$work/in.onnx" --force -q >/dev/null 2>&1
    : >"$work/times"
    i=0
    while [ "$i" -lt "$runs" ]; do
        start=$(date +%s.%N)
        "$mopt" optimize "$work/in.onnx" -O3 -o "$work/out.onnx" --force -q --json >"$work/report.json" 2>/dev/null
        end=$(date +%s.%N)
        awk -v a="$start" -v b="$end" 'BEGIN { printf "%.6f\n", b - a }' >>"$work/times"
        i=$((i + 1))
    done
    median=$(sort -n "$work/times" | awk '{ t[NR] = $1 } END { print t[int((NR + 1) / 2)] }')
    after=$("$mopt" info "$work/out.onnx" --json 2>/dev/null | sed -n 's/.*"nodes":[[:space:]]*\([0-9]*\).*/\1/p' | head -n 1)
    nodes=$((blocks * 11 + 1))
    printf '| %d | %s | %s |\n' "$nodes" "${after:-?}" "$median"
    echo "$nodes $median" >>"$work/points"
done
# Least squares of log(time) over log(nodes).
awk '{ x = log($1); y = log($2); n++; sx += x; sy += y; sxx += x * x; sxy += x * y }
     END { printf "\nexponent %.2f\n", (n * sxy - sx * sy) / (n * sxx - sx * sx) }' "$work/points"
