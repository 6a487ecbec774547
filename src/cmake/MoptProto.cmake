# SPDX-License-Identifier: Apache-2.0
# Turns proto/onnx.proto into C in the build tree. Only src/onnx sees the header: it includes
# "onnx.pb-c.h". Generated code is not held to our warnings.
set(proto "${PROJECT_SOURCE_DIR}/proto/onnx.proto")
if(TARGET mopt_onnx AND EXISTS "${proto}")
  set(generated "${PROJECT_BINARY_DIR}/generated/onnx")
  file(MAKE_DIRECTORY "${generated}")
  add_custom_command(
    OUTPUT "${generated}/onnx.pb-c.c" "${generated}/onnx.pb-c.h"
    COMMAND "${MOPT_PROTOC_C}" "--c_out=${generated}" "--proto_path=${PROJECT_SOURCE_DIR}/proto"
            "${proto}"
    DEPENDS "${proto}"
    COMMENT "Generating onnx.pb-c.c"
    VERBATIM)
  add_library(mopt_onnx_pb OBJECT "${generated}/onnx.pb-c.c" "${generated}/onnx.pb-c.h")
  target_compile_options(mopt_onnx_pb PRIVATE -w)
  target_include_directories(mopt_onnx_pb PUBLIC "${generated}")
  target_link_libraries(mopt_onnx_pb PUBLIC mopt_flags PkgConfig::PROTOBUF_C)
  add_dependencies(mopt_onnx mopt_onnx_pb)
  target_sources(mopt_onnx PRIVATE $<TARGET_OBJECTS:mopt_onnx_pb>)
  target_include_directories(mopt_onnx SYSTEM PRIVATE "${generated}")
  set_property(GLOBAL APPEND PROPERTY MOPT_OBJECTS $<TARGET_OBJECTS:mopt_onnx_pb>)
endif()
