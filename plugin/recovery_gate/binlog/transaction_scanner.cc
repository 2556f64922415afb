// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/binlog/transaction_scanner.h"

#include <fmt/format.h>

#include <utility>

namespace recovery_gate {
namespace {

/* All that can end a transaction is shorter by far. */
constexpr std::size_t statement_start = 2048;

/* Prepares for the statement behind it; ends no transaction. */
bool is_prologue(EventType type) {
  switch (type) {
    case EventType::INTVAR:
    case EventType::RAND:
    case EventType::USER_VAR:
    case EventType::TABLE_MAP:
    case EventType::ANNOTATE_ROWS:
      return true;
    default:
      return false;
  }
}

/* Belongs to no transaction, whoever wrote it. */
bool belongs_to_none(const EventHeader &header) {
  switch (header.type) {
    case EventType::START_V3:
    case EventType::SLAVE:
    case EventType::INCIDENT:
    case EventType::HEARTBEAT:
      return true;
    default:
      return is_of_log(header.type) || (header.flags & ignorable_flag) != 0;
  }
}

class Scanner {
 public:
  Scanner(BinlogReader &reader, const ScanOptions &options,
          const TransactionCallback &callback, ScanResult *result)
      : reader_(reader),
        options_(options),
        callback_(callback),
        result_(*result) {}

  void scan() {
    Event event;
    while (reader_.next(&event)) {
      if (options_.verify_all && !is_intact(event)) break;
      if (!take(event)) break;
      ++result_.events;
      if (is_stopped_) {
        result_.end_of_events = event.end();
        settle_end();
        return;
      }
    }
    if (is_open_ && !reader_.error() && reader_.tail() == Tail::CLEAN)
      verify_open(reader_.position());
    result_.end_of_events = reader_.position();
    if (!result_.error) result_.error = reader_.error();
    result_.tail = reader_.tail();
    result_.tail_reason = reader_.tail_reason();
    settle_end();
  }

 private:
  /* False when the event cannot be read. */
  bool take(const Event &event) {
    switch (event.header.type) {
      case EventType::GTID:
        return take_gtid(event);
      case EventType::XID:
        return take_xid(event);
      case EventType::QUERY:
      case EventType::QUERY_COMPRESSED:
        return take_query(event);
      case EventType::XA_PREPARE:
        return take_xa_prepare(event);
      case EventType::BINLOG_CHECKPOINT:
        return take_checkpoint(event);
      case EventType::GTID_LIST:
        return take_gtid_list(event);
      case EventType::ROTATE:
        return take_rotate(event);
      default:
        break;
    }
    if (belongs_to_none(event.header) ||
        (is_open_ && (!is_standalone_ || is_prologue(event.header.type))))
      return true;
    // Only its header says what it is, and that it should be here is rare.
    if (!is_intact(event)) return false;
    if (is_open_)
      finish(event, TransactionKind::STANDALONE);
    else
      begin(event);
    return true;
  }

  /*
    The open transaction has no end where there should be one, at `end`: an
    event of it, of which only the header was read, may have been another once.
    False when there is such a one; the reader is then there, else at `end`.
  */
  bool verify_open(std::uint64_t end) {
    if (!reader_.has_checksums()) return true;
    reader_.seek(transaction_.begin);
    std::uint64_t events = events_before_;
    for (Event event; reader_.position() < end; ++events) {
      if (reader_.next(&event) && is_intact(event)) continue;
      result_.events = events;
      return false;
    }
    return true;
  }

  bool is_intact(const Event &event) {
    const Failure failure = reader_.verify(event);
    return !failure || stays_unread(event, failure);
  }

  template <class Value>
  bool decode_body(const Event &event, Value *value) {
    ByteRange body;
    const Failure failure = reader_.body(event, &body);
    return failure ? stays_unread(event, failure)
                   : is_right(event, decode(event.header, body, value));
  }

