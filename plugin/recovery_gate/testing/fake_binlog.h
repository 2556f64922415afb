// SPDX-License-Identifier: GPL-2.0-only
/*
  Binary logs as a server writes them, in a folder of the test's own: small
  files with a format description, a list of GTIDs and events behind it, with
  the checksums right.
*/
#ifndef RECOVERY_GATE_FAKE_BINLOG_H
#define RECOVERY_GATE_FAKE_BINLOG_H

#include <algorithm>
#include <boost/crc.hpp>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "recovery_gate/binlog/binlog_file.h"
#include "recovery_gate/ledger/ledger.h"
#include "testing/fakes.h"
#include "testing/test_folder.h"

namespace recovery_gate {

namespace binlog_bytes {

constexpr unsigned char query_event = 2, rotate_event = 4,
                        format_description_event = 15, xid_event = 16,
                        checkpoint_event = 161, gtid_event = 162,
                        gtid_list_event = 163, start_encryption_event = 164;
constexpr unsigned in_use = 1;
inline const std::string magic =
    "\xfe"
    "bin";

inline std::string little_endian(std::uint64_t value, int bytes) {
  std::string text;
  for (; bytes > 0; --bytes, value >>= 8) text += static_cast<char>(value);
  return text;
}

struct Header {
  unsigned char type = query_event;
  std::uint32_t server_id = 1;
  unsigned flags = 0;
  std::uint32_t time = 1700000000;
};

inline std::string bytes(const Header &header, std::uint32_t length) {
  return little_endian(header.time, 4) + static_cast<char>(header.type) +
         little_endian(header.server_id, 4) + little_endian(length, 4) +
         little_endian(0, 4) + little_endian(header.flags, 2);
}

inline std::string crc_32(const std::string &covered) {
  boost::crc_32_type crc;
  crc.process_bytes(covered.data(), covered.size());
  return little_endian(crc.checksum(), 4);
}

inline std::string without_checksum(const Header &header,
                                    const std::string &body) {
  return bytes(header, static_cast<std::uint32_t>(19 + body.size())) + body;
}

inline std::string with_checksum(const Header &header,
                                 const std::string &body) {
  const std::string event =
      bytes(header, static_cast<std::uint32_t>(19 + body.size() + 4)) + body;
  return event + crc_32(event);
}

/* `algorithm`: 1 when the events behind it have a CRC-32, 0 when not. Its own
   checksum does not cover the flag. */
inline std::string format_description(Header header = {},
                                      unsigned char algorithm = 1) {
  header.type = format_description_event;
  const unsigned flags = header.flags;
  header.flags = 0;
  std::string version = "10.11.18-MariaDB-fake", sizes(171, '\0');
  version.resize(50);
  sizes[query_event - 1] = 13;
  sizes[rotate_event - 1] = 8;
  sizes[checkpoint_event - 1] = 4;
  sizes[gtid_event - 1] = 19;
  sizes[gtid_list_event - 1] = 4;
  std::string event = with_checksum(
      header, little_endian(4, 2) + version + little_endian(header.time, 4) +
                  "\x13" + sizes + static_cast<char>(algorithm));
  event.replace(17, 2, little_endian(flags, 2));
  return event;
}

inline std::string gtid_list_body(const GtidState &gtids) {
  std::string body = little_endian(gtids.size(), 4);
  for (const auto &[source, number] : gtids)
    body += little_endian(source.domain, 4) +
            little_endian(source.server_id, 4) + little_endian(number, 8);
  return body;
}

inline std::string gtid_list(const GtidState &gtids, Header header = {}) {
  header.type = gtid_list_event;
  return with_checksum(header, gtid_list_body(gtids));
}

}  // namespace binlog_bytes

/* The binary log of a server, as far as the ledger sees it. */
class FakeBinlog final : public BinlogProgress {
 public:
  explicit FakeBinlog(std::uint32_t server_id = 1) : server_id_(server_id) {
    open_next();
  }

