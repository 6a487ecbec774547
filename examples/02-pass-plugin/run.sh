#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds the plugin with the public headers only and lets mopt run its pass.
# Usage: run.sh MOPT-BINARY INCLUDE-FOLDER... (the build's tests call it; see README for an installed mopt)
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mopt=$1
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
includes=""
for folder in "$@"; do
    includes="$includes -I$folder"
done
# shellcheck disable=SC2086 # one option per folder
${CC:-cc} -std=c11 -Wall -Wextra -Werror -shared -fPIC $includes "$here/involution.c" -o "$work/involution.so"
"$mopt" optimize "$here/double_neg.mopt.txt" --plugin "$work/involution.so" \
    --pass involution-eliminate-pairs,eliminate-deadend --json -o "$work/out.onnx" >"$work/report.json"
"$mopt" info "$work/out.onnx" --json >"$work/info.json"
grep -q '"Neg"' "$work/info.json" || { echo "the single Neg is gone"; exit 1; }
if grep -q '"Reciprocal"' "$work/info.json"; then
    echo "the pair of Reciprocal is still there"
    exit 1
fi
echo "plugin: pairs removed, single Neg kept"
