# SPDX-License-Identifier: GPL-2.0-only
# What a plugin needs to be built outside the server's tree: the private
# headers from the server's source and the generated ones from its packages.

set(RECOVERY_GATE_SERVER_SOURCE "${PROJECT_SOURCE_DIR}/.deps/mariadb-source"
  CACHE PATH "Source of exactly the server release that the plugin is for")
if(NOT EXISTS "${RECOVERY_GATE_SERVER_SOURCE}/sql/handler.h")
  message(FATAL_ERROR "No server source in ${RECOVERY_GATE_SERVER_SOURCE}: run tools/setup first, "
    "or set RECOVERY_GATE_SERVER_SOURCE.")
endif()

# Only the generated headers: the folder that has them also has the client
# library's my_global.h and mysql.h, which would hide the server's.
set(RECOVERY_GATE_SERVER_HEADERS "" CACHE PATH
  "Folder with my_config.h, mysql_version.h and mysqld_error.h of that server, or the include folder they are in; empty to search the system's")
set(where_headers_are PATH_SUFFIXES mariadb/server mysql/server)
if(RECOVERY_GATE_SERVER_HEADERS)
  list(PREPEND where_headers_are PATHS ${RECOVERY_GATE_SERVER_HEADERS} NO_DEFAULT_PATH)
endif()
find_path(RECOVERY_GATE_GENERATED_HEADERS mysqld_error.h ${where_headers_are} NO_CACHE)
if(NOT RECOVERY_GATE_GENERATED_HEADERS)
  message(FATAL_ERROR "No mysqld_error.h of a server in \"${RECOVERY_GATE_SERVER_HEADERS}\": run tools/setup, "
    "or set RECOVERY_GATE_SERVER_HEADERS to the folder with my_config.h, mysql_version.h and mysqld_error.h. "
    "A package for developers has them in include/mysql/server; a server that was built here, in include of its build folder.")
endif()
set(server_generated ${CMAKE_BINARY_DIR}/server-generated)
foreach(header my_config.h mysql_version.h mysqld_error.h)
  configure_file(${RECOVERY_GATE_GENERATED_HEADERS}/${header} ${server_generated}/${header} COPYONLY)
endforeach()
configure_file(${RECOVERY_GATE_SERVER_SOURCE}/include/probes_mysql_nodtrace.h.in
  ${server_generated}/probes_mysql_nodtrace.h COPYONLY)

file(STRINGS ${server_generated}/mysql_version.h built_for REGEX "define MYSQL_SERVER_VERSION")
file(STRINGS ${RECOVERY_GATE_SERVER_SOURCE}/VERSION source_version)
set(version_numbers "")
foreach(line IN LISTS source_version)
  if(line MATCHES "^MYSQL_VERSION_(MAJOR|MINOR|PATCH)=([0-9]+)")
    list(APPEND version_numbers ${CMAKE_MATCH_2})
  endif()
endforeach()
list(JOIN version_numbers "." source_release)
string(REGEX MATCH "[0-9]+[.][0-9]+[.][0-9]+" header_release "${built_for}")
if(NOT header_release STREQUAL source_release)
  message(FATAL_ERROR "Source and headers of the server are not of the same release, and a plugin needs both of "
    "exactly the one that is to load it:\n"
    "  RECOVERY_GATE_SERVER_SOURCE is MariaDB ${source_release}, in ${RECOVERY_GATE_SERVER_SOURCE}\n"
    "  RECOVERY_GATE_SERVER_HEADERS is MariaDB ${header_release}, in ${RECOVERY_GATE_GENERATED_HEADERS}\n"
    "Run tools/setup for a server from Debian, or set both.")
endif()
message(STATUS "Building for MariaDB ${source_release}")
string(REGEX MATCH "^[0-9]+[.][0-9]+" RECOVERY_GATE_SERVER_SERIES ${source_release})
set(RECOVERY_GATE_SERVER_SERIES ${RECOVERY_GATE_SERVER_SERIES} PARENT_SCOPE)

# Beside the headers first: where packages put it, and a build.
find_library(RECOVERY_GATE_MYSQLSERVICES mysqlservices REQUIRED HINTS
  ${RECOVERY_GATE_GENERATED_HEADERS}/../libservices
  ${RECOVERY_GATE_GENERATED_HEADERS}/../../../lib
  ${RECOVERY_GATE_GENERATED_HEADERS}/../../../lib/${CMAKE_LIBRARY_ARCHITECTURE})

# add_server_plugin(NAME SOURCE...): NAME.so in the build folder
function(add_server_plugin name)
  add_library(${name} MODULE ${ARGN})
  set_target_properties(${name} PROPERTIES
    PREFIX "" LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}
    LINK_DEPENDS ${PROJECT_SOURCE_DIR}/plugin/recovery_gate/exports.map)
  target_include_directories(${name} SYSTEM PRIVATE
    ${server_generated}
    ${RECOVERY_GATE_SERVER_SOURCE}/include
    ${RECOVERY_GATE_SERVER_SOURCE}/sql
    ${RECOVERY_GATE_SERVER_SOURCE}/wsrep-lib/include
    ${RECOVERY_GATE_SERVER_SOURCE}/wsrep-lib/wsrep-API/v26)
  target_compile_definitions(${name} PRIVATE
    MYSQL_DYNAMIC_PLUGIN DBUG_OFF HAVE_CONFIG_H HAVE_OPENSSL)
  target_compile_options(${name} PRIVATE -Wall -Wextra -Wno-unused-parameter)
  if(RECOVERY_GATE_SANITIZE MATCHES undefined)
    # The server keeps what this would have to compare with to itself.
    target_compile_options(${name} PRIVATE -fno-sanitize=vptr)
  endif()
  target_link_libraries(${name} PRIVATE recovery_gate_door ${RECOVERY_GATE_MYSQLSERVICES})
  # nodelete: the gate's thread and statics outlive UNINSTALL SONAME.
  target_link_options(${name} PRIVATE
    -Wl,--version-script=${PROJECT_SOURCE_DIR}/plugin/recovery_gate/exports.map
    -Wl,-z,relro -Wl,-z,now -Wl,-z,nodelete)
endfunction()

# write_next_release(FOLDER): a mysql_version.h as the next release has it. The
# API version of storage engines and of information schema tables comes from it.
function(write_next_release folder)
  file(READ ${server_generated}/mysql_version.h text)
  string(REGEX MATCH "MYSQL_SERVER_VERSION[ \t]+\"([0-9]+[.][0-9]+)[.]([0-9]+)" version "${text}")
  math(EXPR next "${CMAKE_MATCH_2} + 1")
  string(REPLACE "\"${CMAKE_MATCH_1}.${CMAKE_MATCH_2}-" "\"${CMAKE_MATCH_1}.${next}-" text "${text}")
  string(REGEX MATCH "MYSQL_VERSION_ID[ \t]+([0-9]+)" version "${text}")
  math(EXPR next "${CMAKE_MATCH_1} + 1")
  string(REPLACE "${version}" "MYSQL_VERSION_ID ${next}" text "${text}")
  file(CONFIGURE OUTPUT ${folder}/mysql_version.h CONTENT "${text}" @ONLY)
endfunction()
