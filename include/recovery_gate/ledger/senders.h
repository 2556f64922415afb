// SPDX-License-Identifier: GPL-2.0-only
/*
  Who has sent what stands in the binary log under another server's id? The
  record says whether this server receives only from when somebody has looked.
  A relay log shows it of a transaction, whoever writes the same GTID: what is
  in it has to be the same.
*/
#ifndef RECOVERY_GATE_SENDERS_H
#define RECOVERY_GATE_SENDERS_H

#include <string>
#include <vector>

#include "recovery_gate/binlog/binlog_reader.h"
#include "recovery_gate/binlog/gtid_state.h"
#include "recovery_gate/ledger/owed.h"

namespace recovery_gate {

struct ReceivedSearch {
  ServerIds ids;
  /* Of the binary log index, oldest first. */
  std::vector<std::string> logs;
  Stretch stretch;  // both ends are in these logs
  std::vector<std::string> relay_logs;
  EventDecryptor *decryptor = nullptr;
};

/* Those of the ids of which each transaction in the stretch stands in a relay
   log, with the same content, and once in the stretch. None where too much
   would have to be read, or the logs cannot be. Reads logs: may take long. */
ServerIds find_senders(const ReceivedSearch &search);

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_SENDERS_H
