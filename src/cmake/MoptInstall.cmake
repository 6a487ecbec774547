# SPDX-License-Identifier: Apache-2.0
# Installs program, libraries, headers, mopt.pc, the CMake package, man page and shell completions.
# The last two are printed by the program itself.
include(CMakePackageConfigHelpers)

if(TARGET mopt)
  install(TARGETS mopt RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
endif()

if(TARGET mopt AND EXISTS "${PROJECT_SOURCE_DIR}/src/cli/cmd_help.c"
   AND EXISTS "${PROJECT_SOURCE_DIR}/src/cli/cmd_completion.c")
  set(docs "${PROJECT_BINARY_DIR}/docs")
  file(MAKE_DIRECTORY "${docs}")
  add_custom_command(
    OUTPUT "${docs}/mopt.1" "${docs}/mopt.bash" "${docs}/_mopt" "${docs}/mopt.fish"
    COMMAND mopt help --man > "${docs}/mopt.1"
    COMMAND mopt completion bash > "${docs}/mopt.bash"
    COMMAND mopt completion zsh > "${docs}/_mopt"
    COMMAND mopt completion fish > "${docs}/mopt.fish"
    DEPENDS mopt
    COMMENT "Printing man page and completions")
  add_custom_target(mopt_docs ALL DEPENDS "${docs}/mopt.1")
  install(FILES "${docs}/mopt.1" DESTINATION "${CMAKE_INSTALL_MANDIR}/man1")
  install(FILES "${docs}/mopt.bash" RENAME mopt
          DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions")
  install(FILES "${docs}/_mopt" DESTINATION "${CMAKE_INSTALL_DATADIR}/zsh/site-functions")
  install(FILES "${docs}/mopt.fish"
          DESTINATION "${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d")
endif()

if(TARGET libmopt)
  set(package "${CMAKE_INSTALL_LIBDIR}/cmake/mopt")
  set(libraries libmopt)
  if(TARGET libmopt_shared)
    list(APPEND libraries libmopt_shared)
  endif()
  install(TARGETS ${libraries} EXPORT mopt-targets
          ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}"
          LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}")
  install(EXPORT mopt-targets NAMESPACE mopt:: DESTINATION "${package}")
  install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/mopt" "${MOPT_GENERATED_INCLUDE}/mopt"
          DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING PATTERN "*.h")
  set(MOPT_CONFIG_PICTURES "") # those that this library was built with
  foreach(name IN ITEMS WEBP:libwebp TIFF:libtiff-4 OPENJPEG:libopenjp2)
    string(REGEX MATCH "^(.*):(.*)$" _ ${name})
    if(${CMAKE_MATCH_1}_FOUND)
      string(APPEND MOPT_CONFIG_PICTURES
             "pkg_check_modules(${CMAKE_MATCH_1} REQUIRED IMPORTED_TARGET ${CMAKE_MATCH_2})\n")
    endif()
  endforeach()
  configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/mopt-config.cmake.in"
                                "${PROJECT_BINARY_DIR}/mopt-config.cmake"
                                INSTALL_DESTINATION "${package}")
  write_basic_package_version_file("${PROJECT_BINARY_DIR}/mopt-config-version.cmake"
                                   COMPATIBILITY SameMinorVersion)
  install(FILES "${PROJECT_BINARY_DIR}/mopt-config.cmake"
                "${PROJECT_BINARY_DIR}/mopt-config-version.cmake" DESTINATION "${package}")
  # Relative to the prefix, so that the folder can be moved; an absolute folder stays as it is.
  foreach(kind IN ITEMS LIBDIR INCLUDEDIR)
    set(MOPT_PC_${kind} "${CMAKE_INSTALL_${kind}}")
    if(NOT IS_ABSOLUTE "${MOPT_PC_${kind}}")
      string(PREPEND MOPT_PC_${kind} "\${prefix}/")
    endif()
  endforeach()
  string(REPLACE ";" " " MOPT_PC_PICTURES "${MOPT_PICTURE_MODULES}")
  configure_file("${CMAKE_CURRENT_LIST_DIR}/mopt.pc.in" "${PROJECT_BINARY_DIR}/mopt.pc" @ONLY)
  install(FILES "${PROJECT_BINARY_DIR}/mopt.pc"
          DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
endif()
