# SPDX-License-Identifier: Apache-2.0
# Compiler and linker flags of every target of ours, as the two interface libraries
# mopt_flags (how code is made) and mopt_warnings (what is said about it).
include(CheckPIESupported)
check_pie_supported(LANGUAGES C)

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)

add_library(mopt_flags INTERFACE)
target_compile_definitions(mopt_flags INTERFACE _GNU_SOURCE)
target_compile_options(mopt_flags INTERFACE -ffp-contract=off -fno-common)

if(MOPT_HARDEN)
  target_compile_definitions(mopt_flags INTERFACE _FORTIFY_SOURCE=2)
  target_compile_options(mopt_flags INTERFACE -fstack-protector-strong -fstack-clash-protection)
  target_link_options(mopt_flags INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack)
endif()

if(MOPT_SANITIZE)
  target_compile_options(mopt_flags INTERFACE -fsanitize=${MOPT_SANITIZE} -fno-sanitize-recover=all
                                              -fno-omit-frame-pointer)
  target_link_options(mopt_flags INTERFACE -fsanitize=${MOPT_SANITIZE})
endif()
if(MOPT_COVERAGE)
  target_compile_options(mopt_flags INTERFACE --coverage)
  target_link_options(mopt_flags INTERFACE --coverage)
endif()
if(MOPT_FUZZ)
  if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "MOPT_FUZZ needs clang, not ${CMAKE_C_COMPILER_ID}")
  endif()
  target_compile_options(mopt_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

add_library(mopt_warnings INTERFACE)
target_compile_options(
  mopt_warnings
  INTERFACE -Wall
            -Wextra
            -Wpedantic
            -Wshadow
            -Wconversion
            -Wsign-conversion
            -Wstrict-prototypes
            -Wmissing-prototypes
            -Wold-style-definition
            -Wvla
            -Wcast-qual
            -Wwrite-strings
            -Wundef
            -Wformat=2
            $<$<C_COMPILER_ID:Clang>:-Wmissing-variable-declarations>
            $<$<BOOL:${MOPT_WERROR}>:-Werror>)
