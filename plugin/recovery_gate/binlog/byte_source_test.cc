// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/binlog/byte_source.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

namespace recovery_gate {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

class FileSourceTest : public testing::Test {
 protected:
  FileSourceTest() {
    std::string folder = testing::TempDir() + "/recovery_gate_XXXXXX";
    folder_ = mkdtemp(folder.data());
  }
  ~FileSourceTest() override { std::filesystem::remove_all(folder_); }

  std::string path(const std::string &name) const { return folder_ / name; }
  std::string write(const std::string &name, const std::string &content) {
    std::ofstream(path(name), std::ios::binary | std::ios::app) << content;
    return path(name);
  }

 private:
  std::filesystem::path folder_;
};

std::string read(ByteSource &source, std::uint64_t offset, std::size_t count) {
  std::string bytes(count, '?');
  std::size_t got = 12345;
  EXPECT_EQ(source.read(offset, bytes.data(), count, &got), 0);
  EXPECT_LE(got, count);
  bytes.resize(got);
  return bytes;
}

TEST_F(FileSourceTest, ReadsAnyPart) {
  FileSource file;
  ASSERT_THAT(file.open(write("log", "0123456789")).text(), IsEmpty());
  EXPECT_EQ(file.name(), path("log"));
  EXPECT_EQ(file.size(), 10u);
  EXPECT_EQ(read(file, 0, 10), "0123456789");
  EXPECT_EQ(read(file, 3, 4), "3456");
  EXPECT_EQ(read(file, 8, 4), "89");
  EXPECT_EQ(read(file, 10, 4), "");
  EXPECT_EQ(read(file, ~std::uint64_t(0), 4), "");
  EXPECT_EQ(read(file, 3, 0), "");
}

TEST_F(FileSourceTest, ReadsAnyPartOfALargeOne) {
  std::string bytes;
  while (bytes.size() < 5000) bytes += std::to_string(bytes.size()) + ",";
  FileSource file;
  ASSERT_THAT(file.open(write("log", bytes)).text(), IsEmpty());
  for (const std::size_t offset : {0, 1, 900, 1023, 1024, 1025, 4990})
    for (const std::size_t count : {0, 1, 100, 124, 125, 1024, 4000})
      EXPECT_EQ(read(file, offset, count), bytes.substr(offset, count))
          << offset << " " << count;
}

TEST_F(FileSourceTest, ReadsItsStartOnce) {
  FileSource file;
  ASSERT_THAT(file.open(write("log", "0123456789")).text(), IsEmpty());
  EXPECT_EQ(read(file, 0, 4), "0123");
  std::filesystem::resize_file(path("log"), 0);
  EXPECT_EQ(read(file, 4, 4), "4567");
}

TEST_F(FileSourceTest, DoesNotSeeWhatIsWrittenLater) {
  FileSource file;
  ASSERT_THAT(file.open(write("log", "0123")).text(), IsEmpty());
  write("log", "4567");
  EXPECT_EQ(file.size(), 4u);
  EXPECT_EQ(read(file, 2, 10), "23");
}

TEST_F(FileSourceTest, ReadsWhatThereIsWhenTheFileBecameShorter) {
  FileSource file;
  ASSERT_THAT(file.open(write("log", "0123456789")).text(), IsEmpty());
  std::filesystem::resize_file(path("log"), 5);
  EXPECT_EQ(read(file, 2, 8), "234");
}

TEST_F(FileSourceTest, IsReadTheSameOfAnOpenFileWhichStaysWhereItIs) {
  const int file = ::open(write("log", "0123").c_str(), O_RDONLY);
  ASSERT_GE(file, 0);
  char bytes[8];
  std::size_t got = 12345;
  EXPECT_EQ(read_at(file, 1, bytes, sizeof bytes, &got), 0);
  EXPECT_EQ(std::string(bytes, got), "123");
  EXPECT_EQ(read_at(file, ~std::uint64_t(0), bytes, 1, &got), EINVAL);
  EXPECT_EQ(got, 0u);
  EXPECT_EQ(::lseek(file, 0, SEEK_CUR), 0);
  ::close(file);
  EXPECT_EQ(read_at(-1, 0, bytes, 1, &got), EBADF);
}

TEST_F(FileSourceTest, SaysWhyItCannotOpen) {
  FileSource missing, folder, pipe;
  EXPECT_THAT(missing.open(path("none")).text(),
              AllOf(HasSubstr(path("none")), HasSubstr("No such file")));
  EXPECT_THAT(folder.open(path("")).text(), HasSubstr("not a regular file"));
  // Opening it must not wait for somebody who writes.
  ASSERT_EQ(mkfifo(path("pipe").c_str(), 0600), 0);
  EXPECT_THAT(pipe.open(path("pipe")).text(), HasSubstr("not a regular file"));
}

TEST(MemorySourceTest, ReadsAnyPart) {
  const std::string bytes = "0123456789";
  MemorySource source(bytes);
  EXPECT_EQ(source.size(), 10u);
  EXPECT_EQ(read(source, 0, 10), "0123456789");
  EXPECT_EQ(read(source, 8, 4), "89");
  EXPECT_EQ(read(source, 10, 4), "");
  EXPECT_EQ(read(source, ~std::uint64_t(0), 4), "");
}

}  // namespace
}  // namespace recovery_gate
