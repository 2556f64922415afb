// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/ledger/claim.h"

#include <gmock/gmock.h>

namespace recovery_gate {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::uint32_t self = 1, other = 2;

Owed owed_in(std::uint32_t domain, std::uint64_t first, std::uint64_t last) {
  Owed owed;
  OwedDomain &of_domain = owed.domains[domain];
  of_domain.first = {domain, self, first};
  of_domain.last = {domain, self, last};
  of_domain.highest = {{self, last}};
  of_domain.writers = {self};
  return owed;
}

ServerGtids server(const GtidState &logged, const GtidState &applied = {}) {
  return {other, "db2:3306 (server_id 2)", logged, applied};
}

Possession of(const Claim &claim, const ServerGtids &upstream) {
  return find_among({claim}, {upstream}).possession;
}

TEST(Claim, IsMadeGoodByTheLastGtid) {
  const Claim claim = claim_of(owed_in(0, 7, 8), {}, History());
  EXPECT_EQ(of(claim, server({{{0, self}, 8}})), Possession::HAS);
  EXPECT_EQ(of(claim, server({{{0, self}, 8}, {{0, other}, 20}})),
            Possession::HAS);
  EXPECT_EQ(of(claim, server({}, {{{0, self}, 8}})), Possession::HAS);
  EXPECT_EQ(of(claim, server({{{0, self}, 7}})), Possession::LACKS);
  // Its own later numbers in the domain say nothing of this server's.
  EXPECT_EQ(of(claim, server({{{0, self}, 7}, {{0, other}, 20}})),
            Possession::LACKS);
}

TEST(Claim, IsNotJudgedByAServerThatNamesNothingOfTheSource) {
  const Claim claim = claim_of(owed_in(0, 7, 8), {}, History());
  for (const GtidState &logged :
       {GtidState{}, GtidState{{{0, other}, 20}}, GtidState{{{1, self}, 20}}})
    EXPECT_EQ(of(claim, server(logged)), Possession::NOT_SHOWN);
}

TEST(Claim, NamesWhatIsLackingAndWho) {
  const Claim claim = claim_of(owed_in(0, 7, 8), {}, History());
  const Finding finding = find_among({claim}, {server({{{0, self}, 7}})});
  EXPECT_EQ(finding.lacking, (GtidState{{{0, self}, 8}}));
  EXPECT_EQ(finding.why, "db2:3306 (server_id 2) lacks GTID 0-1-8");
}

TEST(Claim, OfWhatWasAppliedAndNotLoggedOnlyTheLastIsKnown) {
  const Claim claim = claim_of(owed_in(0, 7, 8), {}, History());
  // It applied 0-3-12 last: 0-1-8 may have come before that.
  const GtidState once = {{{0, self}, 2}};
  EXPECT_EQ(of(claim, server(once, {{{0, 3}, 12}})), Possession::NOT_SHOWN);
  EXPECT_EQ(of(claim, server(once, {{{0, 3}, 6}})), Possession::LACKS);
  // What it logs, it would have logged.
  EXPECT_EQ(of(claim, server({{{0, self}, 2}, {{0, 3}, 12}}, {{{0, 3}, 12}})),
            Possession::LACKS);
}

/* It began within 0-1-8 with a file and a position. */
TEST(Claim, IsNotMadeGoodByWhatAServerWasTold) {
  History history;
  history.told = {{{0, other}, 8}};
  Claim claim = claim_of(owed_in(0, 7, 8), {}, history);
  EXPECT_EQ(of(claim, server({}, {{{0, self}, 8}})), Possession::NOT_SHOWN);
  EXPECT_EQ(of(claim, server({{{0, self}, 7}}, {{{0, self}, 8}})),
            Possession::NOT_SHOWN);
  EXPECT_EQ(of(claim, server({{{0, self}, 8}})), Possession::HAS);
  // It may have come with GTIDs, here or elsewhere, and been served from
  // behind.
  claim = claim_of(owed_in(0, 7, 9), {}, history);
  EXPECT_EQ(of(claim, server({{{0, self}, 9}})), Possession::NOT_SHOWN);
  history.told = {{{0, 3}, 8}, {{1, other}, 8}};
  claim = claim_of(owed_in(0, 7, 9), {}, history);
  EXPECT_EQ(of(claim, server({}, {{{0, self}, 9}})), Possession::HAS);
}

TEST(Claim, SaysNothingWhereTheSeriesIsBroken) {
  Owed owed = owed_in(0, 7, 8);
  owed.domains[0].broken = "0-3-5 stands between them";
  const Claim claim = claim_of(owed, {}, History());
  const Finding finding = find_among({claim}, {server({{{0, self}, 8}})});
  EXPECT_EQ(finding.possession, Possession::NOT_SHOWN);
  EXPECT_THAT(finding.why, HasSubstr("0-3-5 stands between them"));
  // That the last one is lacking is certain all the same.
  EXPECT_EQ(of(claim, server({{{0, self}, 7}})), Possession::LACKS);
}

TEST(Claim, IsNotHiddenByWhatCameLaterFromWhoNamesItsVeryLast) {
  Owed owed = owed_in(0, 7, 8);
  owed.domains[0].followed = "0-3-9 comes after it";
  const Claim claim = claim_of(owed, {}, History());
  EXPECT_EQ(of(claim, server({{{0, self}, 8}})), Possession::HAS);
  EXPECT_EQ(of(claim, server({{{0, self}, 8}, {{0, 3}, 9}}, {{{0, 3}, 9}})),
            Possession::HAS);
  EXPECT_EQ(of(claim, server({}, {{{0, self}, 8}})), Possession::HAS);
  EXPECT_EQ(of(claim, server({{{0, self}, 7}})), Possession::LACKS);
  // It may have come in behind what is in doubt.
  for (const ServerGtids &later :
       {server({{{0, self}, 10}}), server({}, {{{0, self}, 10}})}) {
    const Finding finding = find_among({claim}, {later});
    EXPECT_EQ(finding.possession, Possession::NOT_SHOWN);
    EXPECT_THAT(finding.why, HasSubstr("0-3-9 comes after it"));
  }
  // Something with its id came back behind it.
  owed.domains[0].highest[self] = 10;
  const Claim returned = claim_of(owed, {}, History());
  EXPECT_EQ(of(returned, server({{{0, self}, 10}})), Possession::NOT_SHOWN);
}

TEST(Claim, SaysNothingWhereTheLogCannotBeRead) {
  Owed owed;
  owed.unknown = "it is encrypted";
  const Claim claim = claim_of(owed, {{{0, self}, 8}}, History());
  EXPECT_EQ(of(claim, server({{{0, self}, 8}})), Possession::NOT_SHOWN);
  EXPECT_EQ(of(claim, server({{{0, self}, 5}})), Possession::LACKS);
  // Not even which GTIDs are owed.
  EXPECT_EQ(of(claim_of(owed, {}, History()), server({{{0, self}, 8}})),
            Possession::NOT_SHOWN);
}

TEST(Claim, IsBelievedInThisHistoryOnly) {
  History history;
  branch_off({}, {{{{0, self}, 50}}}, &history);
  Claim claim = claim_of(owed_in(0, 7, 8), {}, history);
  const Finding finding = find_among({claim}, {server({{{0, self}, 8}})});
  EXPECT_EQ(finding.possession, Possession::NOT_SHOWN);
  EXPECT_THAT(finding.why, HasSubstr("the same number"));

  // It came in in this history, at number 3.
  history.replica_ids = {other};
  history.replicas = {{{0, other}, 3}};
  claim = claim_of(owed_in(0, 7, 8), {}, history);
  // What it has logged may be of the history before, what it applied is not.
  EXPECT_EQ(of(claim, server({{{0, self}, 8}})), Possession::NOT_SHOWN);
  EXPECT_EQ(of(claim, server({}, {{{0, self}, 8}})), Possession::HAS);
  ServerGtids stranger = server({}, {{{0, self}, 8}});
  stranger.server_id = 3;
  EXPECT_EQ(of(claim, stranger), Possession::NOT_SHOWN);
}

TEST(Claim, IsUnknownWhereTheHistoryIs) {
  History history;
  history.known = false;
  const Claim claim = claim_of(owed_in(0, 7, 8), {}, history);
  EXPECT_EQ(of(claim, server({{{0, self}, 8}})), Possession::NOT_SHOWN);
}

/* A data directory that was put back writes its numbers once more. */
TEST(Claim, IsNotMadeGoodByWhoHasMoreThanWasEverWritten) {
  const Claim claim = claim_of(owed_in(0, 7, 8), {}, History());
  const ServerGtids more = server({{{0, self}, 9}});
  const Finding finding = find_among({claim}, {more}, {{{0, self}, 8}});
  EXPECT_EQ(finding.possession, Possession::NOT_SHOWN);
  EXPECT_THAT(finding.why, HasSubstr("later GTIDs than GTID 0-1-8"));
  EXPECT_EQ(of(claim, server({}, {{{0, self}, 9}})), Possession::NOT_SHOWN);
  // Nor when an administrator has written that since: it may stand behind
  // something that this server received.
  EXPECT_EQ(find_among({claim}, {more}, {{{0, self}, 9}}).possession,
            Possession::NOT_SHOWN);
  // Recovery cut that off, and what is owed comes before.
  History history;
  branch_off({{{0, self}, 8}}, {{{{0, self}, 9}}, 0}, &history);
  EXPECT_EQ(of(claim_of(owed_in(0, 7, 8), {}, history), more), Possession::HAS);
}

/* Under a number that had been cut off before, and was used again. */
TEST(Claim, OfWhatIsNoLongerInTheLogIsNotThatOfAnEarlierCut) {
  History history;
  cut_off({{{{0, self, 7}, 1}, {{0, self, 9}, 2}}, {}, {}}, &history);
  cut_off({{{{0, self, 7}, 3}, {{0, self, 8}, 4}, {{0, self, 9}, 5}}, {}, {}},
          &history);
  const ServerGtids promoted = server({{{0, self}, 9}});
  for (const std::uint64_t lost : {7, 8, 9})
    EXPECT_EQ(of(claim_of({{{0, self}, lost}}, history), promoted),
              Possession::NOT_SHOWN)
        << lost;
}

/* Cut off once, or come back and cut off once more. */
TEST(Claim, OfWhatIsNoLongerInTheLogIsThatOfItsCut) {
  History history;
  for (int i = 0; i < 2; ++i) {
    cut_off({{{{0, self, 7}, 1}, {{0, self, 8}, 2}}, {}, {}}, &history);
    for (const std::uint64_t named : {7, 8})
      EXPECT_EQ(
          of(claim_of({{{0, self}, 7}}, history), server({{{0, self}, named}})),
          Possession::HAS)
          << named;
  }
  // Nobody knows whether that was the same.
  cut_off({{{{0, self, 7}, std::nullopt}}, {}, {}}, &history);
  EXPECT_EQ(of(claim_of({{{0, self}, 7}}, history), server({{{0, self}, 7}})),
            Possession::NOT_SHOWN);
  History unknown;
  cut_off({{{{0, self, 7}, std::nullopt}}, {}, {}}, &unknown);
  EXPECT_EQ(of(claim_of({{{0, self}, 7}}, unknown), server({{{0, self}, 7}})),
            Possession::HAS);
  cut_off({{{{0, self, 7}, std::nullopt}}, {}, {}}, &unknown);
  EXPECT_EQ(of(claim_of({{{0, self}, 7}}, unknown), server({{{0, self}, 7}})),
            Possession::NOT_SHOWN);
}

/* Another server may have given it what was cut off since it came. */
TEST(Claim, OfANumberThatWasCutOffIsNotBelievedOfAReplicaThatCameBeforeIt) {
  History history;
  history.replica_ids = {2, 3};
  history.replicas = {{{0, 2}, 5}};
  for (const std::uint32_t replica : {2, 3}) {
    EXPECT_TRUE(is_believed(history, {0, 6, 8}, replica));
    EXPECT_FALSE(is_believed(history, {0, 6, 8, 6}, replica));
    EXPECT_TRUE(is_believed(history, {0, 7, 8, 6}, replica));
  }
}

/* Whoever has what was cut off need not have what has a lower number now, and
   has what came before the cut. */
TEST(History, TellsTheNumbersOfACutFromThoseBeforeIt) {
  History history;
  cut_off({{{{0, other, 20}, 1}, {{0, self, 21}, 2}}, {{{0, self}, 4}}, {}},
          &history);
  for (std::uint64_t number = 1; number < 30; ++number)
    EXPECT_EQ(is_in(history.cut_numbers, 0, number), number > 4 && number < 22)
        << number;
  EXPECT_FALSE(is_in(history.cut_numbers, 1, 20));
}

TEST(History, KeepsTheNumbersOfEachCut) {
  const std::uint64_t cuts[][2] = {{4, 6}, {10, 12}, {7, 8}, {5, 11}, {2, 3}};
  History history;
  std::set<std::uint64_t> expected;
  for (const auto &[left, last] : cuts) {
    cut_off({{{{0, self, last}, last}}, {{{0, other}, left}}, {}}, &history);
    for (std::uint64_t number = left + 1; number <= last; ++number)
      expected.insert(number);
    for (std::uint64_t number = 0; number < 15; ++number)
      EXPECT_EQ(is_in(history.cut_numbers, 0, number),
                expected.count(number) != 0)
          << number;
  }
  EXPECT_THAT(history.cut_numbers, SizeIs(2));
  // Where numbers had gone back.
  cut_off({{{{0, self, 1}, 1}}, {{{0, other}, 30}}, {}}, &history);
  EXPECT_TRUE(is_in(history.cut_numbers, 0, 1));
  EXPECT_FALSE(is_in(history.cut_numbers, 0, 13));
  forget_cut_off(&history);
  EXPECT_THAT(history.cut_numbers, IsEmpty());
}

TEST(Claim, OfWhatIsNoLongerInTheLogEndsWhenTheLogGoesOn) {
  Claim claim = claim_of({{{0, self}, 8}}, History());
  claim.left = {{{0, self}, 6}};
  const std::vector<ServerGtids> servers = {server({{{0, self}, 8}})};
  EXPECT_EQ(find_among({claim}, servers, {{{0, self}, 6}}).possession,
            Possession::HAS);
  for (const std::uint64_t now : {7, 8, 9})
    EXPECT_EQ(find_among({claim}, servers, {{{0, self}, now}}).possession,
              Possession::NOT_SHOWN);
}

/* Who was served from behind what is in doubt is sent what comes later, too. */
TEST(Claim, EndsAtTheLastInDoubtWhenTheLogGoesOn) {
  Claim claim = claim_of(owed_in(0, 7, 8), {}, History());
  claim.written = {{{0, self}, 10}};  // 9 and 10 were cut off
  claim.cut = {{{0, self, 9}, 1}, {{0, self, 10}, 2}};
  claim.left = {{{0, self}, 8}};
  const auto asked = [&](std::uint64_t named, std::uint64_t now,
                         const Contents &returned = {}) {
    return find_among({claim}, {server({{{0, self}, named}})},
                      {{{0, self}, now}}, returned)
        .possession;
  };
  for (const std::uint64_t named : {8, 9, 10})
    EXPECT_EQ(asked(named, 8), Possession::HAS);
  EXPECT_EQ(asked(8, 9), Possession::HAS);
  EXPECT_EQ(asked(9, 9), Possession::NOT_SHOWN);
  EXPECT_EQ(asked(10, 9), Possession::NOT_SHOWN);
  EXPECT_EQ(asked(10, 9, {{{0, self, 9}, 1}}), Possession::HAS);
  EXPECT_EQ(asked(10, 10, claim.cut), Possession::HAS);
  EXPECT_EQ(asked(10, 11, claim.cut), Possession::NOT_SHOWN);
}

/* From the server that is asked, before it was. */
TEST(Claim, OfWhatIsNoLongerInTheLogGoesOnWhenItHasComeBack) {
  Claim claim = claim_of({{{0, self}, 8}}, History());
  claim.left = {{{0, self}, 6}};
  claim.cut = {{{0, self, 7}, 1}, {{0, self, 8}, 2}};
  const std::vector<ServerGtids> servers = {server({{{0, self}, 8}})};
  const auto asked = [&](std::uint64_t now, const Contents &returned) {
    return find_among({claim}, servers, {{{0, self}, now}}, returned)
        .possession;
  };
  EXPECT_EQ(asked(7, {{{0, self, 7}, 1}}), Possession::HAS);
  EXPECT_EQ(asked(8, claim.cut), Possession::HAS);
  EXPECT_EQ(asked(8, {{{0, self, 8}, 2}}), Possession::NOT_SHOWN);
  EXPECT_EQ(asked(8, {{{0, self, 7}, 1}, {{0, self, 8}, 3}}),
            Possession::NOT_SHOWN);
  EXPECT_EQ(asked(9, claim.cut), Possession::NOT_SHOWN);
}

TEST(Claim, IsNotLackedByAServerThatMayStillReceiveIt) {
  const Claim claim = claim_of(owed_in(0, 7, 8), {}, History());
  ServerGtids replica = server({{{0, self}, 7}});
  replica.is_being_sent = true;
  const Finding finding = find_among({claim}, {replica});
  EXPECT_EQ(finding.possession, Possession::NOT_SHOWN);
  EXPECT_THAT(finding.why, HasSubstr("as a replica of this server"));
  EXPECT_EQ(finding.lacking, GtidState());
}

TEST(Claim, SeveralServersTogetherMayHaveAll) {
  Owed owed = owed_in(0, 7, 8);
  owed.domains[1] = owed_in(1, 3, 4).domains[1];
  const Claim claim = claim_of(owed, {}, History());
  const ServerGtids first = server({{{0, self}, 8}});
  ServerGtids second = server({{{1, self}, 4}});
  second.server_id = 3;
  EXPECT_EQ(of(claim, first), Possession::NOT_SHOWN);
  EXPECT_EQ(find_among({claim}, {first, second}).possession, Possession::HAS);
}

TEST(Claim, AllClaimsHaveToBeMadeGood) {
  const Claim before = claim_of(owed_in(0, 7, 8), {}, History());
  const Claim after = claim_of({{{0, self}, 3}, {{1, self}, 2}}, History());
  EXPECT_EQ(
      find_among({before, after}, {server({{{0, self}, 8}, {{1, self}, 1}})})
          .lacking,
      (GtidState{{{1, self}, 2}}));
  EXPECT_EQ(
      find_among({before, after}, {server({{{0, self}, 8}, {{1, self}, 2}})})
          .possession,
      Possession::HAS);
}

TEST(Claim, IsNotMadeGoodByAServersOwnTransactions) {
  // This server had its id then.
  const Claim claim = claim_of({{{0, other}, 3}}, History());
  EXPECT_EQ(of(claim, server({{{0, other}, 4}})), Possession::NOT_SHOWN);
}

TEST(Claim, IsUncertainWhereReplicasWereServedFromBehindIt) {
  History history;
  history.passed_over = {{{0, 3}, 7}};
  EXPECT_EQ(
      of(claim_of(owed_in(0, 7, 8), {}, history), server({{{0, self}, 8}})),
      Possession::NOT_SHOWN);
  history.passed_over = {{{0, 3}, 6}};
  EXPECT_EQ(
      of(claim_of(owed_in(0, 7, 8), {}, history), server({{{0, self}, 8}})),
      Possession::HAS);
}

TEST(Claim, OneServerWhoseGtidsAreBelievedIsEnough) {
  Claim claim = claim_of(owed_in(0, 7, 8), {}, History());
  claim.believed_of_all = false;
  claim.believed_of = {3};
  ServerGtids believed = server({}, {{{0, self}, 8}});
  believed.server_id = 3;
  EXPECT_EQ(
      find_among({claim}, {server({{{0, self}, 8}}), believed}).possession,
      Possession::HAS);
}

TEST(Claim, NobodyHasNothing) {
  EXPECT_EQ(find_among({}, {}).possession, Possession::NOT_SHOWN);
  EXPECT_EQ(find_among({}, {server({})}).possession, Possession::HAS);
}

}  // namespace
}  // namespace recovery_gate
