// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/ledger/owed.h"

#include <algorithm>
#include <filesystem>

#include "recovery_gate/binlog/binlog_file.h"

namespace recovery_gate {
namespace {

constexpr std::uint64_t asks_every = 4096;  // transactions

/* Would reading it again find the same? */
bool is_same(const ReadOwed &known, const OwedSearch &search,
             const Stretch &stretch, const GtidState &before) {
  return known.stretch.from == stretch.from && known.before == before &&
         has_reached(stretch.to, known.stretch.to) &&
         std::all_of(known.origins.begin(), known.origins.end(),
                     [&](const auto &known_as) {
                       return search.writers.of(known_as.first) ==
                              known_as.second;
                     });
}

class Reader {
 public:
  Reader(const OwedSearch &search, const Stretch &stretch,
         const GtidState &before)
      : search_(search), to_(stretch.to), from_(stretch.from) {
    const ReadOwed *known = search.known;
    if (known != nullptr && is_same(*known, search, stretch, before)) {
      is_continued_ = true;
      read_ = *known;
      from_ = known->stretch.to;
    }
    read_.stretch = stretch;
    if (!is_continued_) {
      read_.before = before;
      read_.collector = OwedCollector(before);
    }
  }

  Owed run(std::optional<ReadOwed> *read_part) {
    auto log = search_.logs.begin();
    const auto end = search_.logs.end();
    if (!from_.empty()) {
      const std::string first =
          log == end ? std::string() : without_folder(*log);
      // Up to its end it has been read.
      if (is_continued_ && is_next_log(from_.file, first)) from_ = {first, 0};
      log = std::find_if(log, end, [this](const std::string &path) {
        return without_folder(path) == from_.file;
      });
    }
    if (log == end)
      return unknown("the binary log " + from_.file + " no longer exists");
    const auto last = std::find_if(log, end, [this](const std::string &path) {
      return without_folder(path) == to_.file;
    });
    if (last == end)
      return unknown("the binary log " + to_.file + " does not exist");
    if (search_.most != 0 && size(log, last + 1) > search_.most)
      return unknown("too much of the binary log would have to be read");
    for (; log <= last && !problem_; ++log)
      read(*log, without_folder(*log) == from_.file ? from_.offset : 0);
    if (problem_) return unknown(problem_.text());
    if (read_part != nullptr) *read_part = read_;
    return read_.collector.take();
  }

 private:
  static Owed unknown(const std::string &why) {
    Owed owed;
    owed.unknown = why;
    return owed;
  }

  template <class Iterator>
  std::uint64_t size(Iterator log, Iterator end) const {
    std::uint64_t bytes = 0;
    for (; log != end; ++log) {
      std::error_code unreadable;
      const auto size = std::filesystem::file_size(*log, unreadable);
      if (unreadable) continue;
      bytes += size;
      if (without_folder(*log) == from_.file)
        bytes -= std::min(bytes, from_.offset);
    }
    return bytes;
  }

  void read(const std::string &path, std::uint64_t from) {
    FileSource source;
    problem_ = source.open(path);
    if (problem_) return;
    const std::string file = without_folder(path);
    const std::uint32_t log_writer = read_log_writer(source);
    ScanOptions options;
    options.from = from;
    options.decryptor = search_.decryptor;
    if (file == to_.file) {
      if (from >= to_.offset) return;
      options.to = to_.offset;
    }
    std::uint64_t seen = 0;
    bool cancelled = false;
    const ScanResult result =
        scan(source, options, [&](const Transaction &transaction) {
          if (transaction.gtid) add(transaction, log_writer, file, source);
          cancelled = ++seen % asks_every == 0 && search_.cancelled &&
                      search_.cancelled();
          return !cancelled;
        });
    if (cancelled)
      problem_ = "reading the binary log was interrupted";
    else if (result.error)
      problem_ = result.error;
    else if (result.tail == Tail::DAMAGED)
      problem_ = path + ": " + result.tail_reason;
    else if (options.to && result.end_of_events < *options.to)
      problem_ = path + " ends before " + std::to_string(*options.to);
  }

  void add(const Transaction &transaction, std::uint32_t log_writer,
           const std::string &file, ByteSource &source) {
    const std::uint32_t id = transaction.gtid->server_id;
    Origin origin = Origin::OWN;
    if (id != log_writer) read_.origins[id] = origin = search_.writers.of(id);
    Return back =
        returned(search_.writers, transaction, source, search_.decryptor);
    if (back == Return::RECEIVED) {
      if (read_.returned.insert(*transaction.gtid).second)
        origin = Origin::RECEIVED;
      else
        back = Return::ANOTHER;
    }
    read_.collector.add(transaction, origin, file, back);
  }

