// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/ledger/writers.h"

namespace recovery_gate {

Return returned(const Writers &writers, const Transaction &transaction,
                ByteSource &log, EventDecryptor *decryptor) {
  if (!transaction.gtid) return Return::NONE;
  const auto cut = writers.cut_off.find(*transaction.gtid);
  if (cut == writers.cut_off.end()) return Return::NONE;
  if (!cut->second || cut->second != content_of(log, transaction.begin,
                                                transaction.end, decryptor))
    return Return::ANOTHER;
  return writers.receives ? Return::RECEIVED : Return::SAME;
}

}  // namespace recovery_gate
