// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/ledger/recovered_xids.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "recovery_gate/binlog/binlog_index.h"
#include "recovery_gate/binlog/byte_source.h"

namespace recovery_gate {

const char *resolution_name(Resolution resolution) {
  switch (resolution) {
    case Resolution::PREPARED:
      return "PREPARED";
    case Resolution::COMMITTED:
      return "COMMITTED";
    case Resolution::ROLLED_BACK:
      return "ROLLED BACK";
  }
  return "PREPARED";
}

std::string RecoveredXid::text() const {
  return external() ? xid.id.gtrid + xid.id.bqual : std::to_string(xid.number);
}

std::string to_sql(const XaId &id) {
  const std::string all = id.gtrid + id.bqual;
  const bool is_readable = std::all_of(all.begin(), all.end(), [](char c) {
    return c >= ' ' && c <= '~' && c != '\'' && c != '\\';
  });
  const auto literal = [&](const std::string &bytes) {
    if (is_readable) return "'" + bytes + "'";
    std::string text = "X'";
    for (const unsigned char c : bytes) text += fmt::format("{:02x}", c);
    return text + "'";
  };
  std::string text = literal(id.gtrid);
  if (!id.bqual.empty() || id.format != 1) text += "," + literal(id.bqual);
  if (id.format != 1) text += "," + std::to_string(id.format);
  return text;
}

bool RecoveredXids::ById::operator()(const XaId &a, const XaId &b) const {
  return std::tie(a.format, a.gtrid, a.bqual) <
         std::tie(b.format, b.gtrid, b.bqual);
}

void RecoveredXids::prepared(const PreparedXid &xid,
                             const std::string &engine) {
  if (sealed_) return;
  RecoveredXid &row = rows_[xid.id];
  row.xid = xid;
  row.engines.insert(engine);
  if (xid.number != 0) by_number_[xid.number] = &row;
}

void RecoveredXids::resolved(const XaId &id, Resolution resolution) {
  if (sealed_) return;
  const auto row = rows_.find(id);
  if (row != rows_.end()) row->second.resolution = resolution;
}

RecoveredXid *RecoveredXids::row_of(const Transaction &transaction) {
  if (transaction.kind == TransactionKind::COMMIT_XID) {
    const auto row = by_number_.find(transaction.xid);
    return row == by_number_.end() ? nullptr : row->second;
  }
  if (!transaction.xa) return nullptr;
  const auto row = rows_.find(*transaction.xa);
  return row == rows_.end() ? nullptr : &row->second;
}

bool RecoveredXids::logged(const Transaction &transaction,
                           const std::string &file) {
  if (sealed_) return false;
  RecoveredXid *row = row_of(transaction);
  if (row == nullptr) return false;
  const BinlogPosition end{file, transaction.end};
  if (!row->place || has_reached(end, row->place->end))
    row->place = BinlogPlace{transaction.gtid, end, transaction.kind};
  return true;
}

void RecoveredXids::forget_places(const std::string &file) {
  for (auto &[id, row] : rows_)
    if (row.place && row.place->end.file == file) row.place.reset();
}

bool RecoveredXids::may_be_logged() const {
  return std::any_of(rows_.begin(), rows_.end(), [](const auto &entry) {
    return entry.second.resolution != Resolution::ROLLED_BACK;
  });
}

std::vector<std::string> RecoveredXids::contradictions() const {
  std::vector<std::string> lines;
  for (const RecoveredXid &row : rows()) {
    if (row.resolution != Resolution::PREPARED || !row.place) continue;
    const TransactionKind kind = row.place->kind;
    if (kind != TransactionKind::XA_COMMIT &&
        kind != TransactionKind::XA_ROLLBACK)
      continue;
    const std::string statement =
        (kind == TransactionKind::XA_COMMIT ? "XA COMMIT " : "XA ROLLBACK ") +
        to_sql(row.xid.id);
    lines.push_back(
        "recovery has left an XA transaction prepared of which the binary log "
        "has the end, up to " +
        to_string(row.place->end) +
        (row.place->gtid ? " (GTID " + to_string(*row.place->gtid) + ")" : "") +
        ": replicas execute it. To bring this server in line with them, once "
        "the gate is open: SET SESSION sql_log_bin=0; " +
        statement + "; if it is logged a second time, replication stops");
  }
  return lines;
}

RecoveredXids::Counts RecoveredXids::counts() const {
  Counts counts;
  for (const auto &[id, row] : rows_) {
    ++counts.found;
    if (row.resolution == Resolution::COMMITTED) ++counts.committed;
    if (row.resolution == Resolution::ROLLED_BACK) ++counts.rolled_back;
    if (row.external() && row.resolution == Resolution::PREPARED)
      ++counts.external;
  }
  return counts;
}

std::vector<RecoveredXid> RecoveredXids::rows() const {
  std::vector<RecoveredXid> rows;
  for (const auto &[id, row] : rows_) rows.push_back(row);
  std::stable_sort(rows.begin(), rows.end(),
                   [](const RecoveredXid &a, const RecoveredXid &b) {
                     return a.xid.number < b.xid.number;
                   });
  return rows;
}

namespace {

/* Returns the log from which crash recovery reads on, if the log says so. */
std::string look_in(const std::string &path, EventDecryptor *decryptor,
                    RecoveredXids *xids, Failure *problem) {
  const std::string file = without_folder(path);
  FileSource source;
  Failure failure = source.open(path);
  ScanResult result;
  if (!failure) {
    struct Range {
      std::uint64_t begin, end;
    };
    std::vector<Range> found;
    ScanOptions options;
    options.decryptor = decryptor;
    result = scan(source, options, [&](const Transaction &transaction) {
      if (xids->logged(transaction, file))
        found.push_back({transaction.begin, transaction.end});
      return true;
    });
    failure = result.error;
    if (!failure && result.tail == Tail::DAMAGED)
      failure = path + " is damaged: " + result.tail_reason;
    if (result.format.checksums == ChecksumAlgorithm::CRC32)
      for (const Range &range : found)
        if (!failure)
          failure = verify_range(source, range.begin, range.end, decryptor);
  }
  if (failure) {
    xids->forget_places(file);
    if (!*problem) *problem = std::move(failure);
  }
  return result.last_checkpoint;
}

}  // namespace

Failure find_in_binlog(const std::vector<std::string> &logs,
                       EventDecryptor *decryptor, RecoveredXids *xids) {
  Failure problem;
  if (logs.empty()) return problem;
  const std::string checkpoint =
      look_in(logs.back(), decryptor, xids, &problem);
  for (auto log = recovery_begins(logs, checkpoint); log != logs.end() - 1;
       ++log)
    look_in(*log, decryptor, xids, &problem);
  return problem;
}

}  // namespace recovery_gate
