#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Long fuzzing with libFuzzer: tests/fuzz/run.sh [SECONDS [HARNESS...]]
# Corpora grow in build/fuzz/corpus/<harness>; what crashes lies in build/fuzz/found/. A finding
# belongs into tests/fault/hostile (as text) or into a unit test, once it is mended.
set -eu
cd "$(dirname "$0")/../.."
seconds=${1:-300}
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- load run text data preprocess
build=${MOPT_FUZZ_BUILD:-$PWD/build/fuzz}
command -v clang >/dev/null || { echo "needs clang and its libFuzzer"; exit 77; }

cmake --preset fuzz -B "$build" >/dev/null
for harness in "$@"; do targets="${targets:-make_seeds} fuzz_$harness"; done
# shellcheck disable=SC2086 # a list of names
cmake --build "$build" -j "$(getconf _NPROCESSORS_ONLN)" --target $targets
"$build/tests/fuzz/make_seeds" "$build/seeds" tests/fault/small.txt tests/fault/hostile/*.txt

failed=0
mkdir -p "$build/found"
for harness in "$@"; do
  case $harness in
    load | run) seeds=$build/seeds/models ;;
    text) seeds=tests/fault/hostile ;;
    data) seeds=$build/seeds/data ;;
    preprocess) seeds=tests/fuzz/seeds/preprocess ;;
    *) echo "no harness '$harness'"; exit 2 ;;
  esac
  mkdir -p "$build/corpus/$harness"
  echo "== fuzz_$harness for $seconds s"
  "$build/tests/fuzz/fuzz_$harness" "$build/corpus/$harness" "$seeds" \
    -max_total_time="$seconds" -timeout=60 -rss_limit_mb=3000 -max_len=16384 \
    -print_final_stats=1 -artifact_prefix="$build/found/$harness-" \
    >"$build/found/$harness.log" 2>&1 || failed=1
  tail -n 12 "$build/found/$harness.log"
done
exit $failed
