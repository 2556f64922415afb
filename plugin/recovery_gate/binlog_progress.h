/*
  The seam to the binary log while it is being written: how far it has come, and
  which GTIDs it holds.
*/
#ifndef RECOVERY_GATE_BINLOG_PROGRESS_H
#define RECOVERY_GATE_BINLOG_PROGRESS_H

#include "recovery_gate/ledger.h"

namespace recovery_gate {

/* Not for two threads at once. */
class ServerBinlog final : public BinlogProgress {
 public:
  ServerBinlog() = default;
  ~ServerBinlog() override;
  ServerBinlog(const ServerBinlog &) = delete;
  ServerBinlog &operator=(const ServerBinlog &) = delete;

  End end() override;
  BinlogPosition acknowledged() override;
  std::uint32_t server_id() override;
  bool receives() override;
  BinlogSample sample() override;

 private:
  void recognise(const char *path);

  std::string path_;
  int file_ = -1;  // keeps the inode, so that no other file gets its number
  std::uint64_t log_number_ = 0;
  BinlogPosition trusted_reply_;
  LogStart log_;
  std::uint64_t log_read_for_ = 0;
};

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_BINLOG_PROGRESS_H
