// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/ledger/cuttable_end.h"

#include <deque>
#include <filesystem>
#include <system_error>

#include "recovery_gate/binlog/binlog_file.h"
#include "recovery_gate/binlog/binlog_index.h"
#include "recovery_gate/binlog/byte_source.h"
#include "recovery_gate/binlog/transaction_scanner.h"
#include "recovery_gate/ledger/owed.h"

namespace recovery_gate {
namespace {

/* What recovery cuts off is a few transactions, but for one that is torn. */
constexpr std::uint64_t most_read_of_the_end = 4 * 1024 * 1024;

/* What is torn at the end had not been committed anywhere. */
bool stays_in_tables(const Transaction &transaction) {
  return transaction.kind != TransactionKind::UNFINISHED &&
         !(transaction.transactional &&
           (transaction.xa || transaction.kind == TransactionKind::COMMIT_XID));
}

}  // namespace

bool operator==(const CuttableEnd::Item &a, const CuttableEnd::Item &b) {
  return a.gtid == b.gtid && a.previous == b.previous && a.begin == b.begin &&
         a.content == b.content && a.stays == b.stays;
}

bool operator==(const CuttableEnd &a, const CuttableEnd &b) {
  return a.end == b.end && a.identity == b.identity && a.last == b.last &&
         a.items == b.items && a.identity_before == b.identity_before;
}

namespace {

struct ReadLog {
  CuttableEnd end;
  /* False: it has more transactions than `end`. */
  bool is_whole = true;
  std::string last_checkpoint;
};

ReadLog read_end_of(const std::string &log_path, EventDecryptor *decryptor) {
  ReadLog read;
  CuttableEnd &found = read.end;
  std::error_code unknown;
  const auto log_size = std::filesystem::file_size(log_path, unknown);
  found.end = {without_folder(log_path), unknown ? 0 : log_size};
  found.identity = binlog_identity(log_path, found.end.offset);
  FileSource source;
  if (source.open(log_path) || log_size > most_read_at_start) return read;
  ScanOptions options;
  options.decryptor = decryptor;
  struct Noted {
    Transaction transaction;
    std::uint64_t previous;  // in this log
  };
  std::deque<Noted> last;
  GtidState written;
  std::uint64_t size = 0;
  const auto add = [&](const Transaction &transaction) {
    if (!transaction.gtid) return true;
    const Gtid &gtid = *transaction.gtid;
    const GtidSource source_of{gtid.domain, gtid.server_id};
    const auto before = written.find(source_of);
    last.push_back({transaction, before == written.end() ? 0 : before->second});
    raise_to(&written, source_of, gtid.sequence);
    size += transaction.size();
    while (size > most_read_of_the_end || last.size() > most_cut_off_kept) {
      size -= last.front().transaction.size();
      last.pop_front();
      read.is_whole = false;
    }
    return true;
  };
  const ScanResult log = scan(source, options, add);
  if (log.error || log.tail == Tail::DAMAGED || !log.gtids_before) return read;
  read.last_checkpoint = log.last_checkpoint;
  if (log.unfinished) add(*log.unfinished);
  for (const auto &[source_of, number] : *log.gtids_before)
    raise_to(&written, source_of, number);
  found.last = std::move(written);
  for (const auto &[transaction, previous] : last) {
    const Gtid &gtid = *transaction.gtid;
    CuttableEnd::Item one{
        gtid, previous, transaction.begin, {}, stays_in_tables(transaction)};
    const auto before = log.gtids_before->find({gtid.domain, gtid.server_id});
    if (previous == 0 && before != log.gtids_before->end())
      one.previous = before->second;
    if (transaction.kind != TransactionKind::UNFINISHED)
      one.content =
          content_of(source, transaction.begin, transaction.end, decryptor);
    found.items.push_back(one);
  }
  if (!found.items.empty())
    found.identity_before =
        binlog_identity(log_path, found.items.front().begin);
  return read;
}

/* As if what is in the logs behind `log` stood at its end. */
void append(const CuttableEnd &behind, CuttableEnd *log) {
  log->last = behind.last;
  for (CuttableEnd::Item one : behind.items) {
    one.begin = log->end.offset;
    log->items.push_back(one);
  }
}

}  // namespace

std::vector<CuttableEnd> read_cuttable_ends(
    const std::vector<std::string> &log_paths, EventDecryptor *decryptor) {
  std::vector<CuttableEnd> ends;
  if (log_paths.empty()) return ends;
  ReadLog read = read_end_of(log_paths.back(), decryptor);
  ends.push_back(read.end);
  auto log = log_paths.end() - 1;
  const auto first = recovery_begins(log_paths, read.last_checkpoint);
  while (log != first && ends.back().last && read.is_whole) {
    read = read_end_of(*--log, decryptor);
    if (!read.end.last ||
        read.end.items.size() + ends.back().items.size() > most_cut_off_kept)
      break;
    append(ends.back(), &read.end);
    ends.push_back(read.end);
  }
  return ends;
}

std::optional<CutOff> cut_off_from(const CuttableEnd &before,
                                   std::uint64_t log_size) {
  if (!before.last || before.items.empty() ||
      before.items.front().begin > log_size)
    return std::nullopt;
  CutOff cut;
  cut.left = *before.last;
  for (auto one = before.items.rbegin(); one != before.items.rend(); ++one) {
    if (one->begin < log_size) break;
    cut.transactions.emplace(one->gtid, one->content);
    const GtidSource source{one->gtid.domain, one->gtid.server_id};
    if (one->stays) raise_to(&cut.kept, source, one->gtid.sequence);
    if (one->gtid.sequence <= one->previous)
      cut.gone_back.insert(source.domain);
    if (one->previous == 0)
      cut.left.erase(source);
    else
      cut.left[source] = one->previous;
  }
  return cut;
}

GtidState kept_of(const CuttableEnd &before) {
  GtidState kept;
  for (const CuttableEnd::Item &one : before.items)
    if (one.stays)
      raise_to(&kept, {one.gtid.domain, one.gtid.server_id}, one.gtid.sequence);
  return kept;
}

bool is_uncut(const CuttableEnd &before, const std::string &log_path) {
  return before.identity &&
         binlog_identity(log_path, before.end.offset) == before.identity;
}

std::optional<CutOff> find_cut_off(const CuttableEnd &before,
                                   const std::string &log_path) {
  std::error_code gone;
  const auto size = std::filesystem::file_size(log_path, gone);
  // A longer one is another one.
  if (gone || size >= before.end.offset || before.items.empty() ||
      !before.identity_before ||
      binlog_identity(log_path, before.items.front().begin) !=
          before.identity_before)
    return std::nullopt;
  return cut_off_from(before, size);
}

}  // namespace recovery_gate