  /* What happens to it. */
  void write(std::uint32_t server_id, std::uint32_t domain = 0) {
    // As in a stream without gtid_strict_mode, each source counts on from the
    // domain's highest number.
    std::uint64_t number = 0;
    for (const auto &[source, last] : gtids_)
      if (source.domain == domain) number = std::max(number, last);
    gtids_[{domain, server_id}] = ++number;
    append_transaction(server_id, domain, number);
  }
  /* The server's last GTID once more, as gtid_seq_no makes it do. */
  void write_again(std::uint32_t server_id) {
    append_transaction(server_id, 0, gtids_.at({0, server_id}));
  }
  /* The server's own, or what comes back of it: with the same time. */
  void write_statement(const std::string &statement) {
    write_statement_of(server_id_, statement);
  }
  void write_statement_of(std::uint32_t server_id,
                          const std::string &statement) {
    statement_ = statement;
    write(server_id);
    statement_.clear();
  }
  void write_statement_again(const std::string &statement,
                             std::uint64_t number) {
    statement_ = statement;
    append_transaction(server_id_, 0, number);
    statement_.clear();
  }
  void append_transaction(std::uint32_t server_id, std::uint32_t domain,
                          std::uint64_t number) {
    append(binlog_bytes::with_checksum(
        {binlog_bytes::gtid_event, server_id, 0, ++time_},
        binlog_bytes::little_endian(number, 8) +
            binlog_bytes::little_endian(domain, 4) +
            (is_transactional_ ? '\4' : '\0') + std::string(6, '\0')));
    if (!statement_.empty())
      append(binlog_bytes::with_checksum({binlog_bytes::query_event, server_id},
                                         std::string(8, '\0') + '\1' +
                                             std::string(4, '\0') + "d" + '\0' +
                                             statement_));
    append(binlog_bytes::with_checksum(
        {binlog_bytes::xid_event, server_id, 0, time_},
        binlog_bytes::little_endian(number, 8)));
  }
  void write_own() { write(server_id_); }
  /* A relay log with what comes after that offset in the newest log. */
  std::string relay_log(std::uint64_t from) const {
    std::ifstream log(logs_.back().path, std::ios::binary);
    log.seekg(static_cast<std::streamoff>(from));
    binlog_bytes::Header header;
    header.flags = relay_log_flag;
    return binlog_bytes::magic + binlog_bytes::format_description(header) +
           std::string(std::istreambuf_iterator<char>(log), {});
  }
  /* Some of it in a table without transactions. */
  void write_mixed() {
    is_transactional_ = false;
    write_own();
    is_transactional_ = true;
  }
  void append_checkpoint() { append_checkpoint(logs_.back().path); }
  /* Recovery begins to read in that log. */
  void append_checkpoint(const std::string &path) {
    const std::string file = without_folder(path);
    append(binlog_bytes::with_checksum(
        {binlog_bytes::checkpoint_event, server_id_, 0, ++time_},
        binlog_bytes::little_endian(file.size(), 4) + file));
  }
  void rotate() {
    append(binlog_bytes::with_checksum(
        {binlog_bytes::rotate_event, server_id_, 0, ++time_}, "next"));
    close();
    open_next();
  }
  /* The server is shut down properly, or crashes, and is started again. */
  void shut_down() { close(); }
  void start(std::uint32_t server_id) {
    server_id_ = server_id;
    acknowledged_ = {};
    resets_ = 0;
    open_next();
  }
  void reset(unsigned long to = 1) {
    for (const Log &log : logs_) std::filesystem::remove(log.path);
    logs_.clear();
    gtids_.clear();
    acknowledged_ = {};
    next_ = to;
    ++resets_;
    open_next();
  }
  void purge_all_but(std::size_t kept) {
    while (logs_.size() > kept) {
      std::filesystem::remove(logs_.front().path);
      logs_.erase(logs_.begin());
    }
  }
  /* Recovery cuts off what came after. */
  void truncate(std::uint64_t size, const GtidState &gtids) {
    std::filesystem::resize_file(logs_.back().path, size);
    logs_.back().size = size;
    gtids_ = gtids;
  }
  /* In the log before; it deletes the newest one then. */
  void truncate_before(std::uint64_t size, const GtidState &gtids) {
    std::filesystem::remove(logs_.back().path);
    logs_.pop_back();
    --next_;
    truncate(size, gtids);
  }
  /* It deletes the newest log, and a new one has that name. */
  void truncate_to_nothing(const GtidState &gtids) {
    logs_.pop_back();
    --next_;
    gtids_ = gtids;
    open_next();
  }
  void rename_logs_to(const std::string &base) {
    base_ = base;
    logs_.clear();
    next_ = 1;
    open_next();
  }
  /* FLUSH BINARY LOGS DELETE_DOMAIN_ID */
  void delete_domain(std::uint32_t domain) {
    for (auto gtid = gtids_.begin(); gtid != gtids_.end();)
      gtid = gtid->first.domain == domain ? gtids_.erase(gtid) : ++gtid;
    rotate();
  }
  void set_server_id(std::uint32_t id) { server_id_ = id; }
  void set_receives(bool receives) { receives_ = receives; }
  void acknowledge(const BinlogPosition &position) { acknowledged_ = position; }
  void acknowledge_all() { acknowledged_ = position(); }
  /* Whether what replicas acknowledge proves that they have all. */
  void set_proves(bool proves) { proves_ = proves; }
  void set_serves(bool serves) { serves_ = serves; }
  void set_passed_over(std::optional<GtidState> gtids) {
    passed_over_ = std::move(gtids);
  }
  void set_relayed(std::optional<Contents> relayed) {
    relayed_ = std::move(relayed);
  }
  /* Somebody is sent it for a moment. */
  void serve_once() { served_after_ = resets_; }
  void arrive(std::uint32_t replica, std::uint64_t number) {
    arrived_after_ = resets_;
    arrivals_.replica_ids.insert(replica);
    arrivals_.replicas[{0, replica}] = number;
  }
  void arrive_by_file(std::uint32_t replica) {
    arrived_after_ = resets_;
    arrivals_.by_file.insert(replica);
  }
  void begin_at(std::uint32_t replica, const BinlogPosition &place,
                std::uint64_t bytes = 0) {
    arrived_after_ = resets_;
    arrivals_.began.push_back({replica, place, bytes});
  }
  void arrive_by_gtid(std::uint32_t replica) {
    arrived_after_ = resets_;
    arrivals_.by_gtid.insert(replica);
  }
  void arrive_behind(std::uint32_t replica) {
    arrived_after_ = resets_;
    arrivals_.behind.insert(replica);
  }
  /* What reading the log finds. */
  void set_owed(Owed owed) { owed_ = std::move(owed); }
  /* What was asked last. */
  const Demand &demand() const { return demand_; }
  const History &history() const { return history_; }
  void encrypt_from_now_on() { encrypted_ = true; }

