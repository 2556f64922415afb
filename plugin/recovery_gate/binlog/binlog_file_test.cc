// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/binlog/binlog_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "testing/fake_binlog.h"

namespace recovery_gate {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

using namespace binlog_bytes;

/* Only the header, which may lie about what follows. */
std::string header(unsigned char type, std::uint32_t length,
                   unsigned flags = 0) {
  return bytes({type, 1, flags}, length);
}

std::string event(unsigned char type, std::uint32_t length,
                  unsigned flags = 0) {
  // A body of 0xff has no meaning as a header, wherever it is read as one.
  return header(type, length, flags) + std::string(length - 19, '\xff');
}

std::string start_of_log(unsigned flags = 0) {
  return magic + event(format_description_event, 252, flags);
}
constexpr std::uint64_t end_of_start = 4 + 252;

class BinlogFile : public testing::Test {
 protected:
  std::string path(const std::string &name = "bin.000001") const {
    return folder_.file(name);
  }

  std::string write(const std::string &content) const {
    return folder_.write("bin.000001", content);
  }

  BinlogFileFacts end_of(const std::string &content) const {
    return read_binlog_end(write(content));
  }
  BinlogFileFacts header_of(const std::string &content) const {
    return read_binlog_header(write(content));
  }

  /* Both ways of reading must refuse it, and say which file it is. */
  void expect_refused(const std::string &content, const std::string &why) {
    for (const BinlogFileFacts &facts : {header_of(content), end_of(content)})
      EXPECT_THAT(facts.error.text(), tells(path(), why));
  }

