#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The com.microsoft operators against ONNX Runtime: suite_contrib.sh <mopt_node_tests>
# Every case must pass. Needs MOPT_TEST_PYTHON, a python with onnx and onnxruntime; skipped without it.
set -eu
[ -n "${MOPT_TEST_PYTHON:-}" ] || { echo "no python with the packages onnx and onnxruntime"; exit 77; }
"$MOPT_TEST_PYTHON" -c 'import onnx, onnxruntime' || { echo "the packages are missing"; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
PYTHONDONTWRITEBYTECODE=1 "$MOPT_TEST_PYTHON" "$(dirname "$0")/write_contrib_cases.py" "$folder/cases" >"$folder/written"
grep '^ORT refuses' "$folder/written" && exit 1
# Of 234 cases, so that a broken writer is noticed.
grep -q '^2[3-9][0-9] cases\|^[3-9][0-9][0-9] cases' "$folder/written" || { cat "$folder/written"; exit 1; }
"$1" --quiet "$folder/cases" >"$folder/told" || { cat "$folder/told"; exit 1; }
tail -n 1 "$folder/told"
! grep -q '^UNSUPPORTED' "$folder/told" || { cat "$folder/told"; exit 1; }