  /* What there is. */
  BinlogPosition position() const {
    return {without_folder(logs_.back().path), logs_.back().size};
  }
  const GtidState &gtids() const { return gtids_; }
  std::vector<std::string> paths() const {
    std::vector<std::string> paths;
    for (const Log &log : logs_) paths.push_back(log.path);
    return paths;
  }
  std::vector<LogStart> starts() const {
    Failure failure;
    const auto starts = read_log_starts(paths(), &failure);
    EXPECT_EQ(failure.text(), "");
    return starts;
  }
  BinlogSample now() const {
    BinlogSample sample;
    sample.end = position();
    sample.log_number = log_number_;
    sample.identity =
        binlog_identity(logs_.back().path, sample.end.offset).value();
    sample.gtids = gtids_;
    const BinlogFileFacts facts = read_binlog_header(logs_.back().path);
    sample.receives = receives_;
    sample.resets = resets_;
    sample.log = {logs_.back().path, facts.server_id, facts.gtids_before};
    return sample;
  }
  /* Of the log that is open, as it is known before it is opened. */
  BinlogSample next() const {
    BinlogSample sample;
    sample.gtids = gtids_;
    sample.receives = receives_;
    sample.log = {"", server_id_, gtids_};
    return sample;
  }
  int samples() const { return samples_; }
  /* Happens just before the next sample. */
  void when_sampled(std::function<void()> what) {
    when_sampled_ = std::move(what);
  }

