# SPDX-License-Identifier: Apache-2.0
# A room is a folder of src/ and one static library mopt_<room>. Rooms are declared in rising rank;
# each links all rooms of lower rank. A folder without sources is skipped.
set_property(GLOBAL PROPERTY MOPT_ROOMS "")
set_property(GLOBAL PROPERTY MOPT_OBJECTS "")

# Folders whose files are compiled with the instructions of one ISA only.
set(MOPT_ISA_FLAGS_x86_avx2 -mavx2 -mfma -mf16c)
set(MOPT_ISA_FLAGS_x86_avx512 -mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma)
set(MOPT_ISA_FLAGS_x86_avx512_vnni ${MOPT_ISA_FLAGS_x86_avx512} -mavx512vnni)
set(MOPT_ISA_FLAGS_x86_avx512_bf16 ${MOPT_ISA_FLAGS_x86_avx512} -mavx512bf16)
set(MOPT_ISA_FLAGS_arm_neon "")

function(mopt_isa_fits isa out)
  set(fits FALSE)
  if(isa MATCHES "^x86" AND CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    set(fits TRUE)
  elseif(isa MATCHES "^arm" AND CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
    set(fits TRUE)
  endif()
  set(${out} ${fits} PARENT_SCOPE)
endfunction()

function(mopt_use_tree target)
  target_include_directories(
    ${target}
    PUBLIC "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src>"
           "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>"
           "$<BUILD_INTERFACE:${MOPT_GENERATED_INCLUDE}>")
  target_link_libraries(${target} PUBLIC mopt_flags PRIVATE mopt_warnings)
endfunction()

# mopt_room(name rank): makes mopt_<name> from src/<name>/*.c and src/<name>/*/*.c.
function(mopt_room name rank)
  file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/${name}/*.c"
       "${PROJECT_SOURCE_DIR}/src/${name}/*/*.c")
  list(FILTER sources EXCLUDE REGEX "/src/cli/main\\.c$")
  set(objects "")
  foreach(isa IN ITEMS x86_avx2 x86_avx512 x86_avx512_vnni x86_avx512_bf16 arm_neon)
    set(own ${sources})
    list(FILTER own INCLUDE REGEX "/${isa}/")
    list(FILTER sources EXCLUDE REGEX "/${isa}/")
    mopt_isa_fits(${isa} fits)
    if(own AND fits)
      add_library(mopt_${name}_${isa} OBJECT ${own})
      mopt_use_tree(mopt_${name}_${isa})
      # Tiles live in registers only when loops over them are unrolled: always optimized.
      target_compile_options(mopt_${name}_${isa} PRIVATE ${MOPT_ISA_FLAGS_${isa}} -O3)
      if(MOPT_FUZZ) # unrolled tiles take clang minutes to instrument; unit tests cover them under ASan
        set_source_files_properties(${own} PROPERTIES COMPILE_OPTIONS -fno-sanitize=all)
      endif()
      list(APPEND objects $<TARGET_OBJECTS:mopt_${name}_${isa}>)
    endif()
  endforeach()
  if(NOT sources)
    message(STATUS "room '${name}' has no sources yet")
    return()
  endif()

  add_library(mopt_${name} STATIC ${sources} ${objects})
  mopt_use_tree(mopt_${name})
  get_property(rooms GLOBAL PROPERTY MOPT_ROOMS)
  foreach(entry IN LISTS rooms)
    string(REPLACE ":" ";" entry ${entry})
    list(GET entry 0 lower)
    list(GET entry 1 lower_rank)
    if(lower_rank LESS rank)
      target_link_libraries(mopt_${name} PUBLIC mopt_${lower})
    endif()
  endforeach()
  target_link_libraries(mopt_${name} PUBLIC ${MOPT_DEPS_${name}})
  set_property(GLOBAL APPEND PROPERTY MOPT_ROOMS "${name}:${rank}")
  if(NOT name STREQUAL "cli")
    set_property(GLOBAL APPEND PROPERTY MOPT_OBJECTS $<TARGET_OBJECTS:mopt_${name}> ${objects})
    set_property(GLOBAL APPEND PROPERTY MOPT_USES ${MOPT_DEPS_${name}})
  endif()
endfunction()