  const OwedSearch &search_;
  const BinlogPosition to_;
  BinlogPosition from_;  // where there is something to read
  bool is_continued_ = false;
  ReadOwed read_;
  Failure problem_;
};

}  // namespace

bool Owed::marked() const {
  return std::any_of(domains.begin(), domains.end(),
                     [](const auto &domain) { return domain.second.marked; });
}

GtidState Owed::gtids() const {
  GtidState gtids;
  for (const auto &[number, domain] : domains)
    for (const std::uint32_t writer : domain.writers)
      gtids[{number, writer}] = domain.highest.at(writer);
  return gtids;
}

void OwedCollector::add(const Transaction &transaction, Origin origin,
                        const std::string &file, Return back) {
  if (transaction.kind == TransactionKind::UNFINISHED) return;
  const bool is_own = origin != Origin::RECEIVED;
  const Gtid &gtid = *transaction.gtid;
  std::uint64_t highest = 0;
  for (auto before = before_.lower_bound({gtid.domain, 0});
       before != before_.end() && before->first.domain == gtid.domain; ++before)
    if (is_own || before->first.server_id == gtid.server_id)
      highest = std::max(highest, before->second);
  std::uint64_t &last_of_source = before_[{gtid.domain, gtid.server_id}];

  auto known = owed_.domains.find(gtid.domain);
  if (known == owed_.domains.end()) {
    if (is_own) {
      OwedDomain domain;
      domain.begin = {file, transaction.begin};
      domain.first = gtid;
      for (auto before = before_.lower_bound({gtid.domain, 0});
           before != before_.end() && before->first.domain == gtid.domain;
           ++before)
        if (before->second != 0)
          domain.before[before->first.server_id] = before->second;
      known = owed_.domains.emplace(gtid.domain, std::move(domain)).first;
    }
  }
  if (known != owed_.domains.end()) {
    OwedDomain &domain = known->second;
    const auto breaks = [&](const std::string &why) {
      if (domain.broken.empty()) domain.broken = why;
    };
    std::uint64_t &highest_of_source = domain.highest[gtid.server_id];
    const auto lowest =
        domain.lowest.emplace(gtid.server_id, gtid.sequence).first;
    if (!is_own) {
      if (domain.followed.empty())
        domain.followed =
            "GTID " + to_string(gtid) +
            ", which this server received, comes after GTID " +
            to_string(domain.first) +
            ", which it wrote itself, in its binary log, so that whoever has "
            "the one need not have the other";
    } else if (!domain.followed.empty()) {
      breaks(domain.followed);
    } else if (origin == Origin::ASSUMED &&
               domain.has_other_writer(gtid.server_id)) {
      breaks(
          "GTID " + to_string(gtid) +
          ", which this server may have received, comes after GTID " +
          to_string(domain.first) +
          " in its binary log, so that whoever has the one need not have the "
          "other");
    } else if (gtid.sequence == last_of_source) {
      breaks("this server has written GTID " + to_string(gtid) + " twice");
    } else if (gtid.sequence < highest) {
      breaks("the numbers of domain " + std::to_string(gtid.domain) +
             " go back to GTID " + to_string(gtid) + " in this binary log");
    } else if (gtid != domain.first && gtid.sequence > highest + 1) {
      // What this server applied there, and did not log, made its numbers go
      // on; and who has that is served from there.
      breaks("numbers before GTID " + to_string(gtid) +
             " are not in this binary log, and a replica that has those from "
             "elsewhere need not have what comes before them");
    }
    if (is_own) {
      domain.last = gtid;
      domain.writers.insert(gtid.server_id);
      if (back == Return::ANOTHER)
        domain.repeated = std::max(domain.repeated, gtid.sequence);
    }
    highest_of_source = std::max(highest_of_source, gtid.sequence);
    lowest->second = std::min(lowest->second, gtid.sequence);
    if (transaction.marked && is_own) {
      domain.marked = true;
      breaks("GTID " + to_string(gtid) +
             " is marked with skip_replication, and need not have been sent "
             "to who has a later one");
    }
  }
  last_of_source = gtid.sequence;
}

Owed read_owed(const OwedSearch &search, const Stretch &stretch,
               const GtidState &before, std::optional<ReadOwed> *read) {
  return Reader(search, stretch, before).run(read);
}

}  // namespace recovery_gate
