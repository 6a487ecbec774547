#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The main job of mopt from nothing: installs what is missing from Debian's packages, builds a release, then looks at, optimizes,
# quantizes, evaluates, compares and times a trained net on the real Fashion-MNIST images. Run as root, or with sudo at hand.
set -eu
cd "$(dirname "$0")/.."

needed="cmake make gcc libc6-dev pkg-config protobuf-c-compiler libprotobuf-c-dev libopenblas-dev libcjson-dev nettle-dev zlib1g-dev
libpng-dev libjpeg-dev git dataset-fashion-mnist"
missing=""
for package in $needed; do
    state=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
    [ "$state" = "install ok installed" ] || missing="$missing $package"
done
if [ -n "$missing" ]; then
    echo "== installing:$missing"
    root=""
    [ "$(id -u)" -eq 0 ] || root=sudo
    $root apt-get update -q >/dev/null
    # shellcheck disable=SC2086 # a list of words
    $root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing >/dev/null
fi

echo "== building build/release/mopt"
cmake --preset release -DMOPT_TESTS=OFF >/dev/null
cmake --build build/release --target mopt -j "$(nproc)" >/dev/null

mopt=build/release/mopt
model=examples/models/fm_mobilenet.onnx
images=/usr/share/datasets/fashion-mnist
pre="scale=1/255,mean=.2860,std=.3530,chw"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

step() {
    echo
    echo "== mopt $*"
    "$mopt" "$@"
}
step info "$model"
step optimize "$model" -o "$work/opt.onnx" --verify 4
step quantize --static "$work/opt.onnx" -o "$work/int8.onnx" --data "$images/train-images-idx3-ubyte.gz" \
    --samples 512 --pre "$pre"
step eval "$work/int8.onnx" --baseline "$model" --data "$images/t10k-images-idx3-ubyte.gz" --pre "$pre" --batch 50 \
    --max-drop 0.3%
step compare "$work/opt.onnx" "$work/int8.onnx" --data "$images/t10k-images-idx3-ubyte.gz" --pre "$pre" --samples 64 \
    --min-cosine 0.99
step bench "$model" "$work/opt.onnx" "$work/int8.onnx"
echo
echo "done: the float net, its optimized form and its int8 form were built, checked on 10,000 images and timed"