  End end() override { return {position(), log_number_, resets_}; }
  BinlogPosition acknowledged() override { return acknowledged_; }
  bool is_proven(const Demand &demand, const History &history) override {
    demand_ = demand;
    history_ = history;
    return proves_ && demand.acknowledged;
  }
  Owed read_owed(const Demand &) override { return owed_; }
  History arrivals(std::uint64_t resets) override {
    if (resets != arrived_after_) return {};
    return std::exchange(arrivals_, {});
  }
  bool serves() override { return serves_ || served_after_; }
  bool served_earlier() override {
    if (!served_after_ || *served_after_ == resets_) return false;
    served_after_.reset();
    return true;
  }
  std::uint32_t server_id() override { return server_id_; }
  bool receives() override { return receives_; }
  std::optional<Contents> relayed(const std::set<Gtid> &wanted) override {
    if (!relayed_) return std::nullopt;
    Contents found;
    for (const auto &one : *relayed_)
      if (wanted.count(one.first) != 0) found.insert(one);
    return found;
  }
  std::optional<GtidState> passed_over() override { return passed_over_; }
  BinlogSample sample() override {
    ++samples_;
    if (const auto what = std::exchange(when_sampled_, nullptr)) what();
    return now();
  }

 private:
  struct Log {
    std::string path;
    std::uint64_t size;
  };

  void open_next() {
    char name[64];
    std::snprintf(name, sizeof name, "%s.%06lu", base_.c_str(), next_++);
    binlog_bytes::Header header;
    header.server_id = server_id_;
    header.time = ++time_;
    header.flags = binlog_bytes::in_use;
    std::string content =
        binlog_bytes::magic + binlog_bytes::format_description(header);
    header.flags = 0;
    if (encrypted_) {
      header.type = binlog_bytes::start_encryption_event;
      content += binlog_bytes::with_checksum(header, std::string(17, 'k'));
    }
    content += binlog_bytes::gtid_list(gtids_, header);
    logs_.push_back({folder_.write(name, content), content.size()});
    ++log_number_;
  }
  void append(const std::string &bytes) {
    std::ofstream(logs_.back().path, std::ios::binary | std::ios::app) << bytes;
    logs_.back().size += bytes.size();
  }
  void close() {
    std::fstream file(logs_.back().path,
                      std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(4 + 17);
    file.put('\0');
  }

  TestFolder folder_;
  std::string base_ = "bin";
  std::uint32_t server_id_, time_ = 1700000000;
  bool is_transactional_ = true;
  std::string statement_;  // of the next transaction
  std::vector<Log> logs_;
  unsigned long next_ = 1;
  std::uint64_t log_number_ = 0;
  GtidState gtids_;
  BinlogPosition acknowledged_;
  bool encrypted_ = false, receives_ = true, proves_ = true, serves_ = false;
  History arrivals_;
  Owed owed_;
  Demand demand_;
  History history_;
  std::uint64_t resets_ = 0, arrived_after_ = 0;
  std::optional<GtidState> passed_over_;
  std::optional<Contents> relayed_ = Contents();
  std::optional<std::uint64_t> served_after_;
  int samples_ = 0;
  std::function<void()> when_sampled_;
};

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_FAKE_BINLOG_H
