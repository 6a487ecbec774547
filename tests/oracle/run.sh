#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs oracle.py with the Python that has the peers; without one the test is skipped, but not in CI.
set -u
if [ -z "${MOPT_TEST_PYTHON:-}" ]; then
  echo "no Python with onnx and onnxruntime: set MOPT_TEST_PYTHON"
  [ -z "${CI:-}" ] || exit 1
  exit 77
fi
export PYTHONDONTWRITEBYTECODE=1
exec "$MOPT_TEST_PYTHON" "$(dirname "$0")/oracle.py" "$@"
