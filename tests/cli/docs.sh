#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Help, man page and completions tell the same, and shells accept them.
. "$(dirname "$0")/common.sh"

"$mopt" help --man >mopt.1 || fail "no man page"
"$mopt" help --markdown >reference.md || fail "no reference"
for shell in bash zsh fish; do
  "$mopt" completion $shell >completion.$shell || fail "no completion for $shell"
  if command -v $shell >/dev/null; then
    $shell -n completion.$shell || fail "$shell does not accept its completion"
  fi
done
if command -v man >/dev/null; then
  man --warnings -l mopt.1 >man.txt 2>man.err || fail "man does not accept the page"
  [ ! -s man.err ] || fail "man warns: $(head -n 3 man.err)"
fi

# Every command of the overview has help, a section in the man page, and is completed.
commands=$("$mopt" help | sed -n 's/^\(Look\|Run\|Change\|Meta\) *//p' | tr -d ',')
[ "$(wc -w <<<"$commands")" -ge 13 ] || fail "only these commands: $commands"
for command in $commands; do
  run help "$command"
  expect_code 0
  expect_out "Examples:"
  expect_out "Usage: mopt $command"
  run "$command" --help
  expect_code 0
  grep -q "^\.SS mopt $command" mopt.1 || fail "no section of $command in the man page"
  grep -q "^## mopt $command\$" reference.md || fail "no section of $command in the reference"
  grep -q "^    $command)" completion.bash || fail "bash does not complete $command"
done

# Completion works: after "mopt op" comes optimize; after --color its values.
if command -v bash >/dev/null; then
  complete_words() {
    bash --norc -c '
      source "$1"; shift
      COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _mopt; echo "${COMPREPLY[@]}"
    ' _ completion.bash "$@"
  }
  [ "$(complete_words mopt op)" = "optimize ops" ] || fail "bash: $(complete_words mopt op)"
  [ "$(complete_words mopt info --color '')" = "auto always never" ] || fail "bash: no values"
  [[ $(complete_words mopt optimize --ver) == *--verify* ]] || fail "bash: no options"
fi

# Starting takes under ten milliseconds, or under eight times as long as the smallest program where
# that is more: the best of ten, or, where the machine is busy with other things, the
# processor time of all ten.
start_often() {
  local start took
  best=1000000
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    start=$(date +%s%N)
    "$@" >/dev/null
    took=$((($(date +%s%N) - start) / 1000))
    [ $took -lt $best ] && best=$took
  done
}
start_often "$(type -P true)"
limit=$((best * 8 > 10000 ? best * 8 : 10000))
[ -n "${MOPT_TEST_SANITIZE:-}" ] && limit=200000
before=$(awk '{ print $16 + $17 }' /proc/$$/stat) # of ended children, in hundredths of a second
start_often "$mopt" version
spent=$(($(awk '{ print $16 + $17 }' /proc/$$/stat) - before))
[ $best -lt $limit ] || [ $((spent * 1000)) -lt $limit ] ||
  fail "mopt version takes $best us, ten times $((spent * 10)) ms of processor time"
finish
