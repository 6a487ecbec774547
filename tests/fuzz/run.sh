#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Long fuzzing with libFuzzer: tests/fuzz/run.sh [SECONDS [HARNESS...]]
# Corpora grow in build/fuzz/corpus/<harness>; what crashes lies in build/fuzz/found/. A finding
# belongs into tests/fault/hostile (as text) or into a unit test, once it is mended.
# Seeds are the texts of tests/fault and the models of the backend suites: Debian's
# libonnx-testdata where it is installed, the cases of the package onnx when MOPT_TEST_PYTHON names
# a python that has it (pictures come from its pillow), and every folder of .onnx files in MOPT_FUZZ_SEEDS.
# MOPT_FUZZ_FLAGS are further flags of libFuzzer, such as -fork=1 -ignore_crashes=1.
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

# Copies the small models and tensors below a folder, under names made of their paths.
take_seeds() {
  find "$1" -name '*.onnx' -size -"${largest}c" | while IFS= read -r file; do
    cp "$file" "$build/seeds/suites/$(printf '%s' "$file" | tr / _)"
  done
  find "$1" -name 'input_*.pb' -size -512c | while IFS= read -r file; do
    cp "$file" "$build/seeds/tensors/$(printf '%s' "$file" | tr / _)"
  done
}

largest=16384
mkdir -p "$build/found" "$build/seeds/suites" "$build/seeds/tensors" "$build/seeds/pictures"
if [ -n "${MOPT_TEST_PYTHON:-}" ]; then
  "$MOPT_TEST_PYTHON" tests/fuzz/write_pictures.py "$build/seeds/pictures"
  [ -d "$build/cases" ] || "$MOPT_TEST_PYTHON" tests/conformance/write_cases.py "$build/cases"
fi
for folder in /usr/share/libonnx-testdata "$build/cases" ${MOPT_FUZZ_SEEDS:-}; do
  [ ! -d "$folder" ] || take_seeds "$folder"
done
find "$build/seeds/suites" -name '*.onnx' -exec "$build/tests/fuzz/make_seeds" "$build/seeds" {} +
echo "$(find "$build/seeds/suites" -type f | wc -l) models of the suites among the seeds"

failed=0
for harness in "$@"; do
  case $harness in
    load | run) seeds="$build/seeds/models $build/seeds/suites" ;;
    text) seeds="tests/fault/hostile $build/seeds/texts" ;;
    data) seeds="$build/seeds/data $build/seeds/tensors $build/seeds/pictures" ;;
    preprocess) seeds=tests/fuzz/seeds/preprocess ;;
    *) echo "no harness '$harness'"; exit 2 ;;
  esac
  mkdir -p "$build/corpus/$harness"
  echo "== fuzz_$harness for $seconds s"
  # shellcheck disable=SC2086 # lists of folders and of flags
  nice "$build/tests/fuzz/fuzz_$harness" "$build/corpus/$harness" $seeds \
    -max_total_time="$seconds" -timeout=60 -rss_limit_mb=3000 -max_len="$largest" \
    -print_final_stats=1 -artifact_prefix="$build/found/$harness-" ${MOPT_FUZZ_FLAGS:-} \
    >"$build/found/$harness.log" 2>&1 || failed=1
  tail -n 12 "$build/found/$harness.log"
done
exit $failed
