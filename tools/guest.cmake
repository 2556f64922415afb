# SPDX-License-Identifier: GPL-2.0-only
# Tests with the server of a guest as well, in the same run of ctest: what
# tools/check --also SERIES adds. Each runs the tests of the same name in the guest, in
# a quick build there; the guest's own ctest reports when they fail.

if(RECOVERY_GATE_NOT_TESTED)
  # So that the last lines of ctest say so.
  set(test MariaDB_${RECOVERY_GATE_NOT_TESTED}_WAS_NOT_TESTED)
  add_test(NAME ${test} COMMAND ${CMAKE_COMMAND} -E false)
  set_tests_properties(${test} PROPERTIES DISABLED ON)
endif()
if(NOT RECOVERY_GATE_ALSO)
  return()
endif()

set(in_guest ${PROJECT_SOURCE_DIR}/tools/with-server ${RECOVERY_GATE_ALSO})
# The plugin, the tool, what the tests below preload, and the tests of what depends on
# the server's series.
set(targets ha_recovery_gate recovery-gate recovery_gate_tool_test
  slow_notify set_clock stop_at_rename no_new_logs)
list(JOIN targets " " targets)

# add_guest_test(NAME TIMEOUT COMMAND...)
function(add_guest_test name timeout)
  add_test(NAME ${RECOVERY_GATE_ALSO}.${name} COMMAND ${in_guest} ${ARGN})
  set_tests_properties(${RECOVERY_GATE_ALSO}.${name} PROPERTIES
    LABELS guest PROCESSORS 2 TIMEOUT ${timeout})
endfunction()

add_guest_test(build 1200
  sh -c "cmake --preset guest && cmake --build --preset guest --target ${targets}")
set_tests_properties(${RECOVERY_GATE_ALSO}.build PROPERTIES FIXTURES_SETUP guest)

# The whole suite in one run of mtr: its groups would each begin with a new server.
set(plugin ${CMAKE_SOURCE_DIR}/build/quick/ha_recovery_gate.so)
add_guest_test(mtr 900
  env RECOVERY_GATE_PLUGIN=${plugin} tools/mtr --parallel=6)
set(tests mtr)

# What differs there: commits by renaming, what the tool reads, asks and does (TLS, the
# statements of replication), the files of a backup, and what Debian 13 ships.
foreach(test
  unit
  servers.large_commit servers.cut_off servers.backups servers.containers servers.door_held
  servers.monitoring servers.runbook servers.systemd
  servers.tool_doctor servers.tool_inspect servers.tool_online servers.tool_prestart)
  set(which -R "^${test}$")
  if(test STREQUAL unit)
    set(which -L "^unit$" -R "^tool.")
  endif()
  string(REPLACE "." "[.]" which "${which}")
  add_guest_test(${test} 600
    ctest --preset guest --parallel 2 --no-tests=error ${which})
  list(APPEND tests ${test})
endforeach()

# From this machine's server to the guest's, and back.
add_test(NAME ${RECOVERY_GATE_ALSO}.upgrade
  COMMAND ${PROJECT_SOURCE_DIR}/tools/rigs/start upgrade_test ${RECOVERY_GATE_ALSO})
set_tests_properties(${RECOVERY_GATE_ALSO}.upgrade PROPERTIES
  LABELS guest PROCESSORS 2 TIMEOUT 300
  ENVIRONMENT "RECOVERY_GATE_PLUGIN=$<TARGET_FILE:ha_recovery_gate>;RECOVERY_GATE_GUEST_PLUGIN=${plugin}")
list(APPEND tests upgrade)

foreach(test IN LISTS tests)
  set_tests_properties(${RECOVERY_GATE_ALSO}.${test} PROPERTIES FIXTURES_REQUIRED guest)
endforeach()
