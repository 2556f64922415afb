// SPDX-License-Identifier: GPL-2.0-only
/*
  Binary logs as a server writes them, in memory, with lengths, end positions
  and checksums right, so that a test can make one of them wrong. Encrypted ones
  have a cipher of the tests' own.
*/
#ifndef RECOVERY_GATE_TEST_LOG_H
#define RECOVERY_GATE_TEST_LOG_H

#include <gmock/gmock.h>
#include <zlib.h>

#include <string>
#include <utility>
#include <vector>

#include "recovery_gate/binlog/binlog_reader.h"
#include "testing/test_folder.h"

namespace recovery_gate {

inline std::string little_endian(std::uint64_t value, int bytes) {
  std::string text;
  for (; bytes > 0; --bytes, value >>= 8) text += static_cast<char>(value);
  return text;
}

inline ByteRange range(const std::string &bytes) {
  return {reinterpret_cast<const unsigned char *>(bytes.data()), bytes.size()};
}

/* Encrypts and decrypts alike, each byte by the IV and by its block, and an
   incomplete last block in another way, as block ciphers have to. */
inline void toy_cipher(const EventDecryptor::Iv &iv, const unsigned char *in,
                       std::size_t size, unsigned char *out) {
  for (std::size_t i = 0; i < size; ++i)
    out[i] = static_cast<unsigned char>(in[i] ^ iv[i % 16] ^ (i / 16 * 37) ^
                                        (i < size / 16 * 16 ? 0x5a : 0xa5));
}

class ToyDecryptor final : public EventDecryptor {
 public:
  Failure start(unsigned scheme, std::uint32_t key_version) override {
    scheme_ = scheme;
    key_version_ = key_version;
    return start_error;
  }
  bool decrypt(const Iv &iv, const unsigned char *in, std::size_t size,
               unsigned char *out) override {
    largest = std::max(largest, size);
    toy_cipher(iv, in, size, out);
    return !fails;
  }

  std::string start_error;
  bool fails = false;
  unsigned scheme_ = 0;
  std::uint32_t key_version_ = 0;
  std::size_t largest = 0;
};

class TestLog {
 public:
  explicit TestLog(bool has_checksums = true, std::uint16_t flags = 0)
      : has_checksums_(has_checksums) {
    bytes_ =
        "\xfe"
        "bin";
    add_format_description(flags);
  }

  const std::string &bytes() const { return bytes_; }
  std::uint64_t size() const { return bytes_.size(); }
  /* Where the n-th event begins, from 0, the format description. */
  std::uint64_t offset(std::size_t n) const { return offsets_.at(n); }
  const std::vector<std::uint64_t> &offsets() const { return offsets_; }

  TestLog &add(EventType type, const std::string &body,
               std::uint16_t flags = 0) {
    const std::size_t length = event_header_size + body.size() +
                               (has_checksums_ ? event_checksum_size : 0);
    std::string event = header(type, length, flags) + body;
    if (has_checksums_) event += checksum(event);
    append(std::move(event));
    return *this;
  }

