#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# How the time of type and shape inference grows with the graph: three kinds of graphs (see
# generate.awk) of 1,000 to 100,000 nodes, median of N runs each, and the exponent that fits.
# Usage: run.sh INFER-BINARY [RUNS [NODES...]]
#   (a release build: cmake --preset release && cmake --build build/release --target bench_infer;
#   the binary is build/release/benchmarks/infer/bench_infer)
set -eu
here=$(cd "$(dirname "$0")" && pwd)
infer=${1:?usage: run.sh INFER-BINARY [RUNS [NODES...]]}
runs=${2:-5}
[ $# -gt 2 ] && shift 2 || set -- 1000 4000 16000 100000
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
printf '| graph | nodes | median ms | ns per node |\n|---|---:|---:|---:|\n'
for kind in shapes network cuts; do
    : >"$work/points"
    for nodes in "$@"; do
        awk -v kind="$kind" -v nodes="$nodes" -f "$here/generate.awk" >"$work/graph.txt"
        "$infer" "$work/graph.txt" "$runs" >"$work/point"
        awk -v kind="$kind" '{ printf "| %s | %d | %.2f | %.0f |\n", kind, $1, $2 * 1e3, $2 * 1e9 / $1 }' "$work/point"
        cat "$work/point" >>"$work/points"
    done
    # Least squares of log(time) over log(nodes).
    awk -v kind="$kind" \
        '{ x = log($1); y = log($2); n++; sx += x; sy += y; sxx += x * x; sxy += x * y }
         END { printf "%s %.2f\n", kind, (n * sxy - sx * sy) / (n * sxx - sx * sx) }' "$work/points" >>"$work/exponents"
done
echo
while read -r kind exponent; do echo "exponent of $kind: $exponent"; done <"$work/exponents"
