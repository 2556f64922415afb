// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/ledger/in_doubt.h"

#include <algorithm>
#include <filesystem>

#include "recovery_gate/binlog/binlog_file.h"
#include "recovery_gate/binlog/byte_source.h"

namespace recovery_gate {
namespace {

class Search {
 public:
  Search(const InDoubtStretch &stretch, std::size_t keep,
         EventDecryptor *decryptor, const std::function<bool()> &cancelled,
         std::uint64_t most)
      : stretch_(stretch),
        keep_(keep),
        decryptor_(decryptor),
        cancelled_(cancelled),
        most_(most) {}

  InDoubt run() {
    found_.reservation = stretch_.reservation;
    if (stretch_.sources.empty() || stretch_.logs.empty())
      return std::move(found_);
    // RESET MASTER begins with the same names again.
    if (stretch_.identity &&
        binlog_identity(stretch_.logs.back(), stretch_.to) !=
            stretch_.identity) {
      note(stretch_.logs.back() + " is not the log that was recovered");
      return std::move(found_);
    }
    for (std::size_t i = first(); i < stretch_.logs.size() && !stopped_; ++i) {
      const bool is_last = i + 1 == stretch_.logs.size();
      read(stretch_.logs[i], i == 0 ? stretch_.from : 0,
           is_last ? stretch_.to : 0);
    }
    return std::move(found_);
  }

 private:
  /* Of the logs that are not too much. */
  std::size_t first() {
    std::uint64_t bytes = 0;
    std::size_t first = stretch_.logs.size() - 1;
    for (std::size_t i = stretch_.logs.size(); i-- > 0; first = i) {
      std::error_code unreadable;
      const auto size =
          std::filesystem::file_size(stretch_.logs[i], unreadable);
      if (!unreadable) bytes += size;
      if (bytes > most_ && i != stretch_.logs.size() - 1) {
        note("the binary logs before " + without_folder(stretch_.logs[first]) +
             " were not read, since that takes long");
        break;
      }
    }
    return first;
  }

  void read(const std::string &path, std::uint64_t from, std::uint64_t to) {
    FileSource source;
    if (const Failure failure = source.open(path)) return note(failure);
    ScanOptions options;
    options.from = from;
    if (to != 0) options.to = to;
    options.decryptor = decryptor_;
    const std::string file = without_folder(path);
    const ScanResult result =
        scan(source, options, [&](const Transaction &transaction) {
          take(transaction, file, source);
          stopped_ = cancelled_ && cancelled_();
          return !stopped_;
        });
    note(result.error);
    if (stopped_) {
      note("the search was interrupted");
      found_.is_final = false;
    }
    if (result.tail == Tail::DAMAGED) note(path + ": " + result.tail_reason);
    if (result.format.checksums == ChecksumAlgorithm::CRC32)
      for (const InDoubt::Item &item : found_.last)
        if (item.end.file == file && !stopped_)
          note(verify_range(source, item.transaction.begin,
                            item.transaction.end, decryptor_));
  }

  void take(const Transaction &transaction, const std::string &file,
            ByteSource &log) {
    const std::optional<Gtid> &gtid = transaction.gtid;
    if (!gtid || stretch_.sources.count({gtid->domain, gtid->server_id}) == 0 ||
        returned(stretch_.writers, transaction, log, decryptor_) ==
            Return::RECEIVED)
      return;
    ++found_.count;
    found_.bytes += transaction.size();
    found_.last.push_back({transaction, {file, transaction.end}});
    if (found_.last.size() > keep_) found_.last.pop_front();
  }

  void note(const Failure &problem) {
    if (problem && found_.reservation.empty())
      found_.reservation = "perhaps more: " + problem.text();
  }

  const InDoubtStretch &stretch_;
  const std::size_t keep_;
  EventDecryptor *const decryptor_;
  const std::function<bool()> &cancelled_;
  const std::uint64_t most_;
  InDoubt found_;
  bool stopped_ = false;
};

}  // namespace

InDoubtStretch find_stretch(const StartFacts &facts,
                            const std::optional<Settled> &settled,
                            const std::vector<std::string> &logs) {
  const std::string &first_log = facts.first_unsettled_log;
  InDoubtStretch stretch;
  stretch.sources = facts.unsettled;
  stretch.writers = facts.writers;
  stretch.to = facts.recovered_end.offset;
  stretch.identity = facts.recovered_identity;
  // Else it has expired, and what is left comes after it.
  const bool has_first =
      std::find(logs.begin(), logs.end(), first_log) != logs.end();
  bool has_last = false;
  for (const std::string &path : logs) {
    if (stretch.logs.empty() && has_first && path != first_log) continue;
    stretch.logs.push_back(path);
    has_last = without_folder(path) == facts.recovered_end.file;
    if (has_last) break;
  }
  if (!has_last && !has_first) stretch.logs.clear();
  if (!facts.doubt.empty())
    stretch.reservation = "perhaps more: " + facts.doubt;
  else if (!facts.unprovable.empty())
    stretch.reservation = "perhaps more: " + facts.unprovable;
  else if (first_log.empty() && !facts.unsettled.empty())
    stretch.reservation =
        "perhaps fewer: it is not known what replicas have acknowledged of these "
        "binary logs";
  else if (!first_log.empty() && !has_first)
    stretch.reservation =
        "perhaps more: " + without_folder(first_log) + " no longer exists";
  if (has_first && settled &&
      without_folder(first_log) == settled->position.file)
    stretch.from = settled->position.offset;
  return stretch;
}

InDoubt find_in_doubt(const InDoubtStretch &stretch, std::size_t keep,
                      EventDecryptor *decryptor,
                      const std::function<bool()> &cancelled,
                      std::uint64_t most) {
  return Search(stretch, keep, decryptor, cancelled, most).run();
}

}  // namespace recovery_gate
