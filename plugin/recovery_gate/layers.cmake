# SPDX-License-Identifier: GPL-2.0-only
# add_layer(NAME USES LAYER... SOURCES FILE...): the library recovery_gate_NAME,
# without a server header and without a server library.
function(add_layer name)
  cmake_parse_arguments(layer "" "" "USES;SOURCES" ${ARGN})
  add_library(recovery_gate_${name} STATIC ${layer_SOURCES})
  set_target_properties(recovery_gate_${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  target_include_directories(recovery_gate_${name} PUBLIC ${RECOVERY_GATE_INCLUDE_DIR})
  target_compile_options(recovery_gate_${name} PRIVATE
    -Wall -Wextra -Wpedantic $<$<BOOL:${RECOVERY_GATE_TESTS}>:-Werror>)
  target_link_libraries(recovery_gate_${name} PUBLIC ${layer_USES})
endfunction()
