// SPDX-License-Identifier: GPL-2.0-only
#include "inspect/logs.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "recovery_gate/binlog/binlog_file.h"

namespace recovery_gate::tool {
namespace {

/* The last GTID of each domain: of several servers', the one written last. */
class Position {
 public:
  /* Of domains that nothing was written in since `state`, the highest number.
   */
  void fill_up(const GtidState &state) {
    std::map<std::uint32_t, Gtid> before;
    for (const auto &[source, number] : state) {
      Gtid &last = before[source.domain];
      if (number >= last.sequence)
        last = {source.domain, source.server_id, number};
    }
    last_.insert(before.begin(), before.end());
  }
  void add(const Gtid &gtid) { last_[gtid.domain] = gtid; }

  std::string text() const {
    std::string text;
    for (const auto &[domain, gtid] : last_)
      text += (text.empty() ? "" : ",") + to_string(gtid);
    return text;
  }

 private:
  std::map<std::uint32_t, Gtid> last_;
};

std::size_t place_of(const std::string &path,
                     const std::vector<std::string> &paths) {
  return static_cast<std::size_t>(std::find(paths.begin(), paths.end(), path) -
                                  paths.begin());
}

LogFacts facts_of(const std::string &path, const ScanResult &result,
                  std::uint64_t size) {
  LogFacts facts;
  facts.path = path;
  facts.name = without_folder(path);
  facts.size = size;
  facts.end_of_events = result.end_of_events;
  facts.server_id = result.format.server_id;
  facts.server_version = result.format.server_version;
  facts.in_use = result.format.in_use;
  facts.encrypted = result.is_encrypted;
  facts.tail = result.tail;
  facts.tail_reason = result.tail_reason;
  facts.has_unfinished = result.unfinished.has_value();
  facts.error = result.error.text();
  facts.gtids_before = result.gtids_before;
  facts.transactions = result.transactions;
  return facts;
}

LogFacts read_log(const std::string &path, const TransactionSink &sink,
                  bool recovery_reads, bool is_last, GtidState *gtids,
                  Position *position) {
  LogFacts during;  // what is known of it before its end
  during.path = path;
  during.name = without_folder(path);
  during.recovery_reads = recovery_reads;
  during.is_last = is_last;
  FileSource file;
  during.error = file.open(path).text();
  if (!during.error.empty()) return during;
  during.server_id = read_binlog_header(path).server_id;
  const ScanResult result = scan(file, [&](const Transaction &transaction) {
    sink(transaction, during);
    if (transaction.gtid && transaction.kind != TransactionKind::UNFINISHED) {
      (*gtids)[{transaction.gtid->domain, transaction.gtid->server_id}] =
          transaction.gtid->sequence;
      position->add(*transaction.gtid);
    }
    return true;
  });
  LogFacts facts = facts_of(path, result, file.size());
  facts.recovery_reads = recovery_reads;
  facts.is_last = is_last;
  return facts;
}

std::string trouble_with(const LogFacts &log, bool is_last) {
  if (log.encrypted)
    return log.name +
           " is encrypted: only the server has the keys, so which transactions "
           "it holds can be seen only there";
  if (!log.error.empty()) return log.error;
  if (log.tail == Tail::DAMAGED || (log.tail == Tail::TORN && !is_last))
    return fmt::format("{} is damaged: {}", log.name, log.tail_reason);
  return {};
}

/* "bin" and 3 of "bin.000003". */
bool split_name(const std::string &name, std::string *base,
                std::uint64_t *number) {
  const auto dot = name.rfind('.');
  if (dot == std::string::npos || dot + 1 == name.size()) return false;
  const char *end = name.data() + name.size();
  const auto got = std::from_chars(name.data() + dot + 1, end, *number);
  *base = name.substr(0, dot);
  return got.ec == std::errc() && got.ptr == end;
}

/* Length of the events that open a log and do not depend on what came before:
   the format description, and the one that says that it is encrypted. */
std::uint64_t opening_length(const std::string &path, bool *has_checksums) {
  FileSource file;
  if (file.open(path)) return 0;
  BinlogReader reader(file);
  if (reader.open()) return 0;
  *has_checksums = reader.has_checksums();
  std::uint64_t length = 0;
  Event event;
  while (reader.next(&event) &&
         (event.header.type == EventType::FORMAT_DESCRIPTION ||
          event.header.type == EventType::START_ENCRYPTION))
    length += event.header.length;
  return length;
}

}  // namespace

Survey survey_logs(const BinlogIndex &index,
                   const std::optional<Settled> &settled,
                   const TransactionSink &sink) {
  Survey survey;
  survey.logs_in_index = index.logs.size();
  RecoveryLogs recovery;
  survey.trouble = find_recovery_logs(index, nullptr, &recovery).text();
  survey.crashed = recovery.in_use || recovery.last.format.in_use;
  if (index.logs.empty()) return survey;
  survey.checkpoint_log =
      recovery.logs.empty() ? index.logs.back() : recovery.logs.front();

  const std::vector<std::string> &paths = index.logs;
  const std::size_t recovery_from = place_of(survey.checkpoint_log, paths);
  std::size_t first = 0;  // without a settled position, all of them matter
  if (settled)
    for (std::size_t i = paths.size(); i-- > 0;)
      if (is_inside(*settled, paths[i])) {
        first = i;
        break;
      }
  first = std::min(first, recovery_from);

  for (std::size_t i = first; i < paths.size(); ++i) {
    GtidState gtids;
    Position position;
    const bool is_last = i + 1 == paths.size();
    LogFacts log =
        read_log(paths[i], sink, survey.crashed && i >= recovery_from, is_last,
                 &gtids, &position);
    const std::string trouble = trouble_with(log, is_last);
    if (survey.trouble.empty()) survey.trouble = trouble;
    survey.encrypted |= log.encrypted;
    if (i == recovery_from) survey.gtids_before_recovery = log.gtids_before;
    if (is_last) {
      survey.end = {log.name, log.end_of_events};
      if (log.gtids_before && trouble.empty()) {
        GtidState end = *log.gtids_before;
        for (const auto &[source, number] : gtids) end[source] = number;
        survey.gtids = std::move(end);
        position.fill_up(*log.gtids_before);
        survey.gtid_position = position.text();
      }
    }
    survey.logs.push_back(std::move(log));
  }
  // An encrypted log is the better reason of the two.
  if (survey.encrypted && !survey.logs.empty())
    for (const LogFacts &log : survey.logs)
      if (log.encrypted) {
        survey.trouble = trouble_with(log, false);
        break;
      }
  return survey;
}

BinlogPosition foretell_next_header(
    const Survey &survey, const std::vector<std::string> &folder_names) {
  if (survey.logs.empty() || !survey.gtids) return {};
  const LogFacts &last = survey.logs.back();
  std::string base, other;
  std::uint64_t highest = 0, number = 0;
  if (!split_name(last.name, &base, &highest)) return {};
  for (const std::string &name : folder_names)
    if (split_name(name, &other, &number) && other == base)
      highest = std::max(highest, number);
  const std::string next = fmt::format("{}.{:06}", base, highest + 1);

  bool has_checksums = false;
  const std::uint64_t opening = opening_length(last.path, &has_checksums);
  if (opening == 0) return {};
  const std::uint64_t each =
      event_header_size + (has_checksums ? event_checksum_size : 0);
  const std::uint64_t entries = survey.gtids->size();
  const std::uint64_t gtid_list = each + 4 + (entries ? 16 * entries : 2);
  const std::uint64_t checkpoint = each + 4 + next.size();
  return {next, start_of_events + opening + gtid_list + checkpoint};
}

}  // namespace recovery_gate::tool
