// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/ledger/senders.h"

#include <algorithm>
#include <map>
#include <set>

#include "recovery_gate/binlog/binlog_file.h"
#include "recovery_gate/binlog/byte_source.h"
#include "recovery_gate/binlog/transaction_content.h"
#include "recovery_gate/binlog/transaction_scanner.h"

namespace recovery_gate {
namespace {

struct Found {
  std::map<Gtid, std::optional<std::uint64_t>> contents;
  /* Of which one cannot be compared. */
  ServerIds unknown;
};

/* False: not all could be read. */
bool read_log(const ReceivedSearch &search, const std::string &path,
              std::uint64_t *left, Found *found) {
  const std::string file = without_folder(path);
  const Stretch &stretch = search.stretch;
  FileSource source;
  if (source.open(path) || source.size() > *left) return false;
  *left -= source.size();
  ScanOptions options;
  options.decryptor = search.decryptor;
  if (file == stretch.from.file) options.from = stretch.from.offset;
  if (file == stretch.to.file) options.to = stretch.to.offset;
  if (options.to && options.from >= *options.to) return true;
  const ScanResult result =
      scan(source, options, [&](const Transaction &transaction) {
        if (transaction.kind == TransactionKind::UNFINISHED ||
            !transaction.gtid ||
            search.ids.count(transaction.gtid->server_id) == 0)
          return true;
        const auto content = content_of(source, transaction.begin,
                                        transaction.end, search.decryptor);
        if (!content ||
            !found->contents.emplace(*transaction.gtid, content).second)
          found->unknown.insert(transaction.gtid->server_id);
        return true;
      });
  return !result.error && result.tail != Tail::DAMAGED;
}

bool read_stretch(const ReceivedSearch &search, Found *found) {
  const auto find = [&](const std::string &file) {
    return std::find_if(
        search.logs.begin(), search.logs.end(),
        [&](const std::string &path) { return without_folder(path) == file; });
  };
  const auto first = find(search.stretch.from.file),
             last = find(search.stretch.to.file);
  if (last == search.logs.end() || first > last) return false;
  std::uint64_t left = most_read_at_start;
  return std::all_of(first, last + 1, [&](const std::string &path) {
    return read_log(search, path, &left, found);
  });
}

}  // namespace

ServerIds find_senders(const ReceivedSearch &search) {
  Found found;
  if (search.relay_logs.empty() || !read_stretch(search, &found)) return {};
  std::set<Gtid> wanted;
  for (const auto &one : found.contents) wanted.insert(one.first);
  const Contents relayed =
      contents_in_relay_logs(search.relay_logs, wanted, most_read_at_start);
  ServerIds senders;
  for (const auto &one : found.contents) {
    senders.insert(one.first.server_id);
    if (relayed.count(one) == 0) found.unknown.insert(one.first.server_id);
  }
  for (const std::uint32_t id : found.unknown) senders.erase(id);
  return senders;
}

}  // namespace recovery_gate
