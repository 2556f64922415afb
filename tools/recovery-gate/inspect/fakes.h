// SPDX-License-Identifier: GPL-2.0-only
/*
  What inspect meets, made up: transactions, replicas at several points of
  their lives, and findings around them.
*/
#ifndef RECOVERY_GATE_TOOL_INSPECT_FAKES_H
#define RECOVERY_GATE_TOOL_INSPECT_FAKES_H

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "inspect/advice.h"
#include "testing/test_folder.h"

namespace recovery_gate::tool {

inline GtidState gtids(const std::string &text) {
  GtidState state;
  EXPECT_TRUE(parse(text, &state)) << text;
  return state;
}

inline Gtid gtid(const std::string &text) {
  const GtidState state = gtids(text);
  EXPECT_EQ(state.size(), 1u) << text;
  const auto &[source, number] = *state.begin();
  return {source.domain, source.server_id, number};
}

/* 100 bytes, with an XID, so that it ends at 100 times the number. */
inline Transaction transaction(
    const std::string &text,
    TransactionKind kind = TransactionKind::COMMIT_XID) {
  Transaction made;
  made.gtid = gtid(text);
  made.server_id = made.gtid->server_id;
  made.kind = kind;
  made.transactional = kind != TransactionKind::STANDALONE;
  made.xid = kind == TransactionKind::COMMIT_XID ? 7 : 0;
  made.begin = made.gtid->sequence * 100 - 100;
  made.end = made.gtid->sequence * 100;
  return made;
}

inline LogFacts log_facts(const std::string &name = "bin.000003") {
  LogFacts log;
  log.name = name;
  log.path = "/data/" + name;
  log.server_id = 1;
  log.recovery_reads = true;
  log.gtids_before = gtids("0-1-1");
  return log;
}

/* Server 2 has received and applied up to there by GTID, and tries to connect
   to server 1. */
inline Replica follower(const std::string &position) {
  Replica replica;
  replica.name = "db2:3306";
  replica.host = "db2";
  replica.port = 3306;
  replica.server_id = 2;
  replica.slave_pos = replica.current_pos = replica.binlog_pos =
      replica.binlog_state = gtids(position);
  replica.logs_all = replica.semisync_replica = true;
  ReplicaLink link;
  link.master_server_id = 1;
  link.io_state = "Connecting";
  link.sql_state = "Yes";
  link.uses_gtid = true;
  link.received = replica.slave_pos;
  replica.links.push_back(link);
  return replica;
}

/* It was promoted, and has written since. */
inline Replica promoted(const std::string &received,
                        const std::string &written) {
  Replica replica = follower(received);
  replica.links.clear();
  replica.current_pos = replica.binlog_pos = gtids(written);
  replica.binlog_state = gtids(received + "," + written);
  return replica;
}

/* A data directory, to be made of samples of real servers' logs. */
class TestDataDirectory : public TestFolder {
 public:
  void copy(const std::string &sample, const std::string &name) const {
    std::filesystem::copy_file(
        std::filesystem::path(RECOVERY_GATE_TESTDATA) / "binlog" / sample,
        file(name));
  }
  /* The files that a server locks while it runs. */
  void make_data_directory() const {
    write("ibdata1", "");
    write("aria_log_control", "");
  }
  /* Four logs of a server that crashed; recovery reads from the second on. */
  void copy_chain() const {
    for (const char *name :
         {"bin.index", "bin.000001", "bin.000002", "bin.000003", "bin.000004"})
      copy(std::string("chain/") + name, name);
  }
};

}  // namespace recovery_gate::tool

#endif  // RECOVERY_GATE_TOOL_INSPECT_FAKES_H
