#include "recovery_gate/state_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>

namespace recovery_gate {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

const Obligation owed{true, {"bin.000002", 662}, "0-1-9"};
const Obligation settled{false, {}, ""};

/*
  A folder in memory that forgets what was not synced: contents that were not
  written by write_synced() do not exist here, and a rename is lost in a crash
  until the folder is synced. One call, counted from 0, can be made to fail or
  to be the last before the crash.
*/
class FaultyFiles final : public FileLayer {
 public:
  enum class Fault { NONE, ERROR, CRASH_BEFORE, CRASH_AFTER, TORN_WRITE };
  struct Crash {};

  Fault fault = Fault::NONE;
  int faulty_call = -1;
  int calls = 0;

  int read(const std::string &path, std::string *content) override {
    return run([&] {
      const auto file = now_.find(path);
      if (file == now_.end()) return ENOENT;
      *content = file->second;
      return 0;
    });
  }
  int write_synced(const std::string &path,
                   const std::string &content) override {
    if (fault == Fault::TORN_WRITE && calls == faulty_call) {
      now_[path] = durable_[path] = content.substr(0, content.size() / 2);
      throw Crash();
    }
    return run([&] {
      now_[path] = durable_[path] = content;
      return 0;
    });
  }
  int rename(const std::string &from, const std::string &to) override {
    return run([&] {
      if (!now_.count(from)) return ENOENT;
      now_[to] = now_[from];
      now_.erase(from);
      return 0;
    });
  }
  int sync_folder(const std::string &) override {
    return run([&] {
      durable_ = now_;
      return 0;
    });
  }

  /* The machine comes back: what was not synced may be there or not. */
  void come_back(bool unsynced_survived) {
    if (unsynced_survived)
      durable_ = now_;
    else
      now_ = durable_;
    fault = Fault::NONE;
  }

  void put(const std::string &path, const std::string &content) {
    now_[path] = durable_[path] = content;
  }
  bool has(const std::string &path) const { return now_.count(path) != 0; }

 private:
  template <typename Operation>
  int run(Operation operation) {
    const bool faulty = calls++ == faulty_call;
    if (faulty && fault == Fault::ERROR) return EIO;
    if (faulty && fault == Fault::CRASH_BEFORE) throw Crash();
    const int error = operation();
    if (faulty && fault == Fault::CRASH_AFTER) throw Crash();
    return error;
  }