 private:
  TestFolder folder_;
};

TEST_F(BinlogFile, EndsWhereItsLastEventEnds) {
  const BinlogFileFacts facts =
      end_of(start_of_log() + event(query_event, 60) + event(rotate_event, 45));
  EXPECT_THAT(facts.error.text(), IsEmpty());
  EXPECT_EQ(facts.size, end_of_start + 60 + 45);
  EXPECT_EQ(facts.end_of_events, end_of_start + 60 + 45);
}

TEST_F(BinlogFile, MayHoldNothingButItsFirstEvent) {
  const BinlogFileFacts facts = end_of(start_of_log());
  EXPECT_THAT(facts.error.text(), IsEmpty());
  EXPECT_EQ(facts.end_of_events, end_of_start);
}

TEST_F(BinlogFile, MayHoldEventsOfAHeaderOnly) {
  EXPECT_EQ(end_of(start_of_log() + event(query_event, 19)).end_of_events,
            end_of_start + 19);
}

TEST_F(BinlogFile, IsInUseWhenTheServerDidNotCloseIt) {
  const std::string content = start_of_log(in_use);
  EXPECT_TRUE(header_of(content).in_use);
  EXPECT_TRUE(end_of(content).in_use);
}

TEST_F(BinlogFile, IsNotInUseWhenTheServerClosedIt) {
  const std::string content = start_of_log();
  EXPECT_FALSE(header_of(content).in_use);
  EXPECT_FALSE(end_of(content).in_use);
}

TEST_F(BinlogFile, IsInUseByThatOneFlagOnly) {
  EXPECT_FALSE(header_of(start_of_log(0xfffe)).in_use);
  EXPECT_TRUE(header_of(start_of_log(0xffff)).in_use);
}

TEST_F(BinlogFile, IsInUseByTheFlagsOfItsFirstEventOnly) {
  EXPECT_FALSE(end_of(start_of_log() + event(rotate_event, 45, in_use)).in_use);
}

TEST_F(BinlogFile, LosesOnlyAnEventThatIsTornAtAnyByte) {
  const std::string whole = start_of_log(in_use) + event(query_event, 60);
  const std::string last = event(query_event, 80);
  for (std::size_t kept = 0; kept < last.size(); ++kept) {
    const BinlogFileFacts facts = end_of(whole + last.substr(0, kept));
    EXPECT_THAT(facts.error.text(), IsEmpty()) << kept;
    EXPECT_TRUE(facts.in_use) << kept;
    EXPECT_EQ(facts.size, whole.size() + kept);
    EXPECT_EQ(facts.end_of_events, whole.size()) << kept;
  }
  EXPECT_EQ(end_of(whole + last).end_of_events, whole.size() + last.size());
}

TEST_F(BinlogFile, IsReadEvenWhenItsFirstEventIsTorn) {
  const std::string whole = start_of_log(in_use);
  for (std::size_t kept = 4 + 19; kept < whole.size(); ++kept) {
    const BinlogFileFacts facts = end_of(whole.substr(0, kept));
    EXPECT_THAT(facts.error.text(), IsEmpty()) << kept;
    EXPECT_TRUE(facts.in_use) << kept;
    EXPECT_EQ(facts.end_of_events, 4u) << kept;
  }
}

TEST_F(BinlogFile, EndsBeforeBytesThatWereNeverWritten) {
  const std::string whole = start_of_log() + event(query_event, 60);
  EXPECT_EQ(end_of(whole + std::string(8192, '\0')).end_of_events,
            whole.size());
}

TEST_F(BinlogFile, EndsBeforeAnEventThatIsShorterThanItsHeader) {
  for (std::uint32_t length = 0; length < 19; ++length)
    EXPECT_EQ(end_of(start_of_log() + header(query_event, length) +
                     event(query_event, 60))
                  .end_of_events,
              end_of_start)
        << length;
}

TEST_F(BinlogFile, EndsBeforeAnEventThatIsLongerThanTheFile) {
  const auto end = [this](std::uint32_t length) {
    return end_of(start_of_log() + header(query_event, length) +
                  std::string(100 - 19, '\xff'))
        .end_of_events;
  };
  EXPECT_EQ(end(100), end_of_start + 100);
  EXPECT_EQ(end(101), end_of_start);
  EXPECT_EQ(end(0x7fffffff), end_of_start);
  EXPECT_EQ(end(0xffffffff), end_of_start);
}

TEST_F(BinlogFile, IsWalkedThroughWhereverItsEventsBegin) {
  // Lengths that put headers across the end of any block that is read at once.
  std::string content = start_of_log();
  for (std::uint32_t i = 0; content.size() < 300 * 1000; ++i)
    content += event(query_event, 19 + i % 61);
  EXPECT_EQ(end_of(content).end_of_events, content.size());
  EXPECT_EQ(end_of(content + "torn").end_of_events, content.size());
}

TEST_F(BinlogFile, MayHoldEventsOfManyBlocks) {
  const std::string content = start_of_log() + event(query_event, 1000 * 1000) +
                              event(query_event, 60) +
                              event(query_event, 0x030201);
  EXPECT_EQ(end_of(content).end_of_events, content.size());
}

TEST_F(BinlogFile, MayBeLargerThan4GiB) {
  // With holes in place of the bodies, which nobody reads.
  const std::uint64_t length = 0xc0000000, size = end_of_start + 2 * length;
  write(start_of_log() + header(query_event, length));
  std::error_code failure;
  std::filesystem::resize_file(path(), size + 7, failure);
  if (failure) GTEST_SKIP() << "no file with holes here: " << failure.message();
  std::fstream file(path(), std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(end_of_start + length) << header(query_event, length);
  file.close();

  const BinlogFileFacts facts = read_binlog_end(path());
  EXPECT_THAT(facts.error.text(), IsEmpty());
  EXPECT_EQ(facts.size, size + 7);
  EXPECT_EQ(facts.end_of_events, size);
}

TEST_F(BinlogFile, IsNotWalkedThroughForItsHeader) {
  const BinlogFileFacts facts = header_of(start_of_log() + "torn");
  EXPECT_THAT(facts.error.text(), IsEmpty());
  EXPECT_EQ(facts.size, end_of_start + 4);
  EXPECT_EQ(facts.end_of_events, 0u);
}

TEST_F(BinlogFile, IsRefusedWhenTooShortForItsFirstHeader) {
  const std::string whole = start_of_log();
  for (std::size_t kept = 0; kept < 4 + 19; ++kept) {
    SCOPED_TRACE(kept);
    expect_refused(whole.substr(0, kept), "too short for a binary log");
  }
}

TEST_F(BinlogFile, IsRefusedWhenAnyMagicByteIsWrong) {
  for (std::size_t i = 0; i < magic.size(); ++i) {
    SCOPED_TRACE(i);
    std::string content = start_of_log();
    content[i] ^= 0x01;
    expect_refused(content, "magic");
  }
}

TEST_F(BinlogFile, IsRefusedWhenItBeginsWithAnotherEvent) {
  for (const unsigned char type : {0, 14, 16, 255}) {
    SCOPED_TRACE(int(type));
    expect_refused(magic + event(type, 252), "format description event");
  }
}

TEST_F(BinlogFile, IsRefusedWhenItIsNotThere) {
  for (const auto &read : {read_binlog_header, read_binlog_end})
    EXPECT_THAT(read(path("bin.000002")).error.text(),
                tells(path("bin.000002"), "No such file"));
}

TEST_F(BinlogFile, IsRefusedWhenItCannotBeOpened) {
  // Not by its permissions, which do not stop root.
  write(start_of_log());
  const std::string below_a_file = path() + "/bin.000001";
  std::filesystem::create_symlink(path("loop"), path("loop"));
  for (const auto &read : {read_binlog_header, read_binlog_end}) {
    EXPECT_THAT(read(below_a_file).error.text(),
                tells(below_a_file, "Not a directory"));
    EXPECT_THAT(read(path("loop")).error.text(),
                tells(path("loop"), "cannot open"));
  }
}

TEST_F(BinlogFile, IsRefusedWhenItIsAFolder) {
  std::filesystem::create_directory(path());
  for (const auto &read : {read_binlog_header, read_binlog_end})
    EXPECT_THAT(read(path()).error.text(), HasSubstr(path()));
}

TEST_F(BinlogFile, MayHaveAnyPath) {
  const std::string odd = path("bin log's \"first\".000001");
  std::ofstream(odd, std::ios::binary) << start_of_log();
  EXPECT_THAT(read_binlog_header(odd).error.text(), IsEmpty());
}

TEST_F(BinlogFile, TellsWhichServerWroteIt) {
  for (const std::uint32_t id : {0u, 1u, 77u, 0x12345678u, 0xffffffffu}) {
    Header writer;
    writer.server_id = id;
    const std::string content =
        magic + format_description(writer) + gtid_list({});
    EXPECT_EQ(header_of(content).server_id, id);
    EXPECT_EQ(end_of(content).server_id, id);
  }
}

/* -------------------------------------------------------------------------
   What came before it. */

const GtidState three{{{0, 1}, 58},
                      {{0, 2}, 7},
                      {{4294967295u, 4294967295u}, 18446744073709551615u}};

Header of_type(unsigned char type) {
  Header header;
  header.type = type;
  return header;
}

class GtidsBefore : public BinlogFile {
 protected:
  std::optional<GtidState> gtids_of(const std::string &content) const {
    const BinlogFileFacts facts = header_of(content);
    EXPECT_THAT(facts.error.text(), IsEmpty());
    return facts.gtids_before;
  }
};

TEST_F(GtidsBefore, AreThoseOfTheListThatFollowsTheFirstEvent) {
  for (const GtidState &gtids : {GtidState(), GtidState{{{0, 1}, 1}}, three}) {
    EXPECT_EQ(gtids_of(magic + format_description() + gtid_list(gtids)), gtids);
    EXPECT_EQ(gtids_of(magic + format_description({}, 0) +
                       without_checksum(of_type(gtid_list_event),
                                        gtid_list_body(gtids))),
              gtids);
  }
}

TEST_F(GtidsBefore, AreReadWhileTheLogIsInUseAndWhateverComesAfterThem) {
  Header used;
  used.flags = in_use;
  EXPECT_EQ(gtids_of(magic + format_description(used) + gtid_list(three) +
                     event(query_event, 60) + "torn"),
            three);
}

TEST_F(GtidsBefore, MayHaveFlagsBesideTheirNumber) {
  std::string body = gtid_list_body(three);
  body[3] = '\xf0';
  EXPECT_EQ(gtids_of(magic + format_description() +
                     with_checksum(of_type(gtid_list_event), body)),
            three);
}

TEST_F(GtidsBefore, MayBeMany) {
  GtidState many;
  for (std::uint32_t id = 0; id < 50000; ++id) many[{id % 7, id}] = id + 1;
  EXPECT_EQ(gtids_of(magic + format_description() + gtid_list(many)), many);
}

TEST_F(GtidsBefore, AreUnknownWhenAnyByteOfThemIsChanged) {
  const std::string list = gtid_list(three);
  for (std::size_t at = 0; at < list.size(); ++at) {
    std::string damaged = list;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x01);
    EXPECT_EQ(gtids_of(magic + format_description() + damaged +
                       event(query_event, 500)),
              std::nullopt)
        << at;
  }
}

TEST_F(GtidsBefore, AreUnknownWhenTheyAreTorn) {
  const std::string start = magic + format_description(),
                    list = gtid_list(three);
  for (std::size_t kept = 0; kept < list.size(); ++kept)
    EXPECT_EQ(gtids_of(start + list.substr(0, kept)), std::nullopt) << kept;
}

TEST_F(GtidsBefore, AreUnknownWhenTheFirstEventIsTornOrNoneThatAServerWrites) {
  const std::string whole = magic + format_description();
  for (std::size_t kept = 4 + 19; kept < whole.size(); ++kept)
    EXPECT_EQ(gtids_of(whole.substr(0, kept)), std::nullopt) << kept;
  EXPECT_EQ(
      gtids_of(magic + event(format_description_event, 19) + gtid_list(three)),
      std::nullopt);
  EXPECT_EQ(gtids_of(magic + event(format_description_event, 5000) +
                     gtid_list(three)),
            std::nullopt);
}

TEST_F(GtidsBefore, AreUnknownWithAChecksumThatIsNotKnown) {
  for (const unsigned char algorithm : {2, 3, 255})
    EXPECT_EQ(
        gtids_of(magic + format_description({}, algorithm) + gtid_list(three)),
        std::nullopt);
}

TEST_F(GtidsBefore, AreUnknownWhenTheFirstEventIsDamaged) {
  const std::string whole = magic + format_description() + gtid_list(three);
  for (std::size_t at = 4 + 19; at < 4 + format_description().size(); ++at) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x80);
    EXPECT_EQ(gtids_of(damaged), std::nullopt) << at;
  }
}

