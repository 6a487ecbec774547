#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Accuracy of quantized Fashion-MNIST nets on the 10,000 test images: fashion.sh [NET...]
# Static int8 loses at most 0.3 point of top-1 against float, dynamic at most 0.2.
# Without names all nets of the tree, and those of MOPT_TEST_EXTRA, else of ../shared/data/models.
set -u
mopt=${MOPT_TEST_BIN:?}
source=${MOPT_TEST_SOURCE:?}
data=${MOPT_FASHION:-/usr/share/datasets/fashion-mnist}
[ -d "$data" ] || data=$(dirname "$(dpkg -L dataset-fashion-mnist 2>/dev/null | grep t10k-images)")
images=$(find "$data" -name 't10k-images*' 2>/dev/null | head -n 1)
training=$(find "$data" -name 'train-images*' 2>/dev/null | head -n 1)
if [ -z "$images" ] || [ -z "$training" ]; then
  echo "no images of Fashion-MNIST (package dataset-fashion-mnist)"
  [ -z "${CI:-}" ] || exit 1
  exit 77
fi
work=$(mktemp -d "${TMPDIR:-/tmp}/mopt-fashion.XXXXXX")
trap 'rm -rf "$work"' EXIT
pre='scale=1/255,mean=.2860,std=.3530,chw'
failures=0
tested=0

# top1 <model>: how many of the 10,000 images it gets right.
top1() {
  "$mopt" eval "$1" --data "$images" --pre "$pre" --batch 100 --json --quiet >"$work/eval.json" ||
    return 1
  awk -F: '/"name"/ { top1 = $2 ~ /"top1"/ }
           /"value"/ && top1 { printf "%d\n", $2 * 10000 + 0.5; exit }' "$work/eval.json"
}

# lose <what> <float> <quantized> <most>
lose() {
  echo "$1: $2 -> $3 of 10000 right"
  [ -n "$3" ] && [ $(($2 - $3)) -le "$4" ] && return 0
  echo "FAIL $1: loses more than $4 images"
  failures=$((failures + 1))
}

check() {
  name=$(basename "$1" .onnx)
  float=$(top1 "$1")
  if [ "${float:-0}" -lt 8800 ]; then
    echo "FAIL $name: right on '$float' images as it is"
    failures=$((failures + 1))
    return
  fi
  "$mopt" quantize --static "$1" -o "$work/static.onnx" --data "$training" --pre "$pre" \
    --samples 256 --force --quiet >/dev/null || failures=$((failures + 1))
  lose "$name, static" "$float" "$(top1 "$work/static.onnx")" 30
  "$mopt" quantize --dynamic "$1" -o "$work/dynamic.onnx" --force --quiet >/dev/null ||
    failures=$((failures + 1))
  lose "$name, dynamic" "$float" "$(top1 "$work/dynamic.onnx")" 20
  tested=$((tested + 1))
}

done_already=' '
for net in "$source"/examples/models/fm_*.onnx "$source"/tests/models/fm_*.onnx \
  "${MOPT_TEST_EXTRA:-$source/../shared/data/models}"/fm_*.onnx; do
  name=$(basename "$net" .onnx)
  case " ${*:-$name} " in *" $name "*) ;; *) continue ;; esac
  case $done_already in *" $name "*) continue ;; esac
  [ -e "$net" ] || continue
  done_already="$done_already$name "
  check "$net"
done
echo "$tested nets, $failures failures"
[ $failures -eq 0 ] && [ $tested -gt 0 ]
