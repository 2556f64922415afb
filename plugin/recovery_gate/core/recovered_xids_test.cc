#include "recovery_gate/recovered_xids.h"

#include "fakes.h"

namespace recovery_gate {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::size_t> counted(const RecoveredXids &xids) {
  const RecoveredXids::Counts counts = xids.counts();
  return {counts.found, counts.committed, counts.rolled_back, counts.external};
}

TEST(RecoveredXids, AreNoneAtFirst) {
  EXPECT_THAT(RecoveredXids().rows(), IsEmpty());
  EXPECT_THAT(counted(RecoveredXids()), ElementsAre(0, 0, 0, 0));
}

TEST(RecoveredXids, KeepWhatAnEngineReported) {
  RecoveredXids xids;
  xids.prepared("key", "17", false, "InnoDB");
  const RecoveredXid &row = xids.rows().at("key");
  EXPECT_EQ(row.text, "17");
  EXPECT_FALSE(row.external);
  EXPECT_THAT(row.engines, ElementsAre("InnoDB"));
  EXPECT_EQ(row.resolution, Resolution::PREPARED);
}

TEST(RecoveredXids, AreOneRowForATransactionOfSeveralEngines) {
  RecoveredXids xids;
  xids.prepared("key", "17", false, "ROCKSDB");
  xids.prepared("key", "17", false, "InnoDB");
  EXPECT_THAT(xids.rows().at("key").engines, ElementsAre("InnoDB", "ROCKSDB"));
  EXPECT_THAT(counted(xids), ElementsAre(1, 0, 0, 0));
}

TEST(RecoveredXids, AreOneRowForARepeatedReport) {
  RecoveredXids xids;
  xids.prepared("key", "17", false, "InnoDB");
  xids.prepared("key", "17", false, "InnoDB");
  EXPECT_THAT(xids.rows().at("key").engines, ElementsAre("InnoDB"));
  EXPECT_THAT(counted(xids), ElementsAre(1, 0, 0, 0));
}

TEST(RecoveredXids, KeepAResolutionThroughALaterReport) {
  RecoveredXids xids;
  xids.prepared("key", "17", false, "InnoDB");
  xids.resolved("key", Resolution::COMMITTED);
  xids.prepared("key", "17", false, "InnoDB");
  EXPECT_EQ(xids.rows().at("key").resolution, Resolution::COMMITTED);
}

TEST(RecoveredXids, AreToldApartByKeyAndNotByText) {
  RecoveredXids xids;
  xids.prepared("one", "same", false, "InnoDB");
  xids.prepared("two", "same", true, "InnoDB");
  xids.prepared(std::string("two\0", 4), "same", true, "InnoDB");
  EXPECT_THAT(counted(xids), ElementsAre(3, 0, 0, 2));
}

TEST(RecoveredXids, AreCountedByWhatBecameOfThem) {
  RecoveredXids xids;
  for (const char *key : {"a", "b", "c", "d", "e", "f"})
    xids.prepared(key, key, false, "InnoDB");
  for (const char *key : {"a", "b", "c"})
    xids.resolved(key, Resolution::COMMITTED);
  for (const char *key : {"d", "e"})
    xids.resolved(key, Resolution::ROLLED_BACK);
  EXPECT_THAT(counted(xids), ElementsAre(6, 3, 2, 0));
}

TEST(RecoveredXids, CountAsExternalOnlyWhileLeftToTheirCoordinator) {
  RecoveredXids xids;
  for (const char *key : {"left", "committed", "rolled back"})
    xids.prepared(key, key, true, "InnoDB");
  xids.prepared("own", "17", false, "InnoDB");
  xids.resolved("committed", Resolution::COMMITTED);
  xids.resolved("rolled back", Resolution::ROLLED_BACK);
  EXPECT_THAT(counted(xids), ElementsAre(4, 1, 1, 1));
}

TEST(RecoveredXids, AreNotMadeByResolvingAnUnknownOne) {
  RecoveredXids xids;
  xids.resolved("unknown", Resolution::COMMITTED);
  EXPECT_THAT(xids.rows(), IsEmpty());
}

TEST(RecoveredXids, DoNotChangeOnceSealed) {
  RecoveredXids xids;
  xids.prepared("key", "17", true, "InnoDB");
  xids.seal();
  xids.resolved("key", Resolution::COMMITTED);
  xids.prepared("key", "17", true, "ROCKSDB");
  xids.prepared("other", "18", true, "InnoDB");
  EXPECT_THAT(counted(xids), ElementsAre(1, 0, 0, 1));
  EXPECT_THAT(xids.rows().at("key").engines, ElementsAre("InnoDB"));
}

TEST(RecoveredXids, NameResolutionsAsTheTableShowsThem) {
  EXPECT_STREQ(resolution_name(Resolution::PREPARED), "PREPARED");
  EXPECT_STREQ(resolution_name(Resolution::COMMITTED), "COMMITTED");
  EXPECT_STREQ(resolution_name(Resolution::ROLLED_BACK), "ROLLED BACK");
}

}  // namespace
}  // namespace recovery_gate
