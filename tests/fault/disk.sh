#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Disks that are full or broken, and being killed in the middle of writing (disk.sh SWEEP LIBRARY):
# every call that changes a file fails once in each way. The output is whole, what it was before,
# or absent; errors are said; no temporary stays (but after kill -9, which nobody can prevent).
set -u
. "$(dirname "$0")/judge.sh"
sweep=$1 library=$2
small=$source/tests/fault/small.txt
mkdir "$work/out"

# over <how> <what> <output> <more options of sweep> -- <command of mopt>
over() {
  how=$1 what=$2 output=$3
  shift 3
  options=
  while [ "$1" != -- ]; do options="$options $1"; shift; done
  shift
  # shellcheck disable=SC2086 # words
  text=$("$sweep" --preload "$library" --folder "$work/out" --how "$how" --output "$output" \
    --codes 0,74,75 $options "$mopt" "$@" 2>&1) || fail "$what, $how"
  printf '%s, %s: %s\n' "$what" "$how" "$text"
}

# writes <what> <output> <old text or -> <command of mopt>: every way, one after the other.
writes() {
  what=$1 output=$2 old=$3
  shift 3
  keep=
  [ "$old" = - ] || keep="--old $old"
  for how in 28 5 4 short; do
    # shellcheck disable=SC2086
    over $how "$what" "$output" $keep -- "$@"
  done
  # shellcheck disable=SC2086
  over kill "$what" "$output" $keep --signal 9 --leftovers -- "$@"
  # shellcheck disable=SC2086
  over term "$what" "$output" $keep --signal 15 -- "$@"
  # shellcheck disable=SC2086
  over int "$what" "$output" $keep --signal 2 -- "$@"
}

out=$work/out
writes optimize o.onnx - optimize "$small" -o "$out/o.onnx"
writes 'optimize --force' o.onnx old optimize "$small" -f -o "$out/o.onnx"
writes 'optimize a net' o.onnx - optimize "$source/tests/models/fm_mobilenet.onnx" -o "$out/o.onnx"
writes 'run --save' o.npz old run "$small" --data random -f --save "$out/o.npz"

# A device that is always full.
if [ -c /dev/full ]; then
  code=0
  "$mopt" info "$small" >/dev/full 2>"$work/stderr" || code=$?
  [ $code -eq 74 ] || fail "table to a full device: exit code $code"
  code=0
  "$mopt" optimize "$small" -o - >/dev/full 2>"$work/stderr" || code=$?
  [ $code -eq 74 ] || fail "model to a full device: exit code $code"
  try 'model into a full device' 74 optimize "$small" -f -o /dev/full
fi


# A disk of 32 KiB, when we may make one: the model (177 kB) does not fit.
net=$source/tests/models/fm_mobilenet.onnx
mkdir "$work/tiny"
if [ "$(id -u)" -eq 0 ] && mount -t tmpfs -o size=32k tmpfs "$work/tiny" 2>/dev/null; then
  trap 'umount "$work/tiny" 2>/dev/null; rm -rf "$work"' EXIT
  try 'full disk' 74 optimize "$net" -o "$work/tiny/o.onnx"
  [ -z "$(ls -A "$work/tiny")" ] || fail "full disk: left behind: $(ls -A "$work/tiny")"
  echo precious >"$work/tiny/o.onnx"
  try 'full disk, old file' 74 optimize "$net" -f -o "$work/tiny/o.onnx"
  [ "$(cat "$work/tiny/o.onnx")" = precious ] || fail 'full disk: the old file is gone'
fi

# A limit on file sizes.
code=0
(ulimit -f 16 && exec "$mopt" optimize "$net" -o "$work/large.onnx") >/dev/null 2>"$work/stderr" ||
  code=$?
[ ! -e "$work/large.onnx" ] || fail "file size limit: an output of $(wc -c <"$work/large.onnx") bytes"
case $code in 74 | 75 | 153) ;; *) fail "file size limit: exit code $code" ;; esac

# stop <signal> <code>: a long job dies by the signal and leaves nothing.
stop() {
  "$mopt" quantize --static "$net" --data random --samples 100000 -o "$work/stopped.onnx" \
    >/dev/null 2>&1 &
  job=$!
  sleep 0.5
  kill "-$1" $job
  code=0
  wait $job || code=$?
  [ $code -eq "$2" ] || fail "SIG$1: exit code $code"
  left=$(find "$work" -name '*stopped*')
  [ -z "$left" ] || fail "SIG$1: left behind: $left"
}
stop TERM 143
stop HUP 129

finish 'all ways'
