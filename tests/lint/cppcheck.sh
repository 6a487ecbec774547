#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# cppcheck over src/: cppcheck.sh <tree> <build tree> [file...]
# A line "// cppcheck-suppress id ; reason" explains one finding, tests/lint/cppcheck.txt a kind.
set -eu
cd "$1"
build=$2
shift 2
. tests/lint/tool.sh
cppcheck=$(need cppcheck) || exit $?
mkdir -p "$build/cppcheck"
# shellcheck disable=SC2046
[ $# -gt 0 ] || set -- $(sources src)
grep -vE '^(#|$)' tests/lint/cppcheck.txt >"$build/cppcheck/suppressions" || true
"$cppcheck" -q -j 2 --std=c11 --language=c --platform=unix64 -D_GNU_SOURCE -D__x86_64__ -D__linux__ \
  --enable=warning,performance,portability --inline-suppr --error-exitcode=1 \
  --cppcheck-build-dir="$build/cppcheck" --suppressions-list="$build/cppcheck/suppressions" \
  -Isrc -Iinclude -I"$build/include" "$@"
echo "cppcheck: no finding in $# files"