TEST_F(GtidsBefore, AreUnknownInAnEncryptedLog) {
  EXPECT_EQ(gtids_of(magic + format_description() +
                     with_checksum(of_type(start_encryption_event),
                                   std::string(17, 'k')) +
                     gtid_list(three)),
            std::nullopt);
}

TEST_F(GtidsBefore, AreUnknownWhenAnotherEventComesFirst) {
  EXPECT_EQ(
      gtids_of(magic + format_description() +
               with_checksum(of_type(query_event), "BEGIN") + gtid_list(three)),
      std::nullopt);
}

TEST_F(GtidsBefore, AreUnknownWhenThereAreFewerThanTheySay) {
  for (const std::uint64_t count : {4u, 5u, 0x0fffffffu}) {
    const std::string body =
        little_endian(count, 4) + gtid_list_body(three).substr(4);
    const Header list = of_type(gtid_list_event);
    EXPECT_EQ(gtids_of(magic + format_description() +
                       with_checksum(list, body) + std::string(100, '\1')),
              std::nullopt)
        << count;
    EXPECT_EQ(gtids_of(magic + format_description({}, 0) +
                       without_checksum(list, body) + std::string(100, '\1')),
              std::nullopt)
        << count;
  }
}

TEST_F(GtidsBefore, AreUnknownWhenTheListHasNoRoomForItsNumber) {
  for (std::size_t length = 0; length < 4; ++length) {
    const Header list = of_type(gtid_list_event);
    const std::string body(length, '\0'), more(100, '\0');
    EXPECT_EQ(gtids_of(magic + format_description() +
                       with_checksum(list, body) + more),
              std::nullopt);
    EXPECT_EQ(gtids_of(magic + format_description({}, 0) +
                       without_checksum(list, body) + more),
              std::nullopt);
    EXPECT_EQ(
        gtids_of(magic + format_description() +
                 bytes(list, 19 + static_cast<std::uint32_t>(length)) + more),
        std::nullopt);
  }
}

