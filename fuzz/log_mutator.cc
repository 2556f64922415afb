// SPDX-License-Identifier: GPL-2.0-only
/*
  Mutations of logs for libFuzzer that keep them logs: an event is changed, put
  somewhere else, left out or said twice, and lengths, positions and checksums
  are made to fit. Now and then the bytes are changed blindly.
*/
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>

#include "log_parts.h"
#include "recovery_gate/binlog/binlog_events.h"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t *data, std::size_t size,
                                        std::size_t max_size);

namespace recovery_gate::fuzz {
namespace {

constexpr std::size_t type_offset = 4, flags_offset = 17;

class Mutator {
 public:
  Mutator(LogParts parts, unsigned seed)
      : parts_(std::move(parts)), random_(seed) {}

  LogParts mutate() {
    for (unsigned i = 0, times = 1 + below(3); i < times; ++i) once();
    return std::move(parts_);
  }

  LogParts cross(const LogParts &other) {
    if (other.events.empty()) return std::move(parts_);
    const std::size_t first = below(other.events.size());
    const std::size_t count =
        1 + below(std::min<std::size_t>(8, other.events.size() - first));
    const auto from = other.events.begin() + static_cast<long>(first);
    parts_.events.insert(parts_.events.begin() +
                             static_cast<long>(below(parts_.events.size() + 1)),
                         from, from + static_cast<long>(count));
    return std::move(parts_);
  }

 private:
  std::size_t below(std::size_t limit) {
    return limit == 0 ? 0 : random_() % limit;
  }

  void once() {
    auto &events = parts_.events;
    if (events.empty()) return change(&parts_.tail, 0, 4096);
    const std::size_t which = below(events.size());
    const auto here = events.begin() + static_cast<long>(which);
    std::string &event = events[which];
    switch (below(16)) {
      case 0:
        events.insert(
            events.begin() + static_cast<long>(below(events.size() + 1)),
            std::string(event));
        return;
      case 1:
        events.erase(here);
        return;
      case 2:
        std::swap(event, events[below(events.size())]);
        return;
      case 3:
        event[type_offset] = some_type();
        return;
      case 4:
        event[flags_offset + below(2)] ^= static_cast<char>(1u << below(8));
        return;
      case 5:
        return change(&event, 0, event_header_size);
      case 6:
        return set_checksums(below(2) == 0);
      case 7:
        return toggle_encryption();
      case 8:
        return change(&parts_.tail, 0, 64);
      case 9:
        event.resize(std::max(event_header_size, below(event.size() + 1)));
        return;
      case 10:  // the end is what transactions are about
        return change(&events.back(), event_header_size, 512);
      default:
        return change(&event, event_header_size, 512);
    }
  }

  /* Blindly, the bytes from `first` on; at most `growth` come in addition. */
  void change(std::string *bytes, std::size_t first, std::size_t growth) {
    const std::size_t old = bytes->size() - std::min(first, bytes->size());
    const std::size_t most = old + growth;
    bytes->resize(first + most);
    auto *data = reinterpret_cast<std::uint8_t *>(&(*bytes)[first]);
    const std::size_t changed =
        most == 0 ? 0 : LLVMFuzzerMutate(data, old, most);
    bytes->resize(first + changed);
    // An event is no shorter than its header.
    if (bytes != &parts_.tail && bytes->size() < event_header_size)
      bytes->resize(event_header_size);
  }

  char some_type() {
    static constexpr EventType types[] = {
        EventType::QUERY,      EventType::STOP,
        EventType::ROTATE,     EventType::INTVAR,
        EventType::XID,        EventType::FORMAT_DESCRIPTION,
        EventType::XA_PREPARE, EventType::ANNOTATE_ROWS,
        EventType::GTID,       EventType::BINLOG_CHECKPOINT,
        EventType::GTID_LIST,  EventType::START_ENCRYPTION,
        EventType::MYSQL_GTID, EventType::QUERY_COMPRESSED,
        EventType::TABLE_MAP,  EventType::INCIDENT,
    };
    return static_cast<char>(types[below(std::size(types))]);
  }

  void set_checksums(bool on) {
    parts_.has_checksums = on;
    std::string &first = parts_.events.front();
    if (first.size() > event_header_size) first.back() = on ? 1 : 0;
  }

  void toggle_encryption() {
    auto &events = parts_.events;
    if (parts_.nonce) {
      parts_.nonce.reset();
      events.erase(std::remove_if(events.begin(), events.end(),
                                  [](const std::string &event) {
                                    return EventType(event[type_offset]) ==
                                           EventType::START_ENCRYPTION;
                                  }),
                   events.end());
      return;
    }
    Nonce nonce;
    for (unsigned char &byte : nonce)
      byte = static_cast<unsigned char>(random_());
    std::string start(event_header_size, '\0');
    start[type_offset] = static_cast<char>(EventType::START_ENCRYPTION);
    start += std::string("\x01\x01\0\0\0", 5) +
             std::string(nonce.begin(), nonce.end());
    events.insert(events.begin() + 1, start);
    parts_.nonce = nonce;
  }

  LogParts parts_;
  std::minstd_rand random_;
};

std::size_t give(const std::string &log, std::uint8_t *data,
                 std::size_t max_size) {
  const std::size_t size = std::min(log.size(), max_size);
  std::memcpy(data, log.data(), size);
  return size;
}

}  // namespace
}  // namespace recovery_gate::fuzz

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t *data,
                                               std::size_t size,
                                               std::size_t max_size,
                                               unsigned seed) {
  using namespace recovery_gate::fuzz;
  if (seed % 8 == 0) return LLVMFuzzerMutate(data, size, max_size);
  Mutator mutator(take_apart(data, size), seed);
  return give(put_together(mutator.mutate()), data, max_size);
}

extern "C" std::size_t LLVMFuzzerCustomCrossOver(
    const std::uint8_t *a, std::size_t a_size, const std::uint8_t *b,
    std::size_t b_size, std::uint8_t *out, std::size_t max_size,
    unsigned seed) {
  using namespace recovery_gate::fuzz;
  Mutator mutator(take_apart(a, a_size), seed);
  return give(put_together(mutator.cross(take_apart(b, b_size))), out,
              max_size);
}
