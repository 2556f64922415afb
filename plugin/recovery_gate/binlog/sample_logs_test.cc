// SPDX-License-Identifier: GPL-2.0-only
/*
  Logs that real servers wrote, against what the server's own tool says is in
  them (testdata/binlog/README.md).
*/
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <openssl/evp.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "recovery_gate/binlog/binlog_index.h"
#include "recovery_gate/binlog/transaction_scanner.h"
#include "testing/test_log.h"

namespace recovery_gate {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string folder = RECOVERY_GATE_SAMPLES;

/* A line of NAME.events. Its size is not looked at: the tool prints that of
   what it has decompressed. */
struct Expected {
  std::uint64_t offset = 0, end = 0;
  std::uint32_t size = 0, flags = 0, server_id = 0;
  unsigned type = 0;
  std::string gtid, xid, xa;
};

std::vector<Expected> expected_events(const std::string &name) {
  std::ifstream file(folder + "/" + name + ".events");
  EXPECT_TRUE(file) << name;
  std::vector<Expected> events;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream fields(line);
    Expected event;
    fields >> event.offset >> event.size >> event.end >> event.type >>
        std::hex >> event.flags >> std::dec >> event.server_id >> event.gtid >>
        event.xid >> event.xa;
    EXPECT_TRUE(fields) << name << ": " << line;
    events.push_back(event);
  }
  return events;
}

std::string hexadecimal(const std::string &bytes) {
  std::string text;
  for (const unsigned char c : bytes) text += fmt::format("{:02x}", c);
  return text;
}

/* file_key_management's, with the key of the samples: AES-256-CBC without
   padding, the last incomplete block masked with the encrypted IV
   (mysys_ssl/my_crypt.cc, MyCTX_nopad). */
class SampleDecryptor final : public EventDecryptor {
 public:
  Failure start(unsigned, std::uint32_t) override { return {}; }

  bool decrypt(const Iv &iv, const unsigned char *in, std::size_t size,
               unsigned char *out) override {
    const std::size_t blocks = size / 16 * 16;
    unsigned char mask[16];
    if (!crypt(EVP_aes_256_cbc(), iv.data(), false, in, blocks, out) ||
        !crypt(EVP_aes_256_ecb(), nullptr, true, iv.data(), 16, mask))
      return false;
    for (std::size_t i = blocks; i < size; ++i)
      out[i] = in[i] ^ mask[i - blocks];
    return true;
  }

 private:
  static bool crypt(const EVP_CIPHER *cipher, const unsigned char *iv,
                    bool encrypts, const unsigned char *in, std::size_t size,
                    unsigned char *out) {
    static constexpr unsigned char half_key[16] = {
        0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
        0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
    unsigned char key[32];
    std::copy_n(half_key, 16, key);
    std::copy_n(half_key, 16, key + 16);
    EVP_CIPHER_CTX *const context = EVP_CIPHER_CTX_new();
    int written = 0;
    const bool is_done =
        EVP_CipherInit_ex(context, cipher, nullptr, key, iv, encrypts) == 1 &&
        EVP_CIPHER_CTX_set_padding(context, 0) == 1 &&
        EVP_CipherUpdate(context, out, &written, in, static_cast<int>(size)) ==
            1;
    EVP_CIPHER_CTX_free(context);
    return is_done && written == static_cast<int>(size);
  }
};

/* The type that the tool prints. */
unsigned decompressed(EventType type) {
  const unsigned number = unsigned(type);
  if (number >= 166 && number <= 168) return number - 166 + 23;  // rows
  if (number >= 169 && number <= 171) return number - 169 + 30;
  return number;
}

/* What the reader reads instead of what the tool prints. */
class Samples : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    ASSERT_THAT(file_.open(folder + "/" + GetParam() + ".binlog").text(),
                IsEmpty());
  }

  FileSource file_;
  SampleDecryptor decryptor_;
};

void expect_interpreted(BinlogReader &reader, const Event &event,
                        const Expected &expected) {
  ByteRange body;
  if (expected.gtid != "-") {
    GtidEvent gtid;
    ASSERT_THAT(reader.body(event, &body).text(), IsEmpty());
    ASSERT_THAT(decode(event.header, body, &gtid).text(), IsEmpty());
    EXPECT_EQ(to_string(gtid.gtid), expected.gtid);
  }
  if (expected.xid != "-") {
    XidEvent xid;
    ASSERT_THAT(reader.body(event, &body).text(), IsEmpty());
    ASSERT_THAT(decode(event.header, body, &xid).text(), IsEmpty());
    EXPECT_EQ(std::to_string(xid.xid), expected.xid);
  }
  if (expected.xa != "-") {
    XaPrepareEvent prepare;
    ASSERT_THAT(reader.body(event, &body).text(), IsEmpty());
    ASSERT_THAT(decode(event.header, body, &prepare).text(), IsEmpty());
    EXPECT_EQ(fmt::format("{}:{}:{}", prepare.xa.format,
                          hexadecimal(prepare.xa.gtrid),
                          hexadecimal(prepare.xa.bqual)),
              expected.xa);
  }
}