/* -------------------------------------------------------------------------
   A stretch of events. */

class Stretch : public BinlogFile {
 protected:
  const std::string start_ = magic + format_description() + gtid_list(three);
  const std::string transaction_of_2_ =
      with_checksum({gtid_event, 2}, std::string(19, 'g'));
  const std::string query_ = with_checksum({query_event, 3}, "BEGIN");
  const std::string transaction_of_5_ =
      with_checksum({gtid_event, 5}, std::string(19, 'g'));
};

TEST_F(Stretch, TellsWhoseTransactionsBeginInIt) {
  const std::string content =
      start_ + transaction_of_2_ + query_ + transaction_of_5_;
  const std::string log = write(content);
  const std::uint64_t first = start_.size(),
                      second = first + transaction_of_2_.size(),
                      third = second + query_.size(), end = content.size();
  EXPECT_EQ(walk_binlog(log, start_of_events, end).writers, (ServerIds{2, 5}));
  EXPECT_EQ(walk_binlog(log, start_of_events).writers, (ServerIds{2, 5}));
  EXPECT_EQ(walk_binlog(log, first, third).writers, (ServerIds{2}));
  EXPECT_EQ(walk_binlog(log, second, third).writers, ServerIds());
  EXPECT_EQ(walk_binlog(log, second, end).writers, (ServerIds{5}));
  EXPECT_EQ(walk_binlog(log, end, end).writers, ServerIds());
}

