// SPDX-License-Identifier: GPL-2.0-only
/*
  As much of the client/server protocol as it takes to answer a client's first
  command with an error.

  Format: packets of a length (3 bytes), a sequence number (1 byte) and that
  many bytes; one of 0xffffff bytes is continued by the next. A compressing
  client wraps that, from its first command on, into frames: length (3 bytes),
  sequence number (1 byte), uncompressed length (3 bytes; 0: not compressed),
  that many bytes. Lengths are little-endian. An error is the byte 0xff, the
  error number (2 bytes), "#" and the SQLSTATE, and the text to the end of the
  packet. https://mariadb.com/kb/en/clientserver-protocol/
*/
#ifndef RECOVERY_GATE_CLIENT_PROTOCOL_H
#define RECOVERY_GATE_CLIENT_PROTOCOL_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace recovery_gate {

enum class FirstCommand { INCOMPLETE, CHANGE_USER, QUIT, OTHER };

/* Bytes that are enough for first_command(). */
inline constexpr std::size_t enough_of_a_command = 256;

/* What a client's first command looks like, from its first bytes; INCOMPLETE
   when there are too few to tell. A guess: whoever sends packets of no length
   can have anything taken for a command. */
FirstCommand first_command(std::string_view start, bool compressing);

/* Reads a client's first command, which may come in any number of pieces and be
   of any size, and keeps none of it. */
class CommandReader {
 public:
  explicit CommandReader(bool compressing);

  /* True when the command is complete. What a compressing client sends is taken
     for complete at the end of each frame: more may follow. */
  bool read(std::string_view piece);

  /* A part of it has arrived. */
  bool has_begun() const { return begun_; }

  /* The answer's number: the one after the last that was read; 1 if none was.
   */
  std::uint8_t next_sequence_number() const { return next_; }

 private:
  const std::size_t header_size_;
  std::array<std::uint8_t, 7> header_;
  std::size_t header_read_ = 0, body_left_ = 0;
  bool begun_ = false, continues_ = false;
  std::uint8_t next_ = 1;
};

/* The packet of an error, framed for a compressing client. `sqlstate` has 5
   characters; empty for clients before protocol 4.1, which know none. A text of
   more than 512 bytes is cut, as the server does. */
std::string error_packet(std::uint16_t number, std::string_view sqlstate,
                         std::string_view text, std::uint8_t sequence_number,
                         bool compressing);

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_CLIENT_PROTOCOL_H
