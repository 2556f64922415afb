// SPDX-License-Identifier: GPL-2.0-only
/*
  A data directory without its server: is it really without, and where are its
  binary logs?

  Nothing is written, locked or created, and no access time changes where the
  system lets us.
*/
#ifndef RECOVERY_GATE_TOOL_INSPECT_DATADIR_H
#define RECOVERY_GATE_TOOL_INSPECT_DATADIR_H

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "client/option_files.h"
#include "recovery_gate/binlog/binlog_index.h"
#include "recovery_gate/gate/gate.h"

namespace recovery_gate::tool {

/* What a server's own options say, as far as it matters here. */
struct ServerOptions {
  std::optional<std::string> file;  // where it is from
  bool known = false;               // all that the server reads has been read
  std::optional<std::string> datadir, log_bin, log_bin_index;
  std::optional<std::string> innodb_data_home_dir, aria_log_dir_path;
  std::optional<std::string> master_info_file;
  std::optional<std::string> binlog_storage_engine;
  std::optional<std::string> log_error;
  std::optional<std::uint32_t> port;
  std::optional<std::uint32_t> server_id;
  Mode mode = Mode::AUTO;  // recovery_gate_mode
  ReplicaPolicy replicas;  // recovery_gate_replica_count, _ids
  bool has_user = false;
  bool skip_slave_start = false;
  bool recovers_as_slave = false;  // init_rpl_role=SLAVE
};

/* The groups that the server reads: one of the release that this tool was built
   for. A data directory does not say which server will be started in it. */
extern const std::vector<std::string> server_groups;

/* Takes what is said there; the last line of a name counts. */
void take_server_options(const std::vector<OptionLine> &lines,
                         ServerOptions *options);

/* Fails with what is wrong with the file. */
Failure read_server_options(const std::string &file, ServerOptions *options);

struct DataDirectory {
  std::string path;        // absolute
  std::string index_path;  // of the binary log index
  std::string log_base;    // "/data/bin" of "/data/bin.000001"
  BinlogIndex index;
  bool has_index = true;  // false: find_binlogs() has looked, and there is none
  /* The next start will start replication, as far as files and options show:
     the plugin's rule for a start, in which no replica thread runs yet. */
  bool receives = false;
  std::string owner;  // name of the user that the server runs as
};

/* Fills in `path` and `owner`. Fails when this is not a data directory. */
Failure open_data_directory(const std::string &path, DataDirectory *directory);

struct Occupant {
  /* A server has locked its files: "process 4711 has locked /data/ibdata1". */
  std::string who;
  /* Not empty: whether one has cannot be known, and why. */
  std::string unknown;
  /* That is because the files that it would lock are not there. */
  bool is_no_server = false;
};

/* Asks for the locks that InnoDB and Aria hold while a server runs
   (storage/innobase/os/os0file.cc, storage/maria/ma_control_file.c); takes
   none. */
Occupant find_occupant(const DataDirectory &directory,
                       const ServerOptions &options);

/* Why nothing can be known of the binary log here: a storage engine keeps it
   (binlog_storage_engine, from 12.3 on). None where it is in files of its own.
   Where the server's options are not known, files that such an engine leaves
   tell; unless `log_bin` names the logs. */
Failure binlog_in_engine(const std::optional<std::string> &log_bin,
                         const ServerOptions &options,
                         const DataDirectory &directory);

/*
  Finds the binary log index: that of `log_bin`, as the server's option of this
  name, when given; else as the option file says; else the one index in the data
  directory whose logs are binary logs, not relay logs. Fails when there is
  none, and says what to do.
*/
Failure find_binlogs(const std::optional<std::string> &log_bin,
                     const ServerOptions &options, DataDirectory *directory);

}  // namespace recovery_gate::tool

#endif  // RECOVERY_GATE_TOOL_INSPECT_DATADIR_H