  bool is_right(const Event &event, const Failure &failure) {
    if (!failure) return true;
    reader_.reject(event, failure.text());
    return false;
  }

  /* The reader knows itself why, unless the body was merely too large. */
  bool stays_unread(const Event &event, const Failure &failure) {
    if (!reader_.error() && reader_.tail() == Tail::CLEAN) {
      reader_.seek(event.offset);
      result_.error = failure;
    }
    return false;
  }

  bool take_gtid(const Event &event) {
    GtidEvent gtid;
    if (!decode_body(event, &gtid)) return false;
    if (is_open_) {
      if (!verify_open(event.end())) return false;
      transaction_.end = event.offset;
      deliver();
    }
    begin(event);
    is_standalone_ = gtid.standalone;
    transaction_.gtid = gtid.gtid;
    transaction_.xa = std::move(gtid.xa);
    transaction_.extra_engines = gtid.extra_engines;
    transaction_.ddl = gtid.ddl;
    transaction_.transactional = gtid.transactional;
    return true;
  }

  bool take_xid(const Event &event) {
    XidEvent xid;
    if (!decode_body(event, &xid)) return false;
    if (!is_open_) begin(event);
    transaction_.xid = xid.xid;
    finish(event, TransactionKind::COMMIT_XID);
    return true;
  }

  bool take_query(const Event &event) {
    ByteRange body;
    const Failure failure = reader_.body_start(event, statement_start, &body);
    if (failure) return stays_unread(event, failure);
    QueryEvent query;
    if (!is_right(event,
                  decode(event.header, body, reader_.body_size(event), &query)))
      return false;
    if (!is_open_) begin(event);
    if (const auto kind = kind_ended_by(query.kind)) finish(event, *kind);
    return true;
  }

  /* What the open transaction is if this statement ends it. */
  std::optional<TransactionKind> kind_ended_by(QueryKind query) const {
    if (is_standalone_) {
      if (query == QueryKind::XA_COMMIT) return TransactionKind::XA_COMMIT;
      if (query == QueryKind::XA_ROLLBACK) return TransactionKind::XA_ROLLBACK;
      return TransactionKind::STANDALONE;
    }
    if (query == QueryKind::COMMIT) return TransactionKind::COMMIT;
    if (query == QueryKind::ROLLBACK) return TransactionKind::ROLLBACK;
    return std::nullopt;
  }

  bool take_xa_prepare(const Event &event) {
    XaPrepareEvent prepare;
    if (!decode_body(event, &prepare)) return false;
    if (!is_open_) begin(event);
    transaction_.xa = std::move(prepare.xa);
    finish(event, prepare.one_phase ? TransactionKind::XA_COMMIT_ONE_PHASE
                                    : TransactionKind::XA_PREPARE);
    return true;
  }

  bool take_checkpoint(const Event &event) {
    BinlogCheckpointEvent checkpoint;
    if (!decode_body(event, &checkpoint)) return false;
    result_.last_checkpoint = std::move(checkpoint.log);
    return true;
  }

  bool take_gtid_list(const Event &event) {
    GtidListEvent list;
    if (!decode_body(event, &list)) return false;
    if (!result_.gtids_before) result_.gtids_before = std::move(list.gtids);
    return true;
  }

  bool take_rotate(const Event &event) {
    RotateEvent rotate;
    if (!decode_body(event, &rotate)) return false;
    result_.next_log = std::move(rotate.next_log);
    return true;
  }

  void begin(const Event &event) {
    is_open_ = true;
    is_standalone_ = false;
    transaction_ = {};
    transaction_.server_id = event.header.server_id;
    transaction_.marked = event.header.flags & skip_replication_flag;
    transaction_.begin = event.offset;
    events_before_ = result_.events;
  }

  void finish(const Event &event, TransactionKind kind) {
    transaction_.kind = kind;
    transaction_.timestamp = event.header.timestamp;
    transaction_.end = event.end();
    deliver();
  }