TEST_F(Stretch, TellsThatItBeginsWithinATransaction) {
  const std::string checkpoint =
      with_checksum({checkpoint_event, 2}, std::string(8, 'c'));
  const std::string content =
      start_ + transaction_of_2_ + query_ + checkpoint + transaction_of_5_;
  const std::string log = write(content);
  const std::uint64_t first = start_.size(),
                      second = first + transaction_of_2_.size(),
                      third = second + query_.size(),
                      fourth = third + checkpoint.size();
  for (const std::uint64_t from : {start_of_events, first, third, fourth})
    EXPECT_FALSE(walk_binlog(log, from).begins_within) << from;
  EXPECT_TRUE(walk_binlog(log, second).begins_within);
  EXPECT_TRUE(walk_binlog(log, second, third).begins_within);
  EXPECT_FALSE(walk_binlog(log, first, third).begins_within);
}

TEST_F(Stretch, TellsTheTransactionAroundAPlace) {
  const std::string gtid =
      with_checksum({gtid_event, 2}, little_endian(7, 8) + little_endian(1, 4) +
                                         std::string(7, '\0'));
  const std::string row = with_checksum({23, 2}, std::string(100, 'r'));
  const std::string xid = with_checksum({xid_event, 2}, little_endian(7, 8));
  const std::string log = write(start_ + gtid + row + xid + gtid + row);
  const std::uint64_t first = start_.size(), second = first + gtid.size(),
                      third = second + row.size(), behind = third + xid.size();
  for (const std::uint64_t at : {second, third}) {
    const Around around = transaction_around(log, at);
    EXPECT_TRUE(around.is_within);
    EXPECT_EQ(around.gtid, (Gtid{1, 2, 7})) << at;
  }
  for (const std::uint64_t at :
       {start_of_events, first, behind, behind + gtid.size() + row.size(),
        std::uint64_t{1} << 40})
    EXPECT_FALSE(transaction_around(log, at).is_within) << at;
  EXPECT_FALSE(transaction_around(path("gone"), second).is_within);
}

