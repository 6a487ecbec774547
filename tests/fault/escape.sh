#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# External data: names in a model reach files of its own folder only, and regular ones. The model is
# made by saving one with external data (escape.sh MAKE_EXTERNAL) and changing the name in place.
set -u
. "$(dirname "$0")/judge.sh"
net=$source/tests/models/fm_mobilenet.onnx
mkdir "$work/in" "$work/in/sub" "$work/elsewhere"
secret=$work/elsewhere/secret
head -c 300000 /dev/zero >"$secret"

# with_name <name of eight letters>: $work/in/m.onnx refers to that file.
with_name() {
  LC_ALL=C sed "s|weights0|$1|g" "$work/external.onnx" >"$work/in/m.onnx"
}

# refused <what>: every command ends in 65 or 66 with one error.
refused() {
  for command in info check 'optimize -O1'; do
    # shellcheck disable=SC2086
    try "$1, $command" '65 66' $command "$work/in/m.onnx"
    grep -q "m.onnx" "$work/stderr" || fail "$1, $command: the error does not name the file"
  done
}

"$1" "$net" "$work/external.onnx" weights0 || fail 'no model with external data'
cp "$work/weights0" "$work/in/weights0"

with_name weights0
try 'a file beside the model' 0 info "$work/in/m.onnx"
cp "$work/weights0" "$work/in/sub/data"
with_name sub/data
try 'a file in a folder below' 0 info "$work/in/m.onnx"

cp "$work/weights0" "$work/weight0"
with_name ../weigh
refused 'a name with ..'
with_name ./../w0x
refused 'a name with .. inside'
with_name sub/../s
refused 'a name with .. that stays below'
with_name /etc/pam
refused 'an absolute name'
with_name nothere0
refused 'a file that is not there'
ln -s "$secret" "$work/in/linkedto"
with_name linkedto
refused 'a symbolic link'
ln -s "$work/elsewhere" "$work/in/ln"
with_name ln/secre
refused 'a link among the folders'
mkfifo "$work/in/fifofifo"
with_name fifofifo
runner='timeout 20' refused 'a pipe'
mkdir "$work/in/folder00"
with_name folder00
refused 'a folder'
: >"$work/in/empty000"
with_name empty000
refused 'an empty file'
head -c 1000 "$work/weights0" >"$work/in/short000"
with_name short000
refused 'a file that is too short'
finish 'all names'