  std::map<std::string, std::string> now_, durable_;
};

std::optional<Obligation> loaded(FileLayer &files) {
  Obligation obligation;
  if (!StateFile(files, "data").load(&obligation).empty()) return std::nullopt;
  return obligation;
}

TEST(StateFileBytes, AreReadAsTheyWereWritten) {
  for (const Obligation &written :
       {owed, settled, Obligation{true, {}, "0-1-9,1-2-3"}}) {
    Obligation read;
    EXPECT_THAT(decode(encode(written), &read), IsEmpty());
    EXPECT_TRUE(read == written);
  }
}

TEST(StateFileBytes, AreThoseOfTheDocument) {
  EXPECT_THAT(encode(owed),
              HasSubstr("recovery-gate-state 1\nobligation open\n"
                        "file bin.000002\noffset 662\ngtid 0-1-9\ncrc32 "));
}

TEST(StateFileBytes, AreRefusedWhenCutAnywhere) {
  const std::string whole = encode(owed);
  for (std::size_t length = 0; length < whole.size(); ++length) {
    Obligation read;
    EXPECT_NE(decode(whole.substr(0, length), &read), "") << length;
  }
}

TEST(StateFileBytes, AreRefusedWhenAnyByteIsChanged) {
  const std::string whole = encode(owed);
  for (std::size_t at = 0; at < whole.size(); ++at)
    for (const char flip : {'\x01', '\x20', '\x80'}) {
      std::string damaged = whole;
      damaged[at] = static_cast<char>(damaged[at] ^ flip);
      Obligation read;
      EXPECT_NE(decode(damaged, &read), "") << at;
    }
}

TEST(StateFileBytes, AreRefusedWithMoreBehindThem) {
  Obligation read;
  EXPECT_NE(decode(encode(owed) + "\n", &read), "");
  EXPECT_NE(decode(encode(owed) + encode(owed), &read), "");
}

TEST(StateFileBytes, SayWhenTheyAreOfAnotherVersionOrNotOurs) {
  Obligation read;
  std::string later = encode(owed);
  later.replace(later.find(" 1\n"), 3, " 2\n");
  EXPECT_THAT(decode(later, &read), HasSubstr("another version"));
  EXPECT_THAT(decode("hello\n", &read), HasSubstr("not a state file"));
  EXPECT_THAT(decode("", &read), HasSubstr("not a state file"));
}

TEST(StateFile, HasNoObligationWhenNothingWasEverSaved) {
  FaultyFiles files;
  ASSERT_TRUE(loaded(files));
  EXPECT_FALSE(loaded(files)->open);
}

TEST(StateFile, LoadsWhatWasSaved) {
  FaultyFiles files;
  EXPECT_THAT(StateFile(files, "data").save(owed), IsEmpty());
  EXPECT_TRUE(loaded(files) == owed);
  EXPECT_THAT(StateFile(files, "data").save(settled), IsEmpty());
  EXPECT_TRUE(loaded(files) == settled);
}

TEST(StateFile, CrashedAtAnyCallHoldsTheOldContentOrTheNew) {
  using Fault = FaultyFiles::Fault;
  for (const Fault fault :
       {Fault::CRASH_BEFORE, Fault::CRASH_AFTER, Fault::TORN_WRITE})
    for (const bool unsynced_survived : {false, true})
      for (int call = 0; call < 3; ++call) {
        SCOPED_TRACE(::testing::Message() << int(fault) << " at " << call);
        FaultyFiles files;
        ASSERT_THAT(StateFile(files, "data").save(settled), IsEmpty());
        files.calls = 0;
        files.fault = fault;
        files.faulty_call = call;
        bool returned = false;
        try {
          StateFile(files, "data").save(owed);
          returned = true;
        } catch (const FaultyFiles::Crash &) {
        }
        if (fault != Fault::TORN_WRITE) {
          EXPECT_FALSE(returned);
        }
        files.come_back(unsynced_survived);
        const auto content = loaded(files);
        ASSERT_TRUE(content);
        EXPECT_TRUE(*content == owed || *content == settled);
      }
}

TEST(StateFile, IsSafeOnceSaveReturned) {
  FaultyFiles files;
  ASSERT_THAT(StateFile(files, "data").save(owed), IsEmpty());
  files.come_back(false);
  EXPECT_TRUE(loaded(files) == owed);
}

TEST(StateFile, SaysWhichCallFailedAndKeepsOldOrNew) {
  for (int call = 0; call < 3; ++call) {
    SCOPED_TRACE(call);
    FaultyFiles files;
    ASSERT_THAT(StateFile(files, "data").save(owed), IsEmpty());
    files.calls = 0;
    files.fault = FaultyFiles::Fault::ERROR;
    files.faulty_call = call;
    EXPECT_THAT(StateFile(files, "data").save(settled),
                HasSubstr("recovery_gate.state: "));
    files.come_back(false);
    const auto content = loaded(files);
    ASSERT_TRUE(content);
    EXPECT_TRUE(*content == owed || *content == settled);
  }
}

TEST(StateFile, SaysWhyItCannotBeRead) {
  FaultyFiles files;
  files.fault = FaultyFiles::Fault::ERROR;
  files.faulty_call = 0;
  Obligation obligation;
  EXPECT_THAT(StateFile(files, "data").load(&obligation),
              HasSubstr("data/recovery_gate.state cannot be read"));
}

TEST(StateFile, KeepsADamagedFileAsideWhenItIsReplaced) {
  FaultyFiles files;
  files.put("data/recovery_gate.state", "garbage");
  StateFile state(files, "data");
  Obligation obligation;
  EXPECT_THAT(state.load(&obligation), HasSubstr("cannot be trusted"));
  EXPECT_FALSE(files.has("data/recovery_gate.state.damaged"));
  EXPECT_THAT(state.save(owed), IsEmpty());
  EXPECT_TRUE(files.has("data/recovery_gate.state.damaged"));
  EXPECT_TRUE(loaded(files) == owed);
}

TEST(StateFile, IsNeverGoneWhileADamagedOneIsReplaced) {
  using Fault = FaultyFiles::Fault;
  for (const Fault fault : {Fault::CRASH_BEFORE, Fault::CRASH_AFTER})
    for (const bool unsynced_survived : {false, true})
      for (int call = 1; call <= 4; ++call) {
        SCOPED_TRACE(::testing::Message() << int(fault) << " at " << call);
        FaultyFiles files;
        files.put("data/recovery_gate.state", "garbage");
        files.fault = fault;
        files.faulty_call = call;
        StateFile state(files, "data");
        Obligation obligation;
        ASSERT_NE(state.load(&obligation), "");
        EXPECT_THROW(state.save(owed), FaultyFiles::Crash);
        files.come_back(unsynced_survived);
        const auto content = loaded(files);
        EXPECT_TRUE(!content || *content == owed);
      }
}

class StateFileOnDisk : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "state-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string path() const { return folder_ + "/recovery_gate.state"; }

  PosixFiles files_;
  std::string folder_;
};

TEST_F(StateFileOnDisk, LoadsWhatWasSaved) {
  ASSERT_THAT(StateFile(files_, folder_).save(owed), IsEmpty());
  Obligation obligation;
  EXPECT_THAT(StateFile(files_, folder_).load(&obligation), IsEmpty());
  EXPECT_TRUE(obligation == owed);
  EXPECT_FALSE(std::filesystem::exists(path() + ".new"));
}

TEST_F(StateFileOnDisk, MissingIsNoObligation) {
  Obligation obligation = owed;
  EXPECT_THAT(StateFile(files_, folder_).load(&obligation), IsEmpty());
  EXPECT_FALSE(obligation.open);
}

TEST_F(StateFileOnDisk, RefusesAFolderInItsPlaceAndAHugeFile) {
  Obligation obligation;
  std::filesystem::create_directory(path());
  EXPECT_NE(StateFile(files_, folder_).load(&obligation), "");
  EXPECT_NE(StateFile(files_, folder_).save(owed), "");
  std::filesystem::remove(path());
  std::ofstream(path()) << std::string(1 << 20, 'x');
  EXPECT_THAT(StateFile(files_, folder_).load(&obligation),
              HasSubstr("cannot be read"));
}

TEST_F(StateFileOnDisk, SaysWhenTheFolderIsGone) {
  EXPECT_THAT(StateFile(files_, folder_ + "/gone").save(owed),
              HasSubstr("cannot write"));
}

}  // namespace
}  // namespace recovery_gate
