// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/binlog/transaction_content.h"

#include <cstddef>

namespace recovery_gate {
namespace {

/* Where the body of an event on rows, or of a table map, goes on behind the
   table's number and flags. */
constexpr std::size_t after_table_number = 8;

/* FNV-1a, of 64 bits. */
class Sum {
 public:
  void add(const unsigned char *bytes, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      value_ ^= bytes[i];
      value_ *= 0x100000001b3;
    }
  }
  void add_number(std::uint64_t number) {
    for (int i = 0; i < 8; ++i, number >>= 8) {
      const auto byte = static_cast<unsigned char>(number);
      add(&byte, 1);
    }
  }
  /* With their number, so that what follows is not taken for part of them. */
  void add_all(ByteRange bytes) {
    add_number(bytes.size);
    add(bytes.data, bytes.size);
  }
  void add_all(std::string_view text) {
    add_all(
        {reinterpret_cast<const unsigned char *>(text.data()), text.size()});
  }
  std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0xcbf29ce484222325;
};

class Content {
 public:
  explicit Content(BinlogReader &reader) : reader_(reader) {}

  /* False when nothing can be said any more. */
  bool add(const Event &event) {
    switch (event.header.type) {
      case EventType::GTID:
      case EventType::ANNOTATE_ROWS:
        return true;
      case EventType::XID:
        return end(QueryKind::COMMIT);
      case EventType::QUERY:
      case EventType::QUERY_COMPRESSED:
        return add_query(event);
      case EventType::TABLE_MAP:
      case EventType::WRITE_ROWS:
      case EventType::UPDATE_ROWS:
      case EventType::DELETE_ROWS:
      case EventType::WRITE_ROWS_COMPRESSED:
      case EventType::UPDATE_ROWS_COMPRESSED:
      case EventType::DELETE_ROWS_COMPRESSED:
        return add_body(event, after_table_number);
      case EventType::INTVAR:
      case EventType::RAND:
      case EventType::USER_VAR:
      case EventType::XA_PREPARE:
        return add_body(event, 0);
      default:
        return false;
    }
  }

  std::optional<std::uint64_t> value() const {
    if (!changes_something_) return std::nullopt;
    return sum_.value();
  }

 private:
  bool end(QueryKind kind) {
    sum_.add_number(static_cast<std::uint64_t>(kind));
    return true;
  }

  bool add_query(const Event &event) {
    ByteRange body;
    QueryEvent query;
    if (reader_.body(event, &body) || decode(event.header, body, &query))
      return false;
    if (query.kind == QueryKind::BEGIN) return true;
    if (query.kind == QueryKind::COMMIT || query.kind == QueryKind::ROLLBACK)
      return end(query.kind);
    add_head(event);
    sum_.add_all(query.context);
    sum_.add_all(query.database);
    sum_.add_all(query.statement);
    return true;
  }

  bool add_body(const Event &event, std::size_t from) {
    ByteRange body;
    if (reader_.body(event, &body) || body.size < from) return false;
    add_head(event);
    sum_.add_all(ByteRange{body.data + from, body.size - from});
    return true;
  }

  /* When it happened: the same statement says something else an hour later. */
  void add_head(const Event &event) {
    changes_something_ = true;
    sum_.add_number(static_cast<std::uint64_t>(event.header.type));
    sum_.add_number(event.header.timestamp);
  }

  BinlogReader &reader_;
  Sum sum_;
  bool changes_something_ = false;
};

}  // namespace

std::optional<std::uint64_t> content_of(ByteSource &source, std::uint64_t begin,
                                        std::uint64_t end,
                                        EventDecryptor *decryptor) {
  BinlogReader reader(source, decryptor);
  if (reader.open() || reader.unreadable() || end > source.size())
    return std::nullopt;
  reader.seek(begin);
  reader.set_limit(end);
  Content content(reader);
  for (Event event; reader.next(&event);)
    if (!content.add(event)) return std::nullopt;
  if (reader.error() || reader.tail() != Tail::CLEAN) return std::nullopt;
  return content.value();
}

Contents contents_in_relay_log(ByteSource &source, const std::set<Gtid> &wanted,
                               std::uint64_t most) {
  Contents found;
  BinlogReader reader(source);
  // Which refuses it, since its transactions are another server's.
  if (!reader.open() || !reader.format().is_relay_log) return found;
  // Events say where they end in that server's binary log.
  reader.seek_by_lengths(binlog_magic.size());
  reader.set_limit(most);
  Gtid gtid;
  std::optional<Content> content;
  const auto finish = [&] {
    if (content)
      if (const auto value = content->value()) found.emplace(gtid, value);
    content.reset();
  };
  for (Event event; reader.next(&event);) {
    switch (event.header.type) {
      case EventType::GTID: {
        finish();
        ByteRange body;
        GtidEvent begins;
        if (reader.body(event, &body) || decode(event.header, body, &begins))
          return found;
        gtid = begins.gtid;
        if (wanted.count(gtid) != 0) content.emplace(reader);
        break;
      }
      case EventType::FORMAT_DESCRIPTION:
      case EventType::GTID_LIST:
      case EventType::ROTATE:
        finish();
        break;
      default:
        if (content && !content->add(event)) content.reset();
    }
  }
  finish();
  return found;
}

Contents contents_in_relay_logs(const std::vector<std::string> &logs,
                                const std::set<Gtid> &wanted,
                                std::uint64_t most) {
  Contents found;
  for (const std::string &log : logs) {
    FileSource source;
    if (source.open(log)) continue;
    found.merge(contents_in_relay_log(source, wanted, most));
    most -= std::min(most, source.size());
  }
  return found;
}

}  // namespace recovery_gate
