// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/ledger/settlement.h"

#include "testing/fake_binlog.h"

namespace recovery_gate {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

GtidState gtid(std::uint32_t server_id, std::uint64_t number,
               std::uint32_t domain = 0) {
  return {{{domain, server_id}, number}};
}

/* The binary log is settled up to where it is; `own` are the server's ids. */
Settled settled_here(const FakeBinlog &binlog, const ServerIds &own) {
  const BinlogSample now = binlog.now();
  return {now.end, now.identity, from_servers(now.gtids, own),
          now.log.server_id};
}

Unsettled unsettled(const FakeBinlog &binlog,
                    const std::optional<Settled> &settled,
                    const ServerIds &other_ids = {}) {
  return find_unsettled(settled, other_ids, binlog.starts(), binlog.gtids());
}

/* -------------------------------------------------------------------------
   Since a settled position. */

TEST(Settlement, FindsNothingWhereNothingWasWritten) {
  FakeBinlog binlog;
  for (const bool something_before : {false, true}) {
    if (something_before) binlog.write_own();
    const Unsettled found = unsettled(binlog, settled_here(binlog, {1}));
    EXPECT_TRUE(found.empty());
    EXPECT_TRUE(found.since_settled);
    EXPECT_THAT(found.first_log, IsEmpty());
  }
}

TEST(Settlement, FindsWhatTheServerWroteSince) {
  FakeBinlog binlog;
  binlog.write_own();
  const Settled settled = settled_here(binlog, {1});
  binlog.write_own();
  binlog.write_own();
  binlog.write(1, 7);
  const Unsettled found = unsettled(binlog, settled);
  EXPECT_FALSE(found.empty());
  EXPECT_EQ(to_string(found.gtids), "0-1-3,7-1-1");
  EXPECT_EQ(found.first_log, binlog.paths().back());
  EXPECT_TRUE(found.since_settled);
}

TEST(Settlement, FindsItInLaterLogsAndNamesTheFirst) {
  FakeBinlog binlog;
  binlog.write_own();
  const Settled settled = settled_here(binlog, {1});
  binlog.rotate();
  binlog.write(2);
  binlog.rotate();
  binlog.write_own();
  binlog.rotate();
  binlog.write_own();
  binlog.rotate();
  const Unsettled found = unsettled(binlog, settled);
  EXPECT_EQ(found.gtids, gtid(1, 4));
  EXPECT_EQ(found.first_log, binlog.paths()[2]);
}

TEST(Settlement, NamesTheSettledLogWhenMoreOfItIsUnsettled) {
  FakeBinlog binlog;
  binlog.rotate();
  const Settled settled = settled_here(binlog, {1});
  binlog.write_own();
  binlog.rotate();
  binlog.write_own();
  EXPECT_EQ(unsettled(binlog, settled).first_log, binlog.paths()[1]);
}

TEST(Settlement, DoesNotMindWhatCameFromElsewhere) {
  FakeBinlog binlog;
  binlog.write_own();
  const Settled settled = settled_here(binlog, {1});
  binlog.write(2);
  binlog.rotate();
  binlog.write(2);
  binlog.write(3, 7);
  EXPECT_TRUE(unsettled(binlog, settled).empty());
}

TEST(Settlement, TellsLocalWritesFromReplicatedOnes) {
  FakeBinlog binlog;
  const Settled settled = settled_here(binlog, {1});
  binlog.write(2);
  binlog.write_own();
  binlog.write(2);
  EXPECT_EQ(unsettled(binlog, settled).gtids, gtid(1, 2));
}

TEST(Settlement, CountsWhatRecoveryCutOffForNothing) {
  FakeBinlog binlog;
  binlog.write_own();
  const Settled settled = settled_here(binlog, {1});
  const GtidState gtids = binlog.gtids();
  binlog.write_own();
  binlog.truncate(settled.position.offset, gtids);
  EXPECT_TRUE(unsettled(binlog, settled).empty());
}

/* -------------------------------------------------------------------------
   Whose it is. */

TEST(Settlement, TakesEachLogForThatOfTheServerThatWroteIt) {
  // The id was changed between two starts, and back.
  FakeBinlog binlog(1);
  binlog.write_own();
  const Settled settled = settled_here(binlog, {1});
  binlog.write_own();
  binlog.shut_down();
  binlog.start(2);
  binlog.write_own();
  binlog.shut_down();
  binlog.start(3);
  EXPECT_EQ(to_string(unsettled(binlog, settled).gtids), "0-1-2,0-2-3");
}

TEST(Settlement, OwesWhatWasWrittenUnderAnIdThatTheServerHadBefore) {
  FakeBinlog binlog(1);
  const Settled settled = settled_here(binlog, {1});
  binlog.write_own();
  binlog.shut_down();
  binlog.start(2);
  EXPECT_EQ(unsettled(binlog, settled).gtids, gtid(1, 1));
  EXPECT_EQ(unsettled(binlog, std::nullopt).gtids, gtid(1, 1));
}

TEST(Settlement, TakesWhatAClonedReplicaReceivesForItsPrimarys) {
  // The old logs are a copy of the primary's, and so is their id.
  FakeBinlog binlog(1);
  binlog.write_own();
  const Settled settled = settled_here(binlog, {1});
  binlog.shut_down();
  binlog.start(2);
  binlog.write(1);
  binlog.rotate();
  binlog.write(1);
  EXPECT_TRUE(unsettled(binlog, settled).empty());
  binlog.write_own();
  EXPECT_EQ(unsettled(binlog, settled).gtids, gtid(2, 4));
}

TEST(Settlement, OwesWhatAFormerPrimaryWroteEvenIfItIsAReplicaSince) {
  FakeBinlog binlog(1);
  const Settled settled = settled_here(binlog, {1});
  binlog.write_own();
  binlog.rotate();
  binlog.write(2);
  binlog.rotate();
  binlog.write(2);
  EXPECT_EQ(unsettled(binlog, settled).gtids, gtid(1, 1));
}

TEST(Settlement, CountsTheOtherIdsFromTheSettledPlaceOn) {
  FakeBinlog binlog(1);
  binlog.write(5);
  const ServerIds own{1, 5};
  const Settled settled = settled_here(binlog, own);
  EXPECT_TRUE(unsettled(binlog, settled, {5}).empty());
  binlog.write(5);
  EXPECT_TRUE(unsettled(binlog, settled).empty());
  EXPECT_EQ(unsettled(binlog, settled, {5}).gtids, gtid(5, 2));
  binlog.rotate();
  binlog.write(6);
  binlog.rotate();
  EXPECT_EQ(to_string(unsettled(binlog, settled, {5, 6}).gtids), "0-5-2,0-6-3");
}

/* -------------------------------------------------------------------------
   Without a settled position that counts. */

TEST(Settlement, WithoutASettledPlaceFindsAllThatTheLogsHold) {
  FakeBinlog binlog;
  binlog.write_own();
  binlog.rotate();
  binlog.write(2);
  binlog.write(1, 7);
  const Unsettled found = unsettled(binlog, std::nullopt);
  EXPECT_EQ(to_string(found.gtids), "0-1-1,7-1-1");
  EXPECT_EQ(found.first_log, binlog.paths().front());
  EXPECT_FALSE(found.since_settled);
}

TEST(Settlement, WithoutASettledPlaceLeavesOutWhatCameBeforeTheFirstLog) {
  FakeBinlog binlog;
  binlog.write_own();
  binlog.rotate();
  binlog.purge_all_but(1);
  EXPECT_TRUE(unsettled(binlog, std::nullopt).empty());
  EXPECT_TRUE(unsettled(binlog, std::nullopt, {1}).empty());
  binlog.write(1, 7);
  EXPECT_EQ(unsettled(binlog, std::nullopt).gtids, gtid(1, 1, 7));
}

TEST(Settlement, WithoutLogsFindsNothing) {
  EXPECT_TRUE(find_unsettled(std::nullopt, {}, {}, gtid(1, 5)).empty());
  FakeBinlog binlog;
  EXPECT_TRUE(
      find_unsettled(settled_here(binlog, {1}), {1}, {}, gtid(1, 5)).empty());
}

TEST(Settlement, CountsForNothingInAnotherLogOfTheSameName) {
  FakeBinlog binlog;
  binlog.write(2);
  Settled settled = settled_here(binlog, {1});
  binlog.reset();
  binlog.write_own();
  binlog.write_own();
  // Not even when that log is as long, and its GTIDs are those.
  settled.position = binlog.position();
  settled.gtids = binlog.gtids();
  const Unsettled found = unsettled(binlog, settled);
  EXPECT_EQ(found.gtids, gtid(1, 2));
  EXPECT_FALSE(found.since_settled);
}

TEST(Settlement, CountsForNothingPastTheEndOfItsLog) {
  FakeBinlog binlog;
  binlog.write_own();
  const std::uint64_t size = binlog.position().offset;
  const GtidState gtids = binlog.gtids();
  binlog.write_own();
  const Settled settled = settled_here(binlog, {1});
  binlog.truncate(size, gtids);
  const Unsettled found = unsettled(binlog, settled);
  EXPECT_EQ(found.gtids, gtid(1, 1));
  EXPECT_FALSE(found.since_settled);
}

TEST(Settlement, CountsForNothingInALogThatIsNotThereYet) {
  FakeBinlog binlog;
  binlog.write_own();
  Settled settled = settled_here(binlog, {1});
  settled.position.file = "bin.000002";
  EXPECT_EQ(unsettled(binlog, settled).gtids, gtid(1, 1));
}

TEST(Settlement, CountsForNothingInAnotherSeriesOfLogs) {
  FakeBinlog binlog;
  binlog.write_own();
  Settled settled = settled_here(binlog, {1});
  settled.position.file = "old-bin.000001";
  EXPECT_EQ(unsettled(binlog, settled).gtids, gtid(1, 1));
  binlog.rotate();
  binlog.write_own();
  binlog.purge_all_but(1);
  EXPECT_EQ(unsettled(binlog, settled).gtids, gtid(1, 2));
  EXPECT_FALSE(unsettled(binlog, settled).since_settled);
}

/* -------------------------------------------------------------------------
   Its log was purged. */

TEST(Settlement, CountsStillWhenItsLogWasPurged) {
  FakeBinlog binlog;
  binlog.write_own();
  const Settled settled = settled_here(binlog, {1});
  binlog.rotate();
  binlog.write(2);
  binlog.rotate();
  binlog.purge_all_but(1);
  const Unsettled found = unsettled(binlog, settled);
  EXPECT_TRUE(found.empty());
  EXPECT_TRUE(found.since_settled);
}

TEST(Settlement, FindsAlsoWhatThePurgedLogsHeld) {
  FakeBinlog binlog;
  binlog.write_own();
  const Settled settled = settled_here(binlog, {1});
  binlog.write_own();
  binlog.rotate();
  binlog.purge_all_but(1);
  Unsettled found = unsettled(binlog, settled);
  EXPECT_EQ(found.gtids, gtid(1, 2));
  EXPECT_THAT(found.first_log, IsEmpty()) << "it is gone";
  EXPECT_TRUE(found.since_settled);

  binlog.write_own();
  found = unsettled(binlog, settled);
  EXPECT_EQ(found.gtids, gtid(1, 3));
  EXPECT_THAT(found.first_log, IsEmpty());
}

TEST(Settlement, NamesTheFirstLogThatHoldsAnyAlsoAfterAPurge) {
  FakeBinlog binlog;
  binlog.write_own();
  const Settled settled = settled_here(binlog, {1});
  binlog.rotate();
  binlog.rotate();
  binlog.write_own();
  binlog.purge_all_but(2);
  binlog.rotate();
  const Unsettled found = unsettled(binlog, settled);
  EXPECT_EQ(found.gtids, gtid(1, 2));
  EXPECT_EQ(found.first_log, binlog.paths()[1]);
}

TEST(Settlement, TakesAllKnownIdsForItsOwnInLogsThatWerePurged) {
  FakeBinlog binlog(1);
  binlog.write_own();
  binlog.write(5);
  const Settled settled = settled_here(binlog, {1});
  binlog.write_own();
  binlog.write(5);
  binlog.shut_down();
  binlog.start(2);
  binlog.write_own();
  binlog.rotate();
  binlog.purge_all_but(1);
  // 1 is in the settled GTIDs, 2 is the id of the next log.
  EXPECT_EQ(to_string(unsettled(binlog, settled).gtids), "0-1-3,0-2-5");
  EXPECT_EQ(to_string(unsettled(binlog, settled, {5}).gtids),
            "0-1-3,0-2-5,0-5-4");
}

TEST(Settlement, CountsForNothingWhenTheLogsWereBegunAnewPastIts) {
  FakeBinlog binlog;
  binlog.write_own();
  const Settled settled = settled_here(binlog, {1});
  binlog.reset(10);
  binlog.write(2);
  EXPECT_FALSE(unsettled(binlog, settled).since_settled);
  binlog.write_own();
  EXPECT_EQ(unsettled(binlog, settled).gtids, gtid(1, 2));
  EXPECT_EQ(unsettled(binlog, settled).first_log, binlog.paths().front());
}

TEST(Settlement, CountsStillWhenItsLogWasPurgedAndNothingOwnCameBefore) {
  for (const bool something_since : {false, true}) {
    FakeBinlog binlog;
    binlog.write(2);
    const Settled settled = settled_here(binlog, {1});
    if (something_since) binlog.write_own();
    binlog.rotate();
    binlog.purge_all_but(1);
    EXPECT_EQ(unsettled(binlog, settled).empty(), !something_since);
    EXPECT_TRUE(unsettled(binlog, settled).since_settled);
  }
}

TEST(Settlement, FollowsThePurgedLogPastTheMillionth) {
  FakeBinlog binlog;
  binlog.reset(999999);
  binlog.write_own();
  const Settled settled = settled_here(binlog, {1});
  binlog.rotate();
  ASSERT_EQ(binlog.position().file, "bin.1000000");
  EXPECT_TRUE(unsettled(binlog, settled).empty());
  binlog.purge_all_but(1);
  EXPECT_TRUE(unsettled(binlog, settled).empty());
  EXPECT_TRUE(unsettled(binlog, settled).since_settled);
}

/* -------------------------------------------------------------------------
   Logs that do not say what came before them. */

TEST(Settlement, InDoubtTakesATransactionInEncryptedLogsForItsOwn) {
  FakeBinlog binlog(1);
  const Settled settled = settled_here(binlog, {1});
  binlog.encrypt_from_now_on();
  binlog.shut_down();
  binlog.start(2);
  ASSERT_EQ(binlog.starts().back().gtids_before, std::nullopt);
  binlog.write(1);  // received, but nothing says so
  EXPECT_EQ(unsettled(binlog, settled).gtids, gtid(1, 1));
  EXPECT_EQ(unsettled(binlog, settled).first_log, binlog.paths().front());
}

TEST(Settlement, StillTellsForeignTransactionsInEncryptedLogs) {
  FakeBinlog binlog(1);
  binlog.encrypt_from_now_on();
  binlog.rotate();
  const Settled settled = settled_here(binlog, {1});
  binlog.write(2);
  binlog.rotate();
  binlog.write(2);
  EXPECT_TRUE(unsettled(binlog, settled).empty());
  binlog.write_own();
  EXPECT_EQ(unsettled(binlog, settled).gtids, gtid(1, 3));
  EXPECT_EQ(unsettled(binlog, settled).first_log, binlog.paths()[1]);
}

TEST(Settlement, WithoutASettledPlaceOwesAllBeforeAnEncryptedLogToo) {
  FakeBinlog binlog(1);
  binlog.write_own();
  binlog.encrypt_from_now_on();
  binlog.rotate();
  binlog.purge_all_but(1);
  EXPECT_EQ(unsettled(binlog, std::nullopt).gtids, gtid(1, 1));
}

TEST(Settlement, CountsForNothingWhenTheFirstLogThereIsIsEncrypted) {
  FakeBinlog binlog(1);
  binlog.write_own();
  const Settled settled = settled_here(binlog, {1});
  binlog.encrypt_from_now_on();
  binlog.rotate();
  binlog.purge_all_but(1);
  EXPECT_EQ(unsettled(binlog, settled).gtids, gtid(1, 1));
  EXPECT_FALSE(unsettled(binlog, settled).since_settled);
}

/* -------------------------------------------------------------------------
   By reading events. */

Unsettled written(const FakeBinlog &binlog,
                  const std::optional<Settled> &settled,
                  const ServerIds &other_ids = {}) {
  return find_written(settled, other_ids, binlog.starts(), binlog.gtids());
}

TEST(Written, FindsTheSameAsTheListsTell) {
  FakeBinlog binlog;
  binlog.write_own();
  const Settled settled = settled_here(binlog, {1});
  EXPECT_TRUE(written(binlog, settled).empty());
  EXPECT_TRUE(written(binlog, settled).since_settled);
  binlog.write(2);
  binlog.rotate();
  binlog.write(2);
  EXPECT_TRUE(written(binlog, settled).empty());
  EXPECT_EQ(written(binlog, settled, {2}).gtids, gtid(2, 3));
  binlog.write_own();
  EXPECT_EQ(written(binlog, settled).gtids, gtid(1, 4));
  EXPECT_EQ(written(binlog, settled).first_log, binlog.paths()[1]);
}

TEST(Written, FindsAlsoAGtidThatWasWrittenOnceMore) {
  FakeBinlog binlog;
  binlog.write_own();
  const Settled settled = settled_here(binlog, {1});
  binlog.write_again(1);
  ASSERT_TRUE(unsettled(binlog, settled).empty());
  EXPECT_EQ(written(binlog, settled).gtids, gtid(1, 1));
  EXPECT_EQ(written(binlog, settled).first_log, binlog.paths()[0]);
}

TEST(Written, TakesEachLogForThatOfTheServerThatWroteIt) {
  FakeBinlog binlog(1);
  const Settled settled = settled_here(binlog, {1});
  binlog.write_own();
  binlog.shut_down();
  binlog.start(2);
  binlog.write(1);
  EXPECT_EQ(written(binlog, settled).first_log, binlog.paths()[0]);
  binlog.rotate();
  const Settled later = settled_here(binlog, {2});
  binlog.write(1);
  EXPECT_TRUE(written(binlog, later).empty());
}

TEST(Written, IsNothingWithoutASettledPlaceInTheLogs) {
  FakeBinlog binlog;
  binlog.write_own();
  const Settled settled = settled_here(binlog, {1});
  EXPECT_TRUE(written(binlog, std::nullopt).empty());
  binlog.rotate();
  binlog.write_own();
  binlog.purge_all_but(1);
  EXPECT_TRUE(written(binlog, settled).empty());
  EXPECT_FALSE(written(binlog, settled).since_settled);
}

TEST(Written, IsNothingInEncryptedLogs) {
  FakeBinlog binlog;
  binlog.encrypt_from_now_on();
  binlog.rotate();
  const Settled settled = settled_here(binlog, {1});
  binlog.write_own();
  EXPECT_TRUE(written(binlog, settled).empty());
}

/* -------------------------------------------------------------------------
   The starts of logs. */

TEST(LogStarts, AreReadInTheOrderGiven) {
  FakeBinlog binlog(1);
  binlog.write_own();
  binlog.shut_down();
  binlog.start(2);
  Failure failure;
  const auto starts = read_log_starts(binlog.paths(), &failure);
  EXPECT_EQ(failure.text(), "");
  ASSERT_THAT(starts, SizeIs(2));
  EXPECT_EQ(starts[0].path, binlog.paths()[0]);
  EXPECT_EQ(starts[0].server_id, 1u);
  EXPECT_EQ(starts[0].gtids_before, GtidState());
  EXPECT_EQ(starts[1].path, binlog.paths()[1]);
  EXPECT_EQ(starts[1].server_id, 2u);
  EXPECT_EQ(starts[1].gtids_before, gtid(1, 1));
}

TEST(LogStarts, LeaveOutWhatCannotBeReadAndSayTheFirst) {
  FakeBinlog binlog;
  TestFolder folder;
  const std::string alien = folder.write("alien", std::string(100, 'x'));
  Failure failure;
  const auto starts = read_log_starts(
      {folder.file("gone"), binlog.paths()[0], alien}, &failure);
  EXPECT_THAT(failure.text(), tells(folder.file("gone"), "No such file"));
  ASSERT_THAT(starts, SizeIs(1));
  EXPECT_EQ(starts[0].path, binlog.paths()[0]);

  failure = "the index cannot be read";
  read_log_starts({alien}, &failure);
  EXPECT_EQ(failure.text(), "the index cannot be read");
}

TEST(LogStarts, OfNoLogsAreNone) {
  Failure failure;
  EXPECT_THAT(read_log_starts({}, &failure), IsEmpty());
  EXPECT_EQ(failure.text(), "");
}

TEST(Settled, DiffersWhenAnyOfItDiffers) {
  const Settled settled{{"bin.000001", 4}, 7, gtid(1, 1)};
  EXPECT_TRUE(settled == settled);
  EXPECT_FALSE(settled == (Settled{{"bin.000002", 4}, 7, gtid(1, 1)}));
  EXPECT_FALSE(settled == (Settled{{"bin.000001", 5}, 7, gtid(1, 1)}));
  EXPECT_FALSE(settled == (Settled{{"bin.000001", 4}, 8, gtid(1, 1)}));
  EXPECT_FALSE(settled == (Settled{{"bin.000001", 4}, 7, gtid(1, 2)}));
}

}  // namespace
}  // namespace recovery_gate
