# SPDX-License-Identifier: Apache-2.0
# The libraries that mopt is built on, all from Debian's packages.
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)

pkg_check_modules(PROTOBUF_C REQUIRED IMPORTED_TARGET libprotobuf-c)
pkg_check_modules(OPENBLAS REQUIRED IMPORTED_TARGET openblas)
pkg_check_modules(CJSON REQUIRED IMPORTED_TARGET libcjson)
pkg_check_modules(NETTLE REQUIRED IMPORTED_TARGET nettle)
pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib)
pkg_check_modules(PNG REQUIRED IMPORTED_TARGET libpng)
pkg_check_modules(JPEG REQUIRED IMPORTED_TARGET libjpeg)

# Picture formats that are there only where Debian's package is: libwebp-dev, libtiff-dev (with
# caps on its memory: 4.5), libopenjp2-7-dev.
pkg_check_modules(WEBP IMPORTED_TARGET libwebp)
pkg_check_modules(TIFF IMPORTED_TARGET libtiff-4>=4.5)
pkg_check_modules(OPENJPEG IMPORTED_TARGET libopenjp2)
set(MOPT_PICTURE_LIBRARIES PkgConfig::PNG PkgConfig::JPEG)
set(MOPT_PICTURE_DEFINITIONS "")
set(MOPT_PICTURE_MODULES "")
foreach(entry IN ITEMS WEBP:libwebp TIFF:libtiff-4 OPENJPEG:libopenjp2)
  string(REPLACE ":" ";" entry ${entry})
  list(GET entry 0 name)
  list(GET entry 1 module)
  if(${name}_FOUND)
    list(APPEND MOPT_PICTURE_LIBRARIES PkgConfig::${name})
    list(APPEND MOPT_PICTURE_DEFINITIONS MOPT_HAVE_${name}=1)
    list(APPEND MOPT_PICTURE_MODULES ${module})
  else()
    message(STATUS "pictures: no ${module}, ImageDecoder goes without it")
  endif()
endforeach()

find_program(MOPT_PROTOC_C protoc-c)
if(NOT MOPT_PROTOC_C)
  message(FATAL_ERROR "protoc-c is missing: install the package protobuf-c-compiler")
endif()

# What each room may use besides the C library.
set(MOPT_DEPS_base Threads::Threads PkgConfig::CJSON PkgConfig::NETTLE m)
set(MOPT_DEPS_kernels PkgConfig::OPENBLAS)
set(MOPT_DEPS_onnx PkgConfig::PROTOBUF_C)
set(MOPT_DEPS_image ${MOPT_PICTURE_LIBRARIES})
set(MOPT_DEPS_data PkgConfig::ZLIB)
set(MOPT_DEPS_lib PkgConfig::CJSON ${CMAKE_DL_LIBS})
set(MOPT_DEPS_cli PkgConfig::CJSON)
