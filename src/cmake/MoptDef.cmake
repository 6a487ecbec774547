# SPDX-License-Identifier: Apache-2.0
# The .def files name what exists; here their lines are held against the files.

# Reads the rows `MACRO(a, b, ...)` of a .def file into `out`, one list item "a,b,..." per row.
function(mopt_def_rows def macro out)
  set(rows "")
  if(EXISTS "${def}")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${def}")
    file(STRINGS "${def}" lines REGEX "^[ \t]*${macro}[ \t]*\\(")
    foreach(line IN LISTS lines)
      string(REGEX REPLACE "^[ \t]*${macro}[ \t]*\\(([^)]*)\\).*" "\\1" row "${line}")
      string(REGEX REPLACE "[ \t]" "" row "${row}")
      list(APPEND rows "${row}")
    endforeach()
  endif()
  set(${out} "${rows}" PARENT_SCOPE)
endfunction()

# Complains when a named file is missing, or when a file that is `of_kind` (a regular expression
# that its text matches) is not named. `expected` and `candidates` are paths relative to src/.
function(mopt_def_check def expected candidates of_kind)
  foreach(path IN LISTS expected)
    if(NOT EXISTS "${PROJECT_SOURCE_DIR}/src/${path}")
      message(${MOPT_DEF_CHECK} "${def} names src/${path}, which does not exist")
    endif()
  endforeach()
  foreach(path IN LISTS candidates)
    if(path IN_LIST expected)
      continue()
    endif()
    file(STRINGS "${PROJECT_SOURCE_DIR}/src/${path}" found LIMIT_COUNT 1 REGEX "${of_kind}")
    if(found)
      message(${MOPT_DEF_CHECK} "src/${path} is not named in ${def}")
    endif()
  endforeach()
endfunction()
