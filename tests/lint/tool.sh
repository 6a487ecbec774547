# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# Shared by the lint scripts. Sourced, never run.

# need <program...>: prints the first one that is there. Without any the test is skipped, in CI failed.
need() {
  for program in "$@"; do
    command -v "$program" && return 0
  done
  echo "missing: $1" >&2
  [ -z "${CI:-}" ] && exit 77
  exit 1
}

# sources <folder...>: the C files below the folders that exist.
sources() {
  for folder in "$@"; do
    [ -d "$folder" ] && find "$folder" -name '*.c'
  done | sort
}
