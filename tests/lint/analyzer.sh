#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# gcc -fanalyzer over src/: analyzer.sh <tree> <build tree> [file...]
# A row "path warning reason" of tests/lint/analyzer.txt explains a finding away; a row that
# explains nothing is an offence too.
set -eu
cd "$1"
build=$2
shift 2
. tests/lint/tool.sh
gcc=$(need gcc-12 gcc) || exit $?
rows=tests/lint/analyzer.txt
log=$build/analyzer.log
whole=no
# shellcheck disable=SC2046
[ $# -gt 0 ] || { whole=yes; set -- $(sources src); }
flags="-std=c11 -D_GNU_SOURCE -ffp-contract=off -fanalyzer -fdiagnostics-plain-output -Isrc -Iinclude
  -include tests/lint/told.h
  -I$build/include -I$build/generated/onnx $(pkg-config --cflags openblas libcjson libpng)
  $(pkg-config --cflags libopenjp2 2>/dev/null || true)"
printf '%s\n' "$@" | grep -vE '/(x86|arm)_' >"$log.files"
# shellcheck disable=SC2086,SC2016
xargs -P 2 -n 1 sh -c 'exec "$@" -S -o /dev/null 2>&1' - "$gcc" $flags <"$log.files" >"$log"
grep -E '^[^ ]+: (fatal )?error:' "$log" && exit 1
grep -E 'warning: .*\[-Wanalyzer-' "$log" | sort -u >"$log.found" || true
grep -vE '^(#|$)' "$rows" >"$log.rows" || true
awk -v whole="$whole" '
  FILENAME ~ /\.rows$/ { why[$1 " " $2] = 1; next }
  {
    split($0, at, ":")
    match($0, /-Wanalyzer-[a-z-]+/)
    key = at[1] " " substr($0, RSTART, RLENGTH)
    if (key in why) { used[key] = 1 } else { print; bad++ }
  }
  END {
    for (key in why) if (whole == "yes" && !(key in used)) { print "explains nothing: " key; bad++ }
    if (bad) { print bad " findings"; exit 1 }
    print "no finding without an explanation"
  }' "$log.rows" "$log.found"
