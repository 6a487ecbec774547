# SPDX-License-Identifier: Apache-2.0
# What the fault tests expect of every run of mopt, to be sourced. Callers set:
#   mopt   the program
#   work   an empty folder of their own, removed at the end
failures=0
mopt=${MOPT_TEST_BIN:?}
source=${MOPT_TEST_SOURCE:?}
work=$(mktemp -d "${TMPDIR:-/tmp}/mopt-fault.XXXXXX")
trap 'rm -rf "$work"' EXIT

[ -x "$mopt" ] || { echo "no program '$mopt'"; exit 1; }

# fail <text>: notes a failure; the first twenty are shown.
fail() {
  failures=$((failures + 1))
  [ $failures -gt 20 ] || printf 'FAIL %s\n' "$*"
}

# finish <what was done>: the last line and the exit code of a test.
finish() {
  echo "$1, $failures failures"
  [ $failures -eq 0 ] || exit 1
  exit 0
}

# has_command <name>: does the program have this command?
has_command() { "$mopt" help "$1" >/dev/null 2>&1; }

# try <what> <allowed codes> <argument...>: runs mopt (through $runner when set) with the last
# output under $work/out, and holds the result against the promises: an allowed exit code, one
# line with an error exactly when there is one, no temporary left. Sets $code.
try() {
  what=$1 allowed=$2
  shift 2
  code=0
  # shellcheck disable=SC2086 # a prefix of several words
  ${runner:-} "$mopt" "$@" >"$work/stdout" 2>"$work/stderr" || code=$?
  case " $allowed " in
    *" $code "*) ;;
    *) fail "$what: exit code $code: $(head -c 300 "$work/stderr" | tail -n 1)" ;;
  esac
  errors=$(grep -c '^mopt: error: ' "$work/stderr")
  case $code in
    0 | 1) [ "$errors" -eq 0 ] || fail "$what: code $code with an error" ;;
    *) [ "$errors" -eq 1 ] || fail "$what: code $code with $errors lines of error" ;;
  esac
  left=$(find "$work" -name '*.tmp*' -o -name '.*' ! -name . | head -n 3)
  [ -z "$left" ] || { fail "$what: left behind: $left"; find "$work" -name '.?*' -delete; }
}
