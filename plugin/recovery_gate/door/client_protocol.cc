// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/door/client_protocol.h"

#include <zlib.h>

#include <algorithm>

namespace recovery_gate {
namespace {

using namespace std::literals;

constexpr std::size_t packet_header = 4, frame_header = 7;
constexpr std::size_t longest_packet = 0xffffff;
constexpr std::size_t longest_text = 512;
constexpr char com_quit = 0x01, com_change_user = 0x11, error_mark = '\xff';

std::size_t length_at(const std::uint8_t *bytes) {
  return bytes[0] | bytes[1] << 8 | bytes[2] << 16;
}

void append_length(std::size_t length, std::string *out) {
  for (int shift = 0; shift < 24; shift += 8)
    out->push_back(static_cast<char>(length >> shift & 0xff));
}

/* As much of the first packet as it takes, out of a frame; shorter when the
   frame has not arrived. */
std::string first_of_frame(std::string_view frame) {
  constexpr std::size_t wanted = packet_header + 1;
  if (frame.size() < frame_header) return {};
  const bool is_compressed = frame.substr(4, 3) != "\0\0\0"sv;
  frame.remove_prefix(frame_header);
  if (!is_compressed) return std::string(frame.substr(0, wanted));

  z_stream stream{};
  std::string first(wanted, '\0');
  stream.next_in = reinterpret_cast<Bytef *>(const_cast<char *>(frame.data()));
  stream.avail_in = static_cast<uInt>(frame.size());
  stream.next_out = reinterpret_cast<Bytef *>(first.data());
  stream.avail_out = static_cast<uInt>(first.size());
  if (inflateInit(&stream) != Z_OK) return {};
  inflate(&stream, Z_SYNC_FLUSH);
  inflateEnd(&stream);
  first.resize(wanted - stream.avail_out);
  return first;
}

}  // namespace

FirstCommand first_command(std::string_view start, bool compressing) {
  std::string first;
  if (compressing) {
    first = first_of_frame(start);
    start = first;
  }
  if (start.size() <= packet_header) return FirstCommand::INCOMPLETE;
  switch (start[packet_header]) {
    case com_quit:
      return start.substr(0, packet_header) == "\1\0\0\0"sv
                 ? FirstCommand::QUIT
                 : FirstCommand::OTHER;
    case com_change_user:
      return FirstCommand::CHANGE_USER;
    default:
      return FirstCommand::OTHER;
  }
}

CommandReader::CommandReader(bool compressing)
    : header_size_(compressing ? frame_header : packet_header) {}

bool CommandReader::read(std::string_view piece) {
  while (!piece.empty()) {
    begun_ = true;
    if (header_read_ < header_size_) {
      const std::size_t part =
          std::min(piece.size(), header_size_ - header_read_);
      std::copy_n(piece.begin(), part, header_.begin() + header_read_);
      piece.remove_prefix(part);
      header_read_ += part;
      if (header_read_ < header_size_) return false;
      body_left_ = length_at(header_.data());
      continues_ =
          header_size_ == packet_header && body_left_ == longest_packet;
      next_ = static_cast<std::uint8_t>(header_[3] + 1);
    }
    const std::size_t part = std::min(piece.size(), body_left_);
    piece.remove_prefix(part);
    body_left_ -= part;
    if (body_left_ == 0) header_read_ = 0;
  }
  return begun_ && header_read_ == 0 && !continues_;
}

std::string error_packet(std::uint16_t number, std::string_view sqlstate,
                         std::string_view text, std::uint8_t sequence_number,
                         bool compressing) {
  text = text.substr(0, longest_text);
  std::string body{error_mark, static_cast<char>(number & 0xff),
                   static_cast<char>(number >> 8)};
  if (!sqlstate.empty()) body.append("#").append(sqlstate);
  body.append(text);

  const char sequence = static_cast<char>(sequence_number);
  std::string packet;
  if (compressing) {
    append_length(packet_header + body.size(), &packet);
    packet.push_back(sequence);
    append_length(0, &packet);
  }
  append_length(body.size(), &packet);
  packet.push_back(sequence);
  return packet + body;
}

}  // namespace recovery_gate
