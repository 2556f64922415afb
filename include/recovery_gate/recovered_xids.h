/*
  The prepared transactions that crash recovery met at this start, and what
  became of each.

  Filled by one thread while the server starts; sealed before the first client
  can connect; afterwards any thread may read it without a lock.
*/
#ifndef RECOVERY_GATE_RECOVERED_XIDS_H
#define RECOVERY_GATE_RECOVERED_XIDS_H

#include <cstddef>
#include <map>
#include <set>
#include <string>

namespace recovery_gate {

enum class Resolution { PREPARED, COMMITTED, ROLLED_BACK };

/* "PREPARED", "COMMITTED", "ROLLED BACK". */
const char *resolution_name(Resolution resolution);

struct RecoveredXid {
  std::string text;  // the server's own number, or as XA RECOVER prints it
  bool external = false;  // belongs to an XA coordinator outside this server
  std::set<std::string> engines;
  Resolution resolution = Resolution::PREPARED;
};

class RecoveredXids {
 public:
  struct Counts {
    std::size_t found = 0, committed = 0, rolled_back = 0, external = 0;
  };

  /* `engine` reported a prepared transaction. `key` is the transaction's
     identity and the same in every engine. Repeated reports are one row. */
  void prepared(const std::string &key, const std::string &text, bool external,
                const std::string &engine);

  /* The server decided. Unknown keys and calls after seal() are ignored: the
     server also comes by here for XA COMMIT statements of clients. */
  void resolved(const std::string &key, Resolution resolution);

  void seal() { sealed_ = true; }

  Counts counts() const;
  const std::map<std::string, RecoveredXid> &rows() const { return rows_; }

 private:
  std::map<std::string, RecoveredXid> rows_;
  bool sealed_ = false;
};

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_RECOVERED_XIDS_H
