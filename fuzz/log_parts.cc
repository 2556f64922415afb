// SPDX-License-Identifier: GPL-2.0-only
#include "log_parts.h"

#include <zlib.h>

#include <cstring>

#include "recovery_gate/binlog/binlog_events.h"
#include "toy_cipher.h"

namespace recovery_gate::fuzz {
namespace {

constexpr std::size_t time_offset = 0, type_offset = 4, length_offset = 9,
                      end_offset = 13, flags_offset = 17;
constexpr std::size_t algorithm_size = 1, nonce_offset = 5;

void put_32(char *p, std::uint64_t value) {
  for (int i = 0; i < 4; ++i, value >>= 8) p[i] = static_cast<char>(value);
}

unsigned char *bytes_of(std::string *text) {
  return reinterpret_cast<unsigned char *>(text->data());
}

EventType type_of(const std::string &event) {
  return EventType(static_cast<unsigned char>(event[type_offset]));
}

/* In both directions; the length is in the clear. `event` begins at `offset`.
 */
void crypt(std::string *event, const Nonce &nonce, std::uint64_t offset) {
  EventDecryptor::Iv iv;
  std::memcpy(iv.data(), nonce.data(), nonce.size());
  for (std::size_t i = 0; i < 4; ++i)
    iv[nonce.size() + i] = static_cast<unsigned char>(offset >> 8 * i);
  toy_crypt(iv, bytes_of(event) + type_offset, event->size() - type_offset,
            bytes_of(event) + type_offset);
}

void decrypt(std::string *event, const Nonce &nonce, std::uint64_t offset) {
  std::memcpy(&(*event)[length_offset], &(*event)[time_offset], 4);
  crypt(event, nonce, offset);
  std::memcpy(&(*event)[time_offset], &(*event)[length_offset], 4);
}

void encrypt(std::string *event, const Nonce &nonce, std::uint64_t offset) {
  std::memcpy(&(*event)[length_offset], &(*event)[time_offset], 4);
  crypt(event, nonce, offset);
  std::memcpy(&(*event)[time_offset], &(*event)[length_offset], 4);
  put_32(&(*event)[length_offset], event->size());
}

std::optional<Nonce> nonce_of(const std::string &event) {
  Nonce nonce;
  if (event.size() < event_header_size + nonce_offset + nonce.size())
    return std::nullopt;
  std::memcpy(nonce.data(), &event[event_header_size + nonce_offset],
              nonce.size());
  return nonce;
}

void seal(std::string *event) {
  const unsigned char flags =
      static_cast<unsigned char>((*event)[flags_offset]);
  const bool describes = type_of(*event) == EventType::FORMAT_DESCRIPTION;
  if (describes)
    (*event)[flags_offset] = static_cast<char>(flags & ~in_use_flag);
  const auto crc = crc32(0, bytes_of(event), static_cast<uInt>(event->size()));
  (*event)[flags_offset] = static_cast<char>(flags);
  event->append(event_checksum_size, '\0');
  put_32(&(*event)[event->size() - event_checksum_size], crc);
}

}  // namespace

LogParts take_apart(const unsigned char *data, std::size_t size) {
  LogParts parts;
  std::size_t at = 0;
  if (size >= binlog_magic.size() &&
      std::memcmp(data, binlog_magic.data(), binlog_magic.size()) == 0)
    at = binlog_magic.size();
  while (at != 0 && size - at >= event_header_size) {
    const std::size_t length = wire::number_32(data + at + length_offset);
    if (length < event_header_size || length > size - at) break;
    std::string event(reinterpret_cast<const char *>(data + at), length);
    if (parts.nonce) decrypt(&event, *parts.nonce, at);
    const bool describes = type_of(event) == EventType::FORMAT_DESCRIPTION;
    if (parts.events.empty() && describes &&
        length > event_header_size + algorithm_size + event_checksum_size)
      parts.has_checksums = event[length - event_checksum_size - 1] == 1;
    if ((parts.has_checksums || describes) &&
        length >= event_header_size + event_checksum_size)
      event.resize(length - event_checksum_size);
    if (!parts.nonce && type_of(event) == EventType::START_ENCRYPTION)
      parts.nonce = nonce_of(event);
    parts.events.push_back(std::move(event));
    at += length;
  }
  parts.tail.assign(reinterpret_cast<const char *>(data + at), size - at);
  return parts;
}

std::string put_together(const LogParts &parts) {
  std::string log;
  if (!parts.events.empty())
    log.assign(binlog_magic.begin(), binlog_magic.end());
  bool encrypting = false;
  for (std::string event : parts.events) {
    const EventType type = type_of(event);
    const bool has_checksum =
        parts.has_checksums || type == EventType::FORMAT_DESCRIPTION;
    const std::size_t length =
        event.size() + (has_checksum ? event_checksum_size : 0);
    put_32(&event[length_offset], length);
    put_32(&event[end_offset], log.size() + length);
    if (has_checksum) seal(&event);
    if (encrypting && parts.nonce) encrypt(&event, *parts.nonce, log.size());
    if (type == EventType::START_ENCRYPTION) encrypting = true;
    log += event;
  }
  return log + parts.tail;
}

}  // namespace recovery_gate::fuzz
