// SPDX-License-Identifier: GPL-2.0-only
#include "log_parts.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "recovery_gate/binlog/transaction_scanner.h"
#include "toy_cipher.h"

namespace recovery_gate::fuzz {
namespace {

std::string read(const std::filesystem::path &path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

LogParts parts_of(const std::string &log) {
  return take_apart(reinterpret_cast<const unsigned char *>(log.data()),
                    log.size());
}

LogParts encrypted(LogParts parts) {
  parts.nonce = Nonce{7, 1, 2, 3};
  std::string start(event_header_size, '\0');
  start[4] = static_cast<char>(EventType::START_ENCRYPTION);
  start += std::string("\x01\x01\0\0\0", 5) +
           std::string(parts.nonce->begin(), parts.nonce->end());
  parts.events.insert(parts.events.begin() + 1, start);
  return parts;
}

class SampleTest : public testing::TestWithParam<std::string> {
 protected:
  const std::string log_ =
      read(std::filesystem::path(SAMPLES) / (GetParam() + ".binlog"));
};

TEST_P(SampleTest, IsPutTogetherAsItWas) {
  ASSERT_FALSE(log_.empty());
  const LogParts parts = parts_of(log_);
  EXPECT_GT(parts.events.size(), 3u);
  EXPECT_EQ(put_together(parts), log_);
}

TEST_P(SampleTest, IsTheSameEncryptedAndDecrypted) {
  const LogParts parts = encrypted(parts_of(log_));
  const LogParts again = parts_of(put_together(parts));
  EXPECT_EQ(again.events.size(), parts.events.size());
  EXPECT_EQ(put_together(again), put_together(parts));
  EXPECT_EQ(again.events.back().substr(19), parts.events.back().substr(19));
}

TEST_P(SampleTest, HasTheSameTransactionsEncrypted) {
  const std::string log = put_together(encrypted(parts_of(log_)));
  MemorySource plain(log_), source(log);
  ToyDecryptor key;
  ScanOptions options;
  options.decryptor = &key;
  std::vector<std::string> expected, found;
  const auto into = [](std::vector<std::string> *texts) {
    return [texts](const Transaction &transaction) {
      texts->push_back((transaction.gtid ? to_string(*transaction.gtid) : "?") +
                       " " + to_string(transaction.kind) + " " +
                       std::to_string(transaction.xid) + " " +
                       std::to_string(transaction.size()));
      return true;
    };
  };
  scan(plain, into(&expected));
  const ScanResult result = scan(source, options, into(&found));
  EXPECT_EQ(result.error.text(), "");
  EXPECT_TRUE(result.is_encrypted);
  EXPECT_EQ(result.tail, Tail::CLEAN) << result.tail_reason;
  EXPECT_FALSE(found.empty());
  EXPECT_EQ(found, expected);
}

INSTANTIATE_TEST_SUITE_P(All, SampleTest,
                         testing::Values("row", "statement", "xa", "domains",
                                         "compressed", "ddl", "stopped"),
                         [](const auto &info) { return info.param; });

}  // namespace
}  // namespace recovery_gate::fuzz
