// SPDX-License-Identifier: GPL-2.0-only
/*
  One event, header and body, given to each of the decoders: whatever the type
  in its header says, none of them may read beyond it or hand out what is not in
  it.
*/
#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>

#include "expect.h"
#include "log_parts.h"
#include "recovery_gate/binlog/binlog_events.h"

namespace recovery_gate::fuzz {
namespace {

bool is_inside(std::string_view part, ByteRange body) {
  if (part.empty()) return true;
  const auto *first = reinterpret_cast<const unsigned char *>(part.data());
  return first >= body.data && first + part.size() <= body.data + body.size;
}

void expect_valid(const XaId &xa) {
  EXPECT(xa.gtrid.size() <= 64);
  EXPECT(xa.bqual.size() <= 64);
}

void decode_query(const EventHeader &header, ByteRange body) {
  QueryEvent whole, part;
  if (!decode(header, body, &whole)) {
    EXPECT(is_inside(whole.database, body));
    EXPECT(is_inside(whole.statement, body));
  }
  // The first bytes say nothing else, or less.
  for (std::size_t size = 0; size < body.size; size = size * 2 + 1) {
    const ByteRange start{body.data, size};
    if (decode(header, start, body.size, &part)) continue;
    EXPECT(is_inside(part.statement, start));
    EXPECT(is_inside(part.database, start));
  }
}

void decode_all(const EventHeader &header, ByteRange body) {
  to_string(header.type);
  FormatDescription description;
  if (!decode(header, body, &description)) {
    EXPECT(description.server_version.size() <= 50);
    EXPECT(description.event_types <= body.size);
  }
  GtidEvent gtid;
  if (!decode(header, body, &gtid)) {
    if (gtid.xa) expect_valid(*gtid.xa);
    to_string(gtid.gtid);
  }
  GtidListEvent list;
  if (!decode(header, body, &list)) EXPECT(list.gtids.size() <= body.size / 16);
  XidEvent xid;
  static_cast<void>(decode(header, body, &xid));
  XaPrepareEvent prepare;
  if (!decode(header, body, &prepare)) expect_valid(prepare.xa);
  decode_query(header, body);
  RotateEvent rotate;
  if (!decode(header, body, &rotate))
    EXPECT(rotate.next_log.size() <= body.size);
  BinlogCheckpointEvent checkpoint;
  if (!decode(header, body, &checkpoint))
    EXPECT(checkpoint.log.size() <= body.size);
  StartEncryptionEvent encryption;
  static_cast<void>(decode(header, body, &encryption));
}

void decode_event(const unsigned char *data, std::size_t size) {
  has_valid_checksum({data, size});
  if (size < event_header_size) return;
  decode_all(decode_header(data),
             {data + event_header_size, size - event_header_size});
}

}  // namespace
}  // namespace recovery_gate::fuzz

/* An event, or a log with any number of them. */
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data,
                                      std::size_t size) {
  using namespace recovery_gate::fuzz;
  decode_event(data, size);
  for (const std::string &event : take_apart(data, size).events) {
    // Of exactly that size, so that AddressSanitizer sees its end.
    const std::unique_ptr<unsigned char[]> copy(
        new unsigned char[event.size()]);
    std::copy(event.begin(), event.end(), copy.get());
    decode_event(copy.get(), event.size());
  }
  return 0;
}
