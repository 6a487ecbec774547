# SPDX-License-Identifier: Apache-2.0
# Writes include/mopt/version.h into the build tree: version of the project and commit of the tree.
set(MOPT_COMMIT "unknown")
find_package(Git QUIET)
if(GIT_FOUND AND EXISTS "${PROJECT_SOURCE_DIR}/.git")
  execute_process(
    COMMAND "${GIT_EXECUTABLE}" rev-parse --short=12 --verify HEAD
    WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}"
    OUTPUT_VARIABLE commit
    OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET
    RESULT_VARIABLE failed)
  if(NOT failed)
    set(MOPT_COMMIT "${commit}")
  endif()
  # The log of HEAD grows with every commit, so the commit in the header follows.
  if(EXISTS "${PROJECT_SOURCE_DIR}/.git/logs/HEAD")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
                                           "${PROJECT_SOURCE_DIR}/.git/logs/HEAD")
  endif()
endif()

set(MOPT_GENERATED_INCLUDE "${PROJECT_BINARY_DIR}/include")
configure_file("${PROJECT_SOURCE_DIR}/include/mopt/version.h.in"
               "${MOPT_GENERATED_INCLUDE}/mopt/version.h" @ONLY)