TEST_F(Stretch, IsWholeWhenItEndsWhereAnEventDoes) {
  const std::string content = start_ + transaction_of_2_ + query_;
  const std::string log = write(content);
  const std::uint64_t first = start_.size(),
                      second = first + transaction_of_2_.size();
  for (std::uint64_t to = first; to <= content.size(); ++to)
    EXPECT_EQ(walk_binlog(log, first, to).is_whole,
              to == first || to == second || to == content.size())
        << to;
}

TEST_F(Stretch, IsNotWholeOutsideItsLog) {
  const std::string content = start_ + query_;
  const std::string log = write(content);
  EXPECT_FALSE(walk_binlog(log, start_.size(), content.size() + 1).is_whole);
  EXPECT_FALSE(walk_binlog(log, content.size(), start_.size()).is_whole);
  EXPECT_FALSE(walk_binlog(path("gone"), 4, 4).is_whole);
  EXPECT_FALSE(walk_binlog(path("gone"), 4).is_whole);
}

TEST_F(Stretch, LeavesOutAnEventThatIsTorn) {
  const std::string whole = start_ + transaction_of_2_;
  for (std::size_t kept = 0; kept < transaction_of_5_.size(); ++kept) {
    const BinlogStretch stretch = walk_binlog(
        write(whole + transaction_of_5_.substr(0, kept)), start_of_events);
    EXPECT_TRUE(stretch.is_whole) << kept;
    EXPECT_EQ(stretch.writers, (ServerIds{2})) << kept;
  }
}

TEST_F(Stretch, IsNotWholeWithAnEventThatIsShorterThanItsHeader) {
  const std::string content =
      start_ + header(gtid_event, 18) + std::string(100, '\0');
  EXPECT_FALSE(
      walk_binlog(write(content), start_of_events, content.size()).is_whole);
}

/* -------------------------------------------------------------------------
   Which log it is. */

class BinlogIdentity : public BinlogFile {
 protected:
  static std::string log(const Header &first, const std::string &rest) {
    return magic + format_description(first) + rest;
  }
  static std::string query(const std::string &text) {
    return with_checksum(of_type(query_event), text);
  }

  std::optional<std::uint32_t> identity(const std::string &content,
                                        std::uint64_t offset) const {
    return binlog_identity(write(content), offset);
  }
  std::optional<std::uint32_t> identity(const std::string &content) const {
    return identity(content, content.size());
  }
};

TEST_F(BinlogIdentity, StaysTheSameWhenTheLogGrowsAndIsClosed) {
  Header open;
  open.flags = in_use;
  for (const std::string &rest :
       {std::string(), query("a"), query(std::string(200, 'b')) + query("c")}) {
    const auto before = identity(log(open, rest));
    ASSERT_TRUE(before);
    const std::uint64_t offset = log(open, rest).size();
    EXPECT_EQ(identity(log(open, rest + query("more")), offset), before);
    EXPECT_EQ(identity(log({}, rest + query("more")), offset), before);
  }
}

TEST_F(BinlogIdentity, IsThatOfAnOpenFileTooWhichStaysWhereItIs) {
  const std::string content = log({}, query("a"));
  const auto expected = identity(content);
  const int file = ::open(path().c_str(), O_RDONLY);
  ASSERT_GE(file, 0);
  ASSERT_EQ(::lseek(file, 7, SEEK_SET), 7);
  EXPECT_EQ(binlog_identity(file, content.size()), expected);
  EXPECT_EQ(::lseek(file, 0, SEEK_CUR), 7);
  ::close(file);
}

