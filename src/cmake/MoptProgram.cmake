# SPDX-License-Identifier: Apache-2.0
# The program mopt, and libmopt made of the objects of all rooms but cli.
get_property(objects GLOBAL PROPERTY MOPT_OBJECTS)
get_property(uses GLOBAL PROPERTY MOPT_USES)
list(REMOVE_DUPLICATES uses)

function(mopt_make_library target kind)
  add_library(${target} ${kind} ${objects})
  set_target_properties(
    ${target} PROPERTIES OUTPUT_NAME mopt LINKER_LANGUAGE C VERSION ${PROJECT_VERSION}
                         SOVERSION ${PROJECT_VERSION_MAJOR})
  target_link_libraries(${target} PRIVATE $<BUILD_INTERFACE:mopt_flags> ${uses})
  target_include_directories(
    ${target}
    PUBLIC "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>"
           "$<BUILD_INTERFACE:${MOPT_GENERATED_INCLUDE}>"
           "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")
endfunction()

if(TARGET mopt_lib)
  mopt_make_library(libmopt STATIC)
  set_target_properties(libmopt PROPERTIES EXPORT_NAME mopt_static)
  add_library(mopt::mopt_static ALIAS libmopt)
  if(BUILD_SHARED_LIBS)
    mopt_make_library(libmopt_shared SHARED)
    set_target_properties(libmopt_shared PROPERTIES EXPORT_NAME mopt)
    add_library(mopt::mopt ALIAS libmopt_shared)
  endif()
endif()

if(TARGET mopt_cli AND EXISTS "${PROJECT_SOURCE_DIR}/src/cli/main.c")
  add_executable(mopt cli/main.c)
  target_link_libraries(mopt PRIVATE mopt_warnings mopt_cli)
  set_target_properties(mopt PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}")
endif()
