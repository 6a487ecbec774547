# SPDX-License-Identifier: Apache-2.0
# Holds ops.def, passes.def and commands.def against the files that they name.

function(mopt_sources_of out)
  set(all "")
  foreach(folder IN LISTS ARGN)
    file(GLOB found CONFIGURE_DEPENDS RELATIVE "${PROJECT_SOURCE_DIR}/src"
         "${PROJECT_SOURCE_DIR}/src/${folder}/*.c")
    list(APPEND all ${found})
  endforeach()
  set(${out} "${all}" PARENT_SCOPE)
endfunction()

# One operator file per line: MOPT_OPS(name) is src/ops/<name>.c.
mopt_def_rows("${PROJECT_SOURCE_DIR}/src/ops/ops.def" MOPT_OPS rows)
list(TRANSFORM rows REPLACE "^(.+)$" "ops/\\1.c")
mopt_sources_of(files ops)
mopt_def_check(src/ops/ops.def "${rows}" "${files}" "^const struct mopt_op_family mopt__ops_[a-z0-9_]+ =")

# One pass file per line: MOPT_PASS(folder, stem, symbol) is src/<folder>/<stem>.c.
mopt_def_rows("${PROJECT_SOURCE_DIR}/src/lib/passes.def" MOPT_PASS rows)
list(TRANSFORM rows REPLACE "^([^,]+),([^,]+).*$" "\\1/\\2.c")
mopt_sources_of(files optimize train quantize prune distill convert)
mopt_def_check(src/lib/passes.def "${rows}" "${files}" "^const struct mopt_pass [a-z0-9_]+ =")

# One subcommand per line: MOPT_COMMAND(name) is src/cli/cmd_<name>.c.
mopt_def_rows("${PROJECT_SOURCE_DIR}/src/cli/commands.def" MOPT_COMMAND rows)
list(TRANSFORM rows REPLACE "^([^,]+).*$" "cli/cmd_\\1.c")
mopt_sources_of(files cli)
list(FILTER files INCLUDE REGEX "/cmd_")
mopt_def_check(src/cli/commands.def "${rows}" "${files}" "")
