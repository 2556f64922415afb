// SPDX-License-Identifier: GPL-2.0-only
/*
  Walks over one binary log, event by event.

    FileSource file;
    if (Failure failure = file.open(path)) return failure;
    BinlogReader reader(file);
    if (Failure failure = reader.open()) return failure;
    for (Event event; reader.next(&event);) ...
    return reader.error();

  Only headers are read, and what comes along with them; the body of an event is
  read when it is asked for. While events are small, they are read ahead in
  blocks; the bodies of large ones are left out.

  Memory: one block, `read_ahead` bytes, and once a body is asked for that is
  larger, `body_limit` bytes at most; of an encrypted log, twice that. None of
  it depends on what is in the log.
*/
#ifndef RECOVERY_GATE_BINLOG_READER_H
#define RECOVERY_GATE_BINLOG_READER_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "recovery_gate/base/failure.h"
#include "recovery_gate/binlog/binlog_events.h"
#include "recovery_gate/binlog/byte_source.h"

namespace recovery_gate {

/*
  The cipher of an encrypted log, with the key: the server's, or a test's. What
  the format adds to it, the reader does.
*/
class EventDecryptor {
 public:
  using Iv = std::array<unsigned char, 16>;

  virtual ~EventDecryptor() = default;

  /* A log begins that is encrypted so. Fails when it cannot be decrypted. */
  virtual Failure start(unsigned scheme, std::uint32_t key_version) = 0;

  /*
    Decrypts what was encrypted as one piece from `iv` on, without padding: all
    of it, or its beginning, `size` being a multiple of 16 then. `in` and `out`
    do not overlap. Returns false when that fails.
  */
  virtual bool decrypt(const Iv &iv, const unsigned char *in, std::size_t size,
                       unsigned char *out) = 0;
};

struct Event {
  EventHeader header;
  std::uint64_t offset = 0;

  std::uint64_t end() const { return offset + header.length; }
};

/* What comes after the last event that can be read. */
enum class Tail {
  /* Nothing. */
  CLEAN,
  /* Bytes in which no further event can be found: the last event was not
     written as a whole, as when the machine crashed. */
  TORN,
  /* Events: something in the middle was damaged. */
  DAMAGED,
};

/* "CLEAN" and so on */
const char *to_string(Tail tail);

class BinlogReader {
 public:
  static constexpr std::size_t read_ahead = 128 * 1024;
  static constexpr std::size_t body_limit = 1024 * 1024;

  /* Both must outlive the reader. Without a decryptor, of the events of an
     encrypted log only position and length can be read. */
  explicit BinlogReader(ByteSource &source,
                        EventDecryptor *decryptor = nullptr);

  /*
    Once, first. Reads the format description event, and the one that says that
    the log is encrypted. A failure says what the file is instead of a binary
    log of MariaDB 10.0 or later, and what can be done; next() then returns
    false.
  */
  Failure open();

  /* Of the log; after an open() that failed, what could be read of it. */
  const FormatDescription &format() const { return format_; }
  /* Whatever open() has returned: the file begins as a binary log does, and
     format() says at least whether it is in use and who wrote it. */
  bool is_binlog() const { return is_binlog_; }
  bool has_checksums() const {
    return format_.checksums == ChecksumAlgorithm::CRC32;
  }

  bool is_encrypted() const { return encryption_.has_value(); }
  /* Encrypted, and there is no key: of the events' headers only the length
     means anything, there are no bodies, and this says why. Else none. */
  const Failure &unreadable() const { return unreadable_; }

  /*
    The next event; the format description is the first. False at the end of the
    log, or when reading fails: error() and tail() then say which. The length is
    such that the event is inside the log, and the end position, where there is
    one, is where it ends.
  */
  bool next(Event *event) {
    if (position_ - block_start_ < headers_ahead_) {
      const unsigned char *p = block_.data() + (position_ - block_start_);
      event->header = decode_header(p);
      event->offset = position_;
      const std::uint64_t end = position_ + event->header.length;
      if (event->header.length >= event_header_size && end <= limit_ &&
          ends_at(event->header, end)) {
        last_ = position_;
        position_ = end;
        return true;
      }
    }
    return next_slowly(event);
  }

  /*
    Continues at `offset`, where an event begins, also after next() has returned
    false. If none does, next() returns false, and tail() is not CLEAN. After
    open().
  */
  void seek(std::uint64_t offset);