/* A checksum of the same kind as the events' own would be blind to all that
   such events hold. */
TEST_F(BinlogIdentity, DiffersWhenTheFirstEventDiffersChecksumAndAll) {
  Header later;
  later.time += 1;
  Header other_server;
  other_server.server_id = 2;
  EXPECT_NE(identity(log({}, "")), identity(log(later, "")));
  EXPECT_NE(identity(log({}, "")), identity(log(other_server, "")));
  EXPECT_NE(identity(log({}, gtid_list(three))),
            identity(log(later, gtid_list(three))));
}

TEST_F(BinlogIdentity, DiffersWhenAnEventBeforeItDiffersChecksumAndAll) {
  EXPECT_NE(identity(log({}, query("a"))), identity(log({}, query("b"))));
  EXPECT_NE(identity(log({}, query("a") + query("c"))),
            identity(log({}, query("b") + query("c"))));
  // Of a long event, its end and its checksum tell it from another.
  const std::string same_end(100, 'e');
  EXPECT_NE(identity(log({}, query("a" + same_end))),
            identity(log({}, query("b" + same_end))));
}

TEST_F(BinlogIdentity, DiffersWhenAnyByteShortlyBeforeItDiffers) {
  const std::string content = log({}, query(std::string(300, 'x')));
  const auto expected = identity(content);
  for (std::size_t at = content.size() - 64; at < content.size(); ++at) {
    std::string changed = content;
    changed[at] = static_cast<char>(changed[at] ^ 0x01);
    EXPECT_NE(identity(changed), expected) << at;
  }
}

TEST_F(BinlogIdentity, DiffersFromOnePlaceToTheNext) {
  const std::string content = log({}, query("a") + query("a"));
  EXPECT_NE(identity(content),
            identity(content, content.size() - query("a").size()));
}

TEST_F(BinlogIdentity, DoesNotMindAnyOtherFlagOfTheLogBeingOpen) {
  Header open;
  open.flags = in_use | 0x20;
  Header closed;
  closed.flags = 0x20;
  EXPECT_EQ(identity(log(open, "")), identity(log(closed, "")));
  EXPECT_NE(identity(log(closed, "")), identity(log({}, "")));
}

TEST_F(BinlogIdentity, DoesNotExistPastTheEndOfTheLog) {
  const std::string content = log({}, query("a"));
  EXPECT_NE(identity(content, content.size()), std::nullopt);
  for (const std::uint64_t more :
       {content.size() + 1, content.size() + 64, content.size() + 65,
        std::size_t(1) << 40, std::size_t(-1)})
    EXPECT_EQ(identity(content, more), std::nullopt) << more;
}

TEST_F(BinlogIdentity, DoesNotExistInsideTheFirstEvent) {
  const std::string content = log({}, "");
  for (std::size_t offset = 0; offset < content.size(); ++offset)
    EXPECT_EQ(identity(content + query("a"), offset), std::nullopt) << offset;
  EXPECT_NE(identity(content + query("a"), content.size()), std::nullopt);
}

TEST_F(BinlogIdentity, DoesNotExistForWhatIsNoLog) {
  EXPECT_EQ(binlog_identity(path("bin.000002"), 300), std::nullopt);
  EXPECT_EQ(binlog_identity(-1, 300), std::nullopt);
  EXPECT_EQ(identity("", 0), std::nullopt);
  EXPECT_EQ(identity(magic, 4), std::nullopt);
  EXPECT_EQ(identity(std::string(1000, '\0'), 500), std::nullopt);
  EXPECT_EQ(identity(magic + query(std::string(300, 'x'))), std::nullopt);
}

}  // namespace
}  // namespace recovery_gate
