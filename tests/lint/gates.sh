#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What a regular expression can hold about the tree: gates.sh <tree>
# Prints every offence and ends in 1 when there is one.
set -eu
cd "$1"
tables=tests/lint/tables.txt # files that may be longer than the cap, one path per line
offences=0

# offend <title> <lines>: reports lines, if any.
offend() {
  [ -z "$2" ] && return 0
  printf '%s\n%s\n\n' "$1" "$2"
  offences=$((offences + $(printf '%s\n' "$2" | wc -l)))
}

# Files of the tree, tracked or about to be; without git everything outside of build/.
files() {
  if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
    git ls-files -co --exclude-standard | while read -r f; do [ -e "$f" ] && echo "$f"; done
  else
    find . -type f -not -path './build/*' -not -path './.git/*' | sed 's|^\./||'
  fi
}
all=$(files)
code=$(printf '%s\n' "$all" | grep -E '^(src|include)/.*\.(c|h|def)$' || true)
program=$(printf '%s\n' "$all" | grep -E '^(src|include|tests|examples|benchmarks)/.*\.[ch]$' || true)
[ -n "$code" ] || { echo "no source file under '$1'"; exit 1; }

# calls <files> <names>: uses of the functions, outside of line comments.
calls() {
  # shellcheck disable=SC2086 # a list of paths without blanks
  grep -nE "(^|[^_[:alnum:]>.])($2)[[:space:]]*\(" $1 /dev/null |
    grep -vE '^[^:]+:[0-9]+:[[:space:]]*(//|\*)' | grep -vE "//.*($2)[[:space:]]*\(" || true
}
but() { printf '%s\n' "$code" | grep -vE "$1"; }

offend "banned functions" "$(calls "$code" \
  'strcpy|strcat|strncpy|sprintf|vsprintf|strtok|atoi|atol|atoll|atof|rand|srand|gets|alloca|abort')"
offend "only cli/ ends the process" "$(calls "$(but '^src/cli/')" 'exit|_exit|_Exit|quick_exit')"
offend "only cli/ prints" "$(calls "$(but '^src/cli/')" 'printf|vprintf|puts|putchar|perror')"
# shellcheck disable=SC2046,SC2086
offend "only cli/ and the log sink know stdout and stderr" "$(grep -nwE 'stdout|stderr' \
  $(but '^src/(cli|base/log)') /dev/null | grep -vE '^[^:]+:[0-9]+:.*//.*(stdout|stderr)' || true)"
# shellcheck disable=SC2086
offend "left-over marks" "$(grep -nwE 'TODO|FIXME|XXX|HACK|not implemented|stub|stubs' \
  $program /dev/null || true)"
offend "the first line is the licence" "$(for f in $program; do
  head -n 1 "$f" | grep -qF '// SPDX-License-Identifier: Apache-2.0' || echo "$f"; done)"
offend "more than 1000 lines" "$(for f in $program; do
  grep -qxF "$f" "$tables" 2>/dev/null || awk 'END { if (NR > 1000) print FILENAME ": " NR }' "$f"
done)"
offend "listed as a table but gone" "$(grep -vE '^(#|$)' "$tables" 2>/dev/null |
  while read -r f; do [ -e "$f" ] || echo "$f"; done)"
offend "larger than 1 MB" "$(printf '%s\n' "$all" | while read -r f; do
  find "$f" -size +1048576c; done)"
offend "paths of one machine" "$(printf '%s\n' "$all" | grep -vE '^tests/lint/gates\.sh$' |
  xargs -r -d '\n' grep -nIE '(^|[^[:alnum:]_.])/(work|home|root|opt)/[a-z]|/tmp/[bw]([/-]|$)' \
  2>/dev/null || true)"
offend "not allowed at the top level" "$(printf '%s\n' "$all" | cut -d/ -f1 | sort -u | grep -vxE \
  'CMakeLists\.txt|src|include|proto|tests|benchmarks|examples|README\.md|LICENSE|\..*|CMakePresets\.json|CHANGELOG\.md|CONTRIBUTING\.md' || true)"
offend "header guard is not MOPT_<FOLDER>_<FILE>_H" "$(for f in $(printf '%s\n' "$code" |
  grep -E '^(src|include)/.*\.h$'); do
  guard=$(printf '%s' "$f" | sed -E 's|^src/||; s|^include/mopt/|mopt/|; s|[/.]|_|g' | tr '[:lower:]' '[:upper:]')
  case $f in src/*) guard=MOPT_$guard ;; esac
  grep -qx "#ifndef $guard" "$f" || echo "$f: wants $guard"; done)"

if [ "$offences" -gt 0 ]; then
  echo "$offences offences"
  exit 1
fi
echo "all gates hold"
