// SPDX-License-Identifier: GPL-2.0-only
/*
  The seam to the binary log while it is being written: how far it has come, and
  which GTIDs it holds.
*/
#ifndef RECOVERY_GATE_BINLOG_PROGRESS_H
#define RECOVERY_GATE_BINLOG_PROGRESS_H

#include <map>
#include <string>

#include "recovery_gate/ledger/ledger.h"
#include "replicas.h"

namespace recovery_gate {

/* As far as replicas may be sent it. */
BinlogPosition binlog_end();
/* The end of the binary log and the last GTIDs in it. May wait for a commit
   that is being written. Throws std::runtime_error when they cannot be read. */
EndOfBinlog read_end_of_binlog();
/* gtid_slave_pos, in the domains of these. */
GtidPosition applied_in(const GtidState &gtids);

/* Not for two threads at once. */
class ServerBinlog final : public BinlogProgress {
 public:
  explicit ServerBinlog(Replicas &replicas) : replicas_(replicas) {}
  ~ServerBinlog() override;
  ServerBinlog(const ServerBinlog &) = delete;
  ServerBinlog &operator=(const ServerBinlog &) = delete;

  End end() override;
  BinlogPosition acknowledged() override;
  bool is_proven(const Demand &demand, const History &history) override;
  Owed read_owed(const Demand &demand) override;
  std::optional<Contents> relayed(const std::set<Gtid> &wanted) override;
  std::optional<GtidState> passed_over() override;
  History arrivals(std::uint64_t resets) override;
  bool serves() override;
  bool served_earlier() override;
  std::uint32_t server_id() override;
  bool receives() override;
  BinlogSample sample() override;
  /* While the server starts, and has not opened its log yet: what is known of
     that; it has no name. */
  BinlogSample next_sample();

 private:
  void recognise(const char *path);

  Replicas &replicas_;
  std::string path_;
  int file_ = -1;  // keeps the inode, so that no other file gets its number
  std::uint64_t log_number_ = 0;
  LogStart log_;
  std::uint64_t log_read_for_ = 0;

  bool receives_ = false;
  std::map<std::string, unsigned long> runs_seen_;  // of each link's SQL thread
};

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_BINLOG_PROGRESS_H
