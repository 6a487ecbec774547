#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The node cases of the newest onnx package, and the models that lie in it:
#   suite_1_23.sh <mopt_node_tests> <table> [--laws] [--levels]
# --levels: once for each lower instruction set that the kernels know.
# Needs MOPT_TEST_PYTHON, a python with that package; skipped without it.
set -eu
[ -n "${MOPT_TEST_PYTHON:-}" ] || { echo "no python with the package onnx"; exit 77; }
"$MOPT_TEST_PYTHON" -c 'import onnx, sys; sys.exit(not onnx.__version__.startswith("1.23."))' ||
  { echo "the package onnx is not 1.23"; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$MOPT_TEST_PYTHON" "$(dirname "$0")/write_cases.py" "$folder/cases"
data=$("$MOPT_TEST_PYTHON" -c 'import onnx, os; print(os.path.dirname(onnx.__file__))')/backend/test/data
laws=
levels=${MOPT_CPU:-}
table=$2
for option in "$@"; do
  case $option in
    --laws) laws=--laws ;;
    --levels) levels="ref avx2 avx512" ;;
  esac
done
run() {
  # shellcheck disable=SC2086 # no option, no word
  "$1" $laws --table "$2" "$folder/cases" "$data/simple" "$data/pytorch-converted" "$data/pytorch-operator"
}
[ -n "$levels" ] || { run "$1" "$table"; exit; }
for level in $levels; do
  echo "== $level"
  MOPT_CPU=$level run "$1" "$table"
done