TEST_P(Samples, HoldTheEventsThatTheServersToolPrints) {
  BinlogReader reader(file_, &decryptor_);
  ASSERT_THAT(reader.open().text(), IsEmpty());
  Event event;
  for (const Expected &expected : expected_events(GetParam())) {
    SCOPED_TRACE(expected.offset);
    ASSERT_TRUE(reader.next(&event))
        << reader.error().text() << reader.tail_reason();
    EXPECT_EQ(event.offset, expected.offset);
    EXPECT_EQ(event.end(), expected.end);
    EXPECT_EQ(event.header.end_position, expected.end);
    EXPECT_EQ(decompressed(event.header.type), expected.type);
    // To a replica, for which the tool passes, this event is another.
    if (event.header.type != EventType::START_ENCRYPTION) {
      EXPECT_EQ(event.header.flags & ~in_use_flag,
                expected.flags & ~in_use_flag);
    }
    EXPECT_EQ(event.header.server_id, expected.server_id);
    expect_interpreted(reader, event, expected);
    EXPECT_THAT(reader.verify(event).text(), IsEmpty());
  }
  EXPECT_FALSE(reader.next(&event)) << event.offset;
  EXPECT_THAT(reader.error().text(), IsEmpty());
}

/* Each GTID that is printed is one transaction's, and it ends where the next
   event that is not a part of it begins. */
TEST_P(Samples, HaveOneTransactionForEachGtid) {
  std::map<std::uint64_t, std::string> begins;
  std::map<std::uint64_t, std::uint64_t> ends;
  for (const Expected &event : expected_events(GetParam())) {
    if (event.gtid != "-") begins[event.offset] = event.gtid;
    ends[event.end] = event.offset;
  }
  std::size_t seen = 0;
  ScanOptions options;
  options.decryptor = &decryptor_;
  options.verify_all = true;
  const auto check = [&](const Transaction &transaction) {
    ++seen;
    EXPECT_NE(transaction.kind, TransactionKind::UNFINISHED);
    EXPECT_TRUE(transaction.gtid);
    EXPECT_EQ(begins[transaction.begin], to_string(*transaction.gtid));
    EXPECT_EQ(ends.count(transaction.end), 1u);
    EXPECT_EQ(transaction.kind == TransactionKind::COMMIT_XID,
              transaction.xid != 0);
    return true;
  };
  const ScanResult result = scan(file_, options, check);
  EXPECT_THAT(result.error.text(), IsEmpty());
  EXPECT_EQ(seen + (result.unfinished ? 1 : 0), begins.size());
  EXPECT_EQ(result.end_of_events, ends.empty() ? 0 : ends.rbegin()->first);
  EXPECT_TRUE(result.gtids_before);
}

std::vector<std::string> names() {
  std::vector<std::string> found;
  for (const auto &entry : std::filesystem::directory_iterator(folder))
    if (entry.path().extension() == ".binlog" &&
        entry.path().stem() != "relay-log")
      found.push_back(entry.path().stem());
  std::sort(found.begin(), found.end());
  return found;
}