  /*
    Continues like seek(), also without open() or after one that failed. Of a
    header, next() believes the length from now on and nothing else: all that
    can be known of a log without its keys, or of another release's. There are
    no bodies, and whatever cannot be an event is TORN.
  */
  void seek_by_lengths(std::uint64_t offset);

  /* next() goes no further than this: an event that ends later is torn. Not
     more than the source's size, which it is at first. After open(). */
  void set_limit(std::uint64_t limit);

  /*
    These four are about `event`, which next() has returned. A failure names the
    event's place. When the event itself is wrong the walk ends there, as if
    next() had come upon it; when reading failed, error() says so too. A body is
    valid until the next call.
  */

  /* Without the checksum, which has been verified. One that is larger than
     body_limit is refused. */
  Failure body(const Event &event, ByteRange *body);

  /* The first `size` bytes of it, not more than 4096, or, verified, all of it
     when it is no larger. */
  Failure body_start(const Event &event, std::size_t size, ByteRange *body);

  /* Verifies the checksum of an event of any size, but of an encrypted one that
     is larger than body_limit. Nothing when the log has no checksums. */
  Failure verify(const Event &event);

  /* The caller finds that the event cannot be: `why` is what mariadb-binlog
     would print behind its name. */
  void reject(const Event &event, const std::string &why);

  /* The size of the body of `event`, without the checksum. */
  std::size_t body_size(const Event &event) const {
    const std::size_t around =
        event_header_size + (has_checksums() ? event_checksum_size : 0);
    return event.header.length < around ? 0 : event.header.length - around;
  }

  /* When next() has returned false: */

  /* Why reading failed, if it did. tail() then means nothing. */
  const Failure &error() const { return error_; }
  Tail tail() const { return tail_; }
  /* Why the tail is not CLEAN, with the offset. */
  const std::string &tail_reason() const { return tail_reason_; }
  /* End of the last event that was right, or where seek() went. */
  std::uint64_t position() const { return position_; }

 private:
  struct Encryption {
    StartEncryptionEvent start;
    std::uint64_t from = 0;  // events before this are in the clear
  };

  bool ends_at(const EventHeader &header, std::uint64_t end) const {
    return header.end_position == static_cast<std::uint32_t>(end) ||
           header.end_position == 0 || goes_by_lengths_;
  }

  Failure open_format();
  Failure open_encryption();
  Failure rejected(const Event &event, const std::string &why);
  bool next_slowly(Event *event);
  bool read_header(std::uint64_t offset, std::uint64_t remaining,
                   EventHeader *header);
  unsigned char *at(std::uint64_t offset, std::size_t count);
  unsigned char *at_any_size(std::uint64_t offset, std::size_t count);
  bool read(std::uint64_t offset, unsigned char *to, std::size_t wanted,
            std::size_t needed, std::size_t *got);
  const unsigned char *start_of(const Event &event, std::size_t count);
  const unsigned char *decrypt(std::uint64_t offset, unsigned char *event,
                               std::size_t count);
  bool is_in_clear(std::uint64_t offset) const {
    return !encryption_ || offset < encryption_->from;
  }
  bool is_event_at(std::uint64_t offset, std::uint64_t *end);
  bool finds_event_from(std::uint64_t offset);
  void end_walk(std::uint64_t offset, std::optional<std::uint64_t> next,
                const std::string &why);
  void fail(const std::string &why);

  ByteSource &source_;
  EventDecryptor *const decryptor_;
  FormatDescription format_;
  std::optional<Encryption> encryption_;
  Failure unreadable_, error_;
  std::string tail_reason_;
  Tail tail_ = Tail::CLEAN;
  bool is_at_end_ = true, is_binlog_ = false, goes_by_lengths_ = false;

  std::vector<unsigned char> block_;  // read ahead
  std::uint64_t block_start_ = 0;     // its offset in the log
  std::size_t block_filled_ = 0;
  /* How many offsets there are in the block at which a whole header could be
     read as it is there; 0 in an encrypted log, and at the end. */
  std::size_t headers_ahead_ = 0;
  std::size_t next_read_;
  std::uint64_t run_start_ = 0;  // where reading went on after the last skip
  std::vector<unsigned char> large_, plain_;
  std::uint64_t last_ = 0;  // where the last event begins
  std::uint64_t position_ = 0, limit_ = 0;
};

/* The last transactions before this log, which stand in its first events;
   nothing when it does not say so, or cannot be read. Right after open(). */
std::optional<GtidState> read_gtids_before(BinlogReader &reader);

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_BINLOG_READER_H
