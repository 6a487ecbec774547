#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Names and globals of the built library: symbols.sh <tree> <static library> [<shared library>]
# - external names begin with mopt_ (protobuf-c's generated ones with onnx__)
# - the shared library exports mopt_x, never mopt__x
# - no variable can change, but those that tests/lint/globals.txt explains
set -eu
cd "$1"
faults=0

# fault <title> <lines>
fault() {
  [ -z "$2" ] && return 0
  printf '%s:\n%s\n' "$1" "$2"
  faults=1
}

fault "external names without mopt_" "$(nm -g --defined-only "$2" | awk 'NF == 3 { print $3 }' |
  grep -vE '^(mopt_|onnx__)' || true)"
if [ -n "${3:-}" ]; then
  exported=$(nm -D --defined-only "$3" | awk '{ print $NF }')
  fault "exported though internal" "$(printf '%s\n' "$exported" | grep -vE '^mopt_[^_]' || true)"
fi
explained=$(grep -vE '^(#|$)' tests/lint/globals.txt | awk '{ print $1 }')
variables=$(objdump -t "$2" 2>/dev/null |
  awk 'NF > 4 && $(NF - 2) ~ /^\.(data|bss|tdata|tbss)(\..*)?$/ && $(NF - 2) !~ /^\.data\.rel\.ro/ &&
       / O / { sub(/\.[0-9]+$/, "", $NF); print $NF }' | sort -u)
fault "variables that can change" "$(printf '%s\n' "$variables" | while read -r name; do
  printf '%s\n' "$explained" | grep -qxF -- "$name" || echo "$name"; done)"
fault "explained but gone" "$(printf '%s\n' "$explained" | while read -r name; do
  printf '%s\n' "$variables" | grep -qxF -- "$name" || echo "$name"; done)"
[ "$faults" -eq 0 ] || exit 1
echo "symbols are as they should be"