std::string test_name(const testing::TestParamInfo<std::string> &info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(All, Samples, testing::ValuesIn(names()), test_name);

struct Scan {
  explicit Scan(const std::string &name, EventDecryptor *decryptor = nullptr) {
    FileSource file;
    result.error = file.open(folder + "/" + name);
    if (result.error) return;
    ScanOptions options;
    options.decryptor = decryptor;
    result = scan(file, options, [this](const Transaction &transaction) {
      kinds.push_back(transaction.kind);
      transactions.push_back(transaction);
      return true;
    });
  }

  ScanResult result;
  std::vector<Transaction> transactions;
  std::vector<TransactionKind> kinds;
};

TEST(Sample, OfXaTellsWhatBecameOfEach) {
  const Scan xa("xa.binlog");
  EXPECT_THAT(
      xa.kinds,
      ElementsAre(TransactionKind::XA_PREPARE, TransactionKind::XA_COMMIT,
                  TransactionKind::XA_PREPARE, TransactionKind::XA_ROLLBACK,
                  TransactionKind::COMMIT_XID));
  for (const Transaction &transaction : xa.transactions)
    EXPECT_EQ(transaction.xa.has_value(),
              transaction.kind != TransactionKind::COMMIT_XID);
  EXPECT_EQ(xa.transactions[0].xa, (XaId{7, "global", "branch"}));
  EXPECT_EQ(xa.transactions[1].xa, (XaId{7, "global", "branch"}));
  EXPECT_EQ(xa.transactions[3].xa, (XaId{1, std::string("\0\1\xff", 3), ""}));
}

TEST(Sample, OfStatementsEndsEachWithItsXid) {
  for (const char *name :
       {"statement.binlog", "load-data.binlog", "savepoint.binlog",
        "compressed.binlog", "group-commit.binlog"}) {
    SCOPED_TRACE(name);
    const Scan statements(name);
    EXPECT_FALSE(statements.kinds.empty());
    for (const Transaction &transaction : statements.transactions)
      EXPECT_EQ(transaction.kind, transaction.ddl
                                      ? TransactionKind::STANDALONE
                                      : TransactionKind::COMMIT_XID);
  }
}

TEST(Sample, OfOtherEnginesEndsWithCommitOrRollback) {
  EXPECT_THAT(Scan("non-transactional.binlog").kinds,
              ElementsAre(TransactionKind::COMMIT, TransactionKind::COMMIT,
                          TransactionKind::ROLLBACK, TransactionKind::COMMIT,
                          TransactionKind::COMMIT));
}

TEST(Sample, OfDdlIsStandalone) {
  const Scan ddl("ddl.binlog");
  for (const Transaction &transaction : ddl.transactions) {
    // CREATE ... SELECT as rows commits like any transaction.
    const bool has_xid = transaction.xid != 0;
    EXPECT_TRUE(transaction.ddl || has_xid);
    EXPECT_EQ(transaction.kind, has_xid ? TransactionKind::COMMIT_XID
                                        : TransactionKind::STANDALONE);
  }
}

TEST(Sample, OfTwoEnginesSaysSo) {
  const Scan engines("multi-engine.binlog");
  ASSERT_EQ(engines.transactions.size(), 1u);
  EXPECT_EQ(engines.transactions[0].extra_engines, 1);
}

TEST(Sample, SaysWhetherItWasClosed) {
  EXPECT_TRUE(Scan("in-use.binlog").result.format.in_use);
  EXPECT_FALSE(Scan("stopped.binlog").result.format.in_use);
  EXPECT_EQ(Scan("stopped.binlog").result.format.server_version.substr(0, 5),
            "10.11");
}

TEST(Sample, ThatIsTornEndsWithItsLastWholeTransaction) {
  const Scan whole("in-use.binlog");
  EXPECT_EQ(whole.result.tail, Tail::CLEAN);
  for (const char *name :
       {"torn-body.binlog", "torn-header.binlog", "torn-zeros.binlog"}) {
    SCOPED_TRACE(name);
    const Scan torn(name);
    EXPECT_THAT(torn.result.error.text(), IsEmpty());
    EXPECT_EQ(torn.result.tail, Tail::TORN);
    EXPECT_LT(torn.result.end_of_transactions, whole.result.end_of_events);
  }
}

/* bin.000002 has what the engine had not synced when the server was killed. */
TEST(Sample, OfAKilledServerLeadsToTheLogInWhichRecoveryBegins) {
  const std::string chain = folder + "/chain";
  BinlogIndex index;
  ASSERT_THAT(read_binlog_index(chain + "/bin.index", chain, &index).text(),
              IsEmpty());
  RecoveryLogs logs;
  ASSERT_THAT(find_recovery_logs(index, nullptr, &logs).text(), IsEmpty());
  EXPECT_TRUE(logs.in_use);
  EXPECT_THAT(logs.logs,
              ElementsAre(chain + "/bin.000002", chain + "/bin.000003",
                          chain + "/bin.000004"));
}

TEST(Sample, OfARelayLogIsRefused) {
  EXPECT_THAT(Scan("relay-log.binlog").result.error.text(),
              HasSubstr("is a relay log"));
}

TEST(Sample, ThatIsEncryptedEndsWhereItEndsWithoutTheKeyToo) {
  for (const char *name :
       {"encrypted.binlog", "encrypted-no-checksums.binlog"}) {
    SCOPED_TRACE(name);
    SampleDecryptor decryptor;
    const Scan with_key(name, &decryptor), without(name);
    EXPECT_THAT(with_key.result.error.text(), IsEmpty());
    EXPECT_THAT(without.result.error.text(),
                HasSubstr("can only be read inside the server"));
    EXPECT_TRUE(without.result.is_encrypted);
    EXPECT_TRUE(without.result.format.in_use);
    EXPECT_THAT(without.transactions, IsEmpty());
    EXPECT_EQ(without.result.end_of_events, with_key.result.end_of_events);
    EXPECT_EQ(without.result.tail, Tail::CLEAN);
  }
}

}  // namespace
}  // namespace recovery_gate
