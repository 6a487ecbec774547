#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What is installed is whole: install.sh <tree> <build tree>
# Installs into a folder, runs the program there, and builds a small user of the library with
# pkg-config and, shared and static, with the CMake package.
set -eu
cmake=${CMAKE:-cmake}
room=$2/install-test
prefix=$room/prefix
rm -rf "$room"
mkdir -p "$room/user"
"$cmake" --install "$2" --prefix "$prefix" >"$room/install.log"
for file in bin/mopt lib/libmopt.a lib/libmopt.so lib/pkgconfig/mopt.pc lib/cmake/mopt/mopt-config.cmake \
  include/mopt/status.h include/mopt/version.h share/man/man1/mopt.1 \
  share/bash-completion/completions/mopt share/zsh/site-functions/_mopt \
  share/fish/vendor_completions.d/mopt.fish; do
  [ -s "$prefix/$file" ] || { echo "not installed, or empty: $file"; exit 1; }
done
"$prefix/bin/mopt" version

cat >"$room/user/user.c" <<'END'
#include <mopt/status.h>
#include <mopt/version.h>
#include <stdio.h>
int main(void)
{
    return puts(MOPT_VERSION) < 0 || !mopt_status_name(MOPT_OK);
}
END
cat >"$room/user/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.21)
project(user C)
find_package(mopt 0.1 REQUIRED)
add_executable(shared user.c)
target_link_libraries(shared mopt::mopt)
add_executable(static user.c)
target_link_libraries(static mopt::mopt_static)
END
cd "$room/user"
export PKG_CONFIG_PATH="$prefix/lib/pkgconfig"
# shellcheck disable=SC2046
"${CC:-cc}" -o shared user.c $(pkg-config --define-variable=prefix="$prefix" --cflags --libs mopt)
LD_LIBRARY_PATH="$prefix/lib" ./shared
"$cmake" -S . -B build -D "CMAKE_PREFIX_PATH=$prefix" >"$room/user.log"
"$cmake" --build build >>"$room/user.log"
./build/shared
./build/static
echo "the installed files serve"
