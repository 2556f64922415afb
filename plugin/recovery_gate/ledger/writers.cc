// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/ledger/writers.h"

#include <iterator>

namespace recovery_gate {

Return returned(const Writers &writers, const Transaction &transaction,
                ByteSource &log, EventDecryptor *decryptor) {
  if (!transaction.gtid) return Return::NONE;
  const Gtid &gtid = *transaction.gtid;
  const auto first = writers.cut_off.lower_bound({gtid, std::nullopt});
  if (first == writers.cut_off.end() || !(first->first == gtid))
    return is_in(writers.cut_numbers, gtid.domain, gtid.sequence)
               ? Return::ANOTHER
               : Return::NONE;
  const auto content =
      content_of(log, transaction.begin, transaction.end, decryptor);
  if (!content || writers.cut_off.count({gtid, content}) == 0)
    return Return::ANOTHER;
  if (writers.returned.count({gtid, content}) != 0) return Return::RECEIVED;
  const auto next = std::next(first);
  const bool is_only_one =
      next == writers.cut_off.end() || !(next->first == gtid);
  return is_only_one ? Return::SAME : Return::ANOTHER;
}

}  // namespace recovery_gate
