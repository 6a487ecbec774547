#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The node cases of the newest onnx package, and the models that lie in it: suite_1_23.sh <mopt_node_tests> <table> [--laws]
# Needs MOPT_TEST_PYTHON, a python with that package; skipped without it.
set -eu
[ -n "${MOPT_TEST_PYTHON:-}" ] || { echo "no python with the package onnx"; exit 77; }
"$MOPT_TEST_PYTHON" -c 'import onnx, sys; sys.exit(not onnx.__version__.startswith("1.23."))' ||
  { echo "the package onnx is not 1.23"; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$MOPT_TEST_PYTHON" "$(dirname "$0")/write_cases.py" "$folder/cases"
data=$("$MOPT_TEST_PYTHON" -c 'import onnx, os; print(os.path.dirname(onnx.__file__))')/backend/test/data
# shellcheck disable=SC2086 # no third argument, no word
"$1" ${3:-} --table "$2" "$folder/cases" "$data/simple" "$data/pytorch-converted" "$data/pytorch-operator"
