#include "recovery_gate/binlog_file.h"

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "fakes.h"

namespace recovery_gate {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr unsigned char query_event = 2, rotate_event = 4,
                        format_description_event = 15;
constexpr unsigned in_use = 1;
const std::string magic =
    "\xfe"
    "bin";

std::string little_endian(std::uint64_t value, int bytes) {
  std::string text;
  for (; bytes > 0; --bytes, value >>= 8) text += static_cast<char>(value);
  return text;
}

/* Only the header, which may lie about what follows. */
std::string header(unsigned char type, std::uint32_t length,
                   unsigned flags = 0) {
  return little_endian(1700000000, 4) + static_cast<char>(type) +
         little_endian(1, 4) + little_endian(length, 4) + little_endian(0, 4) +
         little_endian(flags, 2);
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
  BinlogFile() {
    std::string folder = testing::TempDir() + "/recovery_gate_XXXXXX";
    if (mkdtemp(folder.data()) == nullptr)
      throw std::runtime_error("no folder for the test's files");
    folder_ = folder;
  }
  ~BinlogFile() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  std::string path(const std::string &name = "bin.000001") const {
    return folder_ / name;
  }

  std::string write(const std::string &content) const {
    // A new file each time: some file systems flush one that is overwritten.
    std::filesystem::remove(path());
    std::ofstream(path(), std::ios::binary) << content;
    return path();
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
      EXPECT_THAT(facts.error, tells(path(), why));
  }

 private:
  std::filesystem::path folder_;
};

TEST_F(BinlogFile, EndsWhereItsLastEventEnds) {
  const BinlogFileFacts facts =
      end_of(start_of_log() + event(query_event, 60) + event(rotate_event, 45));
  EXPECT_THAT(facts.error, IsEmpty());
  EXPECT_EQ(facts.size, end_of_start + 60 + 45);
  EXPECT_EQ(facts.end_of_events, end_of_start + 60 + 45);
}

TEST_F(BinlogFile, MayHoldNothingButItsFirstEvent) {
  const BinlogFileFacts facts = end_of(start_of_log());
  EXPECT_THAT(facts.error, IsEmpty());
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
    EXPECT_THAT(facts.error, IsEmpty()) << kept;
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
    EXPECT_THAT(facts.error, IsEmpty()) << kept;
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
  EXPECT_THAT(facts.error, IsEmpty());
  EXPECT_EQ(facts.size, size + 7);
  EXPECT_EQ(facts.end_of_events, size);
}

TEST_F(BinlogFile, IsNotWalkedThroughForItsHeader) {
  const BinlogFileFacts facts = header_of(start_of_log() + "torn");
  EXPECT_THAT(facts.error, IsEmpty());
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
    EXPECT_THAT(read(path("bin.000002")).error,
                tells(path("bin.000002"), "No such file"));
}

TEST_F(BinlogFile, IsRefusedWhenItCannotBeOpened) {
  // Not by its permissions, which do not stop root.
  write(start_of_log());
  const std::string below_a_file = path() + "/bin.000001";
  std::filesystem::create_symlink(path("loop"), path("loop"));
  for (const auto &read : {read_binlog_header, read_binlog_end}) {
    EXPECT_THAT(read(below_a_file).error,
                tells(below_a_file, "Not a directory"));
    EXPECT_THAT(read(path("loop")).error, tells(path("loop"), "cannot open"));
  }
}

TEST_F(BinlogFile, IsRefusedWhenItIsAFolder) {
  std::filesystem::create_directory(path());
  for (const auto &read : {read_binlog_header, read_binlog_end})
    EXPECT_THAT(read(path()).error, HasSubstr(path()));
}

TEST_F(BinlogFile, MayHaveAnyPath) {
  const std::string odd = path("bin log's \"first\".000001");
  std::ofstream(odd, std::ios::binary) << start_of_log();
  EXPECT_THAT(read_binlog_header(odd).error, IsEmpty());
}

}  // namespace
}  // namespace recovery_gate
