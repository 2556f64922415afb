// SPDX-License-Identifier: GPL-2.0-only
/*
  The prepared transactions that crash recovery met at this start, what became
  of each, and where the binary log has it.

  Filled by one thread while the server starts; sealed before the first client
  can connect; afterwards any thread may read it without a lock.
*/
#ifndef RECOVERY_GATE_RECOVERED_XIDS_H
#define RECOVERY_GATE_RECOVERED_XIDS_H

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "recovery_gate/base/failure.h"
#include "recovery_gate/binlog/binlog_position.h"
#include "recovery_gate/binlog/transaction_scanner.h"

namespace recovery_gate {

enum class Resolution { PREPARED, COMMITTED, ROLLED_BACK };

/* "PREPARED", "COMMITTED", "ROLLED BACK". */
const char *resolution_name(Resolution resolution);

/* The name of a transaction in the engines. */
struct PreparedXid {
  XaId id;
  /* The server's own number for it, which `id` is made of; 0: it belongs to an
     XA coordinator outside this server. */
  std::uint64_t number = 0;
};

/* What the binary log says last of a transaction. */
struct BinlogPlace {
  std::optional<Gtid> gtid;
  BinlogPosition end;
  TransactionKind kind = TransactionKind::COMMIT_XID;
};

struct RecoveredXid {
  PreparedXid xid;
  std::set<std::string> engines;
  Resolution resolution = Resolution::PREPARED;
  /* Nothing: the binary log does not have it, or was not looked through. */
  std::optional<BinlogPlace> place;

  bool external() const { return xid.number == 0; }
  /* The server's own number, or as XA RECOVER prints it. */
  std::string text() const;
};

/* As SQL statements take it: 'order-2','branch-1',1, or X'6f', in hexadecimal,
   where there are bytes that a person could not read. */
std::string to_sql(const XaId &id);

class RecoveredXids {
 public:
  RecoveredXids() = default;
  RecoveredXids(const RecoveredXids &) = delete;
  RecoveredXids &operator=(const RecoveredXids &) = delete;

  struct Counts {
    std::size_t found = 0, committed = 0, rolled_back = 0, external = 0;
  };

  /* `engine` reported a prepared transaction. Repeated reports, and those of
     several engines, are one row. */
  void prepared(const PreparedXid &xid, const std::string &engine);

  /* The server decided. Unknown ones and calls after seal() are ignored: the
     server also comes by here for XA COMMIT statements of clients. */
  void resolved(const XaId &id, Resolution resolution);

  /* The binary log `file`, a name without a folder, has this transaction. What
     comes later in the log counts. Returns whether recovery met it. */
  bool logged(const Transaction &transaction, const std::string &file);
  /* It has not, after all. */
  void forget_places(const std::string &file);

  /* Is there one of which the binary log could say anything? */
  bool may_be_logged() const;

  void seal() { sealed_ = true; }

  Counts counts() const;
  /* Oldest first where the numbers tell. */
  std::vector<RecoveredXid> rows() const;

  /* For each XA transaction that was left prepared although the binary log has
     its end, which replicas execute: what an administrator has to know and do.
   */
  std::vector<std::string> contradictions() const;

 private:
  RecoveredXid *row_of(const Transaction &transaction);

  struct ById {
    bool operator()(const XaId &a, const XaId &b) const;
  };
  std::map<XaId, RecoveredXid, ById> rows_;
  std::map<std::uint64_t, RecoveredXid *> by_number_;
  bool sealed_ = false;
};

/*
  Looks for all of them in those of the binary logs (paths, oldest first) that
  crash recovery reads: the last one, and the ones from its last checkpoint on.
  What it finds has its checksums verified. Fails when some may not have been
  found.
*/
Failure find_in_binlog(const std::vector<std::string> &logs,
                       EventDecryptor *decryptor, RecoveredXids *xids);

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_RECOVERED_XIDS_H