  void deliver() {
    is_open_ = false;
    ++result_.transactions;
    if (callback_ && !callback_(transaction_)) is_stopped_ = true;
  }

  void settle_end() {
    result_.end_of_transactions = result_.end_of_events;
    if (!is_open_) return;
    result_.end_of_transactions = transaction_.begin;
    transaction_.end = result_.end_of_events;
    result_.unfinished = std::move(transaction_);
  }

  BinlogReader &reader_;
  const ScanOptions &options_;
  const TransactionCallback &callback_;
  ScanResult &result_;
  Transaction transaction_;
  std::uint64_t events_before_ = 0;  // the open transaction
  bool is_open_ = false, is_standalone_ = false, is_stopped_ = false;
};

/* Of a log whose events cannot be read. */
void find_end(BinlogReader &reader, ScanResult *result) {
  for (Event event; reader.next(&event);) ++result->events;
  result->error = reader.error() ? reader.error() : reader.unreadable();
  result->end_of_events = reader.position();
  result->end_of_transactions = reader.position();
  result->tail = reader.tail();
  result->tail_reason = reader.tail_reason();
}

}  // namespace

const char *to_string(TransactionKind kind) {
  switch (kind) {
    case TransactionKind::COMMIT_XID:
      return "COMMIT_XID";
    case TransactionKind::COMMIT:
      return "COMMIT";
    case TransactionKind::ROLLBACK:
      return "ROLLBACK";
    case TransactionKind::STANDALONE:
      return "STANDALONE";
    case TransactionKind::XA_PREPARE:
      return "XA_PREPARE";
    case TransactionKind::XA_COMMIT_ONE_PHASE:
      return "XA_COMMIT_ONE_PHASE";
    case TransactionKind::XA_COMMIT:
      return "XA_COMMIT";
    case TransactionKind::XA_ROLLBACK:
      return "XA_ROLLBACK";
    case TransactionKind::UNFINISHED:
      return "UNFINISHED";
  }
  return "";
}

ScanResult scan(ByteSource &source, const ScanOptions &options,
                const TransactionCallback &callback) {
  ScanResult result;
  BinlogReader reader(source, options.decryptor);
  result.error = reader.open();
  result.format = reader.format();
  result.is_encrypted = reader.is_encrypted();
  if (result.error) return result;

  const std::uint64_t end = options.to.value_or(source.size());
  if (end > source.size() || options.from > end) {
    result.error = fmt::format("{} has no bytes from {} to {}; it ends at {}",
                               source.name(), options.from, end, source.size());
    return result;
  }
  if (options.from > 0) {
    result.gtids_before = read_gtids_before(reader);
    reader.seek(options.from);
  }
  reader.set_limit(end);
  if (reader.unreadable())
    find_end(reader, &result);
  else
    Scanner(reader, options, callback, &result).scan();
  if (options.to && !result.error && result.tail != Tail::CLEAN)
    result.error =
        fmt::format("no event ends at {}: {}", *options.to, result.tail_reason);
  return result;
}

Failure verify_range(ByteSource &source, std::uint64_t begin, std::uint64_t end,
                     EventDecryptor *decryptor) {
  BinlogReader reader(source, decryptor);
  if (Failure failure = reader.open()) return failure;
  if (reader.unreadable()) return reader.unreadable();
  if (!reader.has_checksums())
    return source.name() +
           " has no checksums: nothing can be verified "
           "(binlog_checksum=NONE)";
  if (begin > end || end > source.size())
    return fmt::format("{} has no bytes from {} to {}", source.name(), begin,
                       end);
  reader.seek(begin);
  reader.set_limit(end);
  for (Event event; reader.next(&event);)
    if (Failure failure = reader.verify(event)) return failure;
  return reader.error() ? reader.error() : reader.tail_reason();
}

}  // namespace recovery_gate
