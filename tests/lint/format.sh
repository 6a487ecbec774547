#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The tree is formatted as .clang-format says: format.sh <tree> [--fix]
set -eu
cd "$1"
. tests/lint/tool.sh
format=$(need clang-format-14) || exit $?
mode='--dry-run -Werror'
[ "${2:-}" = --fix ] && mode=-i
# shellcheck disable=SC2086
find src include tests examples benchmarks -name '*.[ch]' 2>/dev/null | sort |
  xargs "$format" $mode --style=file