  TestLog &gtid(std::uint64_t sequence, unsigned flags = 0,
                std::string behind = "") {
    behind.resize(std::max<std::size_t>(behind.size(), 6));
    return add(EventType::GTID, little_endian(sequence, 8) +
                                    little_endian(domain, 4) +
                                    static_cast<char>(flags) + behind);
  }
  TestLog &xid(std::uint64_t number) {
    return add(EventType::XID, little_endian(number, 8));
  }
  static std::string query_body(const std::string &statement,
                                const std::string &variables = "\x01\x02\x03") {
    return little_endian(7, 4) + little_endian(0, 4) + '\x01' +
           little_endian(0, 2) + little_endian(variables.size(), 2) +
           variables + "d" + '\0' + statement;
  }
  TestLog &query(const std::string &statement) {
    return add(EventType::QUERY, query_body(statement));
  }
  TestLog &rows(std::size_t size = 40) {
    return add(EventType(23), std::string(size, '\xff'));
  }
  TestLog &checkpoint(const std::string &log) {
    return add(EventType::BINLOG_CHECKPOINT,
               little_endian(log.size(), 4) + log);
  }
  TestLog &rotate(const std::string &log) {
    return add(EventType::ROTATE, little_endian(4, 8) + log);
  }
  TestLog &gtid_list(const GtidState &gtids) {
    std::string body = little_endian(gtids.size(), 4);
    for (const auto &[source, number] : gtids)
      body += little_endian(source.domain, 4) +
              little_endian(source.server_id, 4) + little_endian(number, 8);
    return add(EventType::GTID_LIST, body);
  }
  static std::string xa_prepare_body(bool one_phase) {
    return std::string(1, one_phase ? '\1' : '\0') + little_endian(9, 4) +
           little_endian(2, 4) + little_endian(1, 4) + "abc";
  }
  /* What a GTID event says of it, behind the flags. */
  static std::string xa_of_gtid() {
    return little_endian(9, 4) + "\2\1" + "abc";
  }

  TestLog &encrypt() {
    add(EventType::START_ENCRYPTION,
        '\1' + little_endian(77, 4) + "0123456789ab", ignorable_flag);
    is_encrypted_ = true;
    return *this;
  }

  /* A transaction as most are. */
  TestLog &transaction(std::uint64_t sequence, std::size_t row_size = 40) {
    return gtid(sequence).rows(row_size).xid(1000 + sequence);
  }

  std::uint32_t server_id = 1, domain = 0;

 private:
  std::string header(EventType type, std::size_t length,
                     std::uint16_t flags) const {
    return little_endian(1700000000, 4) + static_cast<char>(type) +
           little_endian(server_id, 4) + little_endian(length, 4) +
           little_endian(bytes_.size() + length, 4) + little_endian(flags, 2);
  }

  static std::string checksum(const std::string &bytes) {
    return little_endian(crc32_z(0, range(bytes).data, bytes.size()), 4);
  }

  void add_format_description(std::uint16_t flags) {
    std::string version = "10.11.18-MariaDB-test";
    version.resize(50);
    std::string sizes(171, '\0');
    sizes[2 - 1] = 13;
    sizes[4 - 1] = 8;
    sizes[161 - 1] = 4;
    sizes[162 - 1] = 19;
    sizes[163 - 1] = 4;
    const std::string body = little_endian(4, 2) + version +
                             little_endian(1700000000, 4) + '\x13' + sizes +
                             (has_checksums_ ? '\1' : '\0');
    const std::size_t length =
        event_header_size + body.size() + event_checksum_size;
    std::string event =
        header(EventType::FORMAT_DESCRIPTION, length, flags & ~in_use_flag) +
        body;
    event += checksum(event);
    event.replace(17, 2, little_endian(flags, 2));
    append(std::move(event));
  }

  void append(std::string event) {
    offsets_.push_back(bytes_.size());
    bytes_ += is_encrypted_ ? encrypted(std::move(event)) : std::move(event);
  }

  /* As the server does, sql/log_event_server.cc, Log_event_writer. */
  std::string encrypted(std::string event) const {
    EventDecryptor::Iv iv;
    const std::string text = "0123456789ab" + little_endian(bytes_.size(), 4);
    std::copy(text.begin(), text.end(), iv.begin());
    const std::string length = event.substr(9, 4);
    event.replace(9, 4, event.substr(0, 4));
    std::string cipher = event.substr(4);
    toy_cipher(iv, range(event).data + 4, cipher.size(),
               reinterpret_cast<unsigned char *>(cipher.data()));
    const std::string displaced = cipher.substr(5, 4);
    return displaced + cipher.replace(5, 4, length);
  }

  const bool has_checksums_;
  bool is_encrypted_ = false;
  std::string bytes_;
  std::vector<std::uint64_t> offsets_;
};

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_TEST_LOG_H
