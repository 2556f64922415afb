// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/door/client_protocol.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <string>

namespace recovery_gate {
namespace {

using namespace std::literals;

/* -------------------------------------------------------------------------
   What a first command looks like. */

TEST(FirstCommand, IsToldByItsFirstByte) {
  EXPECT_EQ(first_command("\1\0\0\0\x01"sv, false), FirstCommand::QUIT);
  EXPECT_EQ(first_command("\7\0\0\0\x11root"sv, false),
            FirstCommand::CHANGE_USER);
  EXPECT_EQ(first_command("\7\0\0\0\x03SELECT"sv, false), FirstCommand::OTHER);
}

TEST(FirstCommand, OfACompressingClientIsInAFrame) {
  EXPECT_EQ(first_command("\5\0\0\0\0\0\0\1\0\0\0\x01"sv, true),
            FirstCommand::QUIT);
  EXPECT_EQ(first_command("\x30\0\0\0\0\0\0\x2c\0\0\0\x11"sv, true),
            FirstCommand::CHANGE_USER);
  // The same without frames is something else.
  EXPECT_EQ(first_command("\7\0\0\0\x11root\0\0\0\0"sv, true),
            FirstCommand::INCOMPLETE);
}

std::string compressed(const std::string &packet) {
  std::string body(compressBound(packet.size()), '\0');
  uLongf length = body.size();
  EXPECT_EQ(
      compress(reinterpret_cast<Bytef *>(body.data()), &length,
               reinterpret_cast<const Bytef *>(packet.data()), packet.size()),
      Z_OK);
  body.resize(length);
  return std::string{static_cast<char>(length),        0, 0, 0,
                     static_cast<char>(packet.size()), 0, 0} +
         body;
}

TEST(FirstCommand, IsReadFromWhatIsCompressed) {
  const std::string attributes(120, 'a');
  EXPECT_EQ(first_command(compressed("\x7d\0\0\0\x11root"s + attributes), true),
            FirstCommand::CHANGE_USER);
  EXPECT_EQ(first_command(compressed("\x7d\0\0\0\x03text"s + attributes), true),
            FirstCommand::OTHER);
  EXPECT_EQ(first_command("\5\0\0\0\x30\0\0 this is no zlib stream"sv, true),
            FirstCommand::INCOMPLETE);
}

TEST(FirstCommand, CannotBeToldFromTooLittle) {
  const std::string quit = "\1\0\0\0\x01"s;
  for (std::size_t length = 0; length < quit.size(); ++length)
    EXPECT_EQ(first_command(quit.substr(0, length), false),
              FirstCommand::INCOMPLETE);
  const std::string frame = "\5\0\0\0\0\0\0\1\0\0\0\x01"s;
  for (std::size_t length = 0; length < frame.size(); ++length)
    EXPECT_EQ(first_command(frame.substr(0, length), true),
              FirstCommand::INCOMPLETE);
  const std::string zipped =
      compressed("\x7d\0\0\0\x11root"s + std::string(120, 'a'));
  EXPECT_LE(zipped.size(), enough_of_a_command);
  for (std::size_t length = 0; length < 9; ++length)
    EXPECT_EQ(first_command(zipped.substr(0, length), true),
              FirstCommand::INCOMPLETE);
}

TEST(FirstCommand, IsNoGoodbyeWhenItIsLongerThanOne) {
  EXPECT_EQ(first_command("\2\0\0\0\x01\x01"sv, false), FirstCommand::OTHER);
}

/* -------------------------------------------------------------------------
   Reading a command. */

std::string packet(std::size_t length, char number) {
  std::string bytes{static_cast<char>(length & 0xff),
                    static_cast<char>(length >> 8 & 0xff),
                    static_cast<char>(length >> 16), number};
  return bytes.append(length, 'x');
}

TEST(CommandReader, HasReadACommandWhenAllOfItHasArrived) {
  const std::string command = packet(300, 0);
  for (std::size_t piece : {1u, 3u, 4u, 5u, 299u, 304u}) {
    CommandReader reader(false);
    EXPECT_FALSE(reader.has_begun());
    bool complete = false;
    for (std::size_t at = 0; at < command.size(); at += piece) {
      EXPECT_FALSE(complete) << "pieces of " << piece;
      complete = reader.read(std::string_view(command).substr(at, piece));
      EXPECT_TRUE(reader.has_begun());
    }
    EXPECT_TRUE(complete) << "pieces of " << piece;
    EXPECT_EQ(reader.next_sequence_number(), 1);
  }
}

TEST(CommandReader, TakesAPacketOfNoLengthForACommand) {
  CommandReader reader(false);
  EXPECT_TRUE(reader.read(packet(0, 0)));
}

TEST(CommandReader, ReadsOnWhenAPacketIsAsLongAsItCanBe) {
  CommandReader reader(false);
  EXPECT_FALSE(reader.read(packet(0xffffff, 0)));
  EXPECT_EQ(reader.next_sequence_number(), 1);
  EXPECT_FALSE(reader.read(packet(0xffffff, 1)));
  EXPECT_TRUE(reader.read(packet(0, 2)));
  EXPECT_EQ(reader.next_sequence_number(), 3);
}

TEST(CommandReader, AnswersWithTheNumberAfterTheLast) {
  CommandReader reader(false);
  EXPECT_EQ(reader.next_sequence_number(), 1);
  EXPECT_TRUE(reader.read(packet(7, '\xff')));
  EXPECT_EQ(reader.next_sequence_number(), 0);
}

TEST(CommandReader, ReadsFramesOfACompressingClient) {
  const std::string frame = "\3\0\0\0\x20\0\0abc"s;
  CommandReader reader(true);
  EXPECT_FALSE(reader.read(frame.substr(0, 7)));
  EXPECT_FALSE(reader.read(frame.substr(7, 2)));
  EXPECT_TRUE(reader.read(frame.substr(9)));
  EXPECT_EQ(reader.next_sequence_number(), 1);
  std::string second = frame;
  second[3] = 1;
  EXPECT_TRUE(reader.read(second));
  EXPECT_EQ(reader.next_sequence_number(), 2);
}

/* -------------------------------------------------------------------------
   Errors. */

TEST(ErrorPacket, IsAsTheProtocolHasIt) {
  EXPECT_EQ(error_packet(1047, "08S01", "no", 1, false),
            "\x0b\0\0\1\xff\x17\x04#08S01no"s);
}

TEST(ErrorPacket, HasNoStateForAClientThatKnowsNone) {
  EXPECT_EQ(error_packet(1047, "", "no", 1, false), "\5\0\0\1\xff\x17\x04no"s);
}

TEST(ErrorPacket, IsFramedAndNotCompressed) {
  EXPECT_EQ(error_packet(1047, "08S01", "no", 2, true),
            "\x0f\0\0\2\0\0\0\x0b\0\0\2\xff\x17\x04#08S01no"s);
}

TEST(ErrorPacket, CutsALongText) {
  const std::string packet =
      error_packet(1047, "08S01", std::string(5000, 'x'), 1, false);
  EXPECT_EQ(packet.size(), 4 + 3 + 6 + 512);
  EXPECT_EQ(packet.substr(0, 3), "\x09\x02\0"s);
}

}  // namespace
}  // namespace recovery_gate
