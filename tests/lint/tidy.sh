#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# clang-tidy over src/ with .clang-tidy: tidy.sh <tree> <build tree> [file...]
set -eu
cd "$1"
build=$2
shift 2
. tests/lint/tool.sh
tidy=$(need clang-tidy-14) || exit $?
# shellcheck disable=SC2046
[ $# -gt 0 ] || set -- $(sources src)
# What clang-tidy counts as generated noise goes to stderr; findings come on stdout.
printf '%s\n' "$@" | xargs -P 2 -n 4 "$tidy" -p "$build" --quiet \
  --extra-arg=-include --extra-arg="$PWD/tests/lint/told.h" 2>"$build/tidy.err" || {
  grep -E 'error:' "$build/tidy.err" || true
  exit 1
}
