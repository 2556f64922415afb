// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/gate/links.h"

#include <stdexcept>
#include <string>
#include <vector>

#include "testing/fakes.h"

namespace recovery_gate {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using Pace = LinkRepair::Pace;

constexpr milliseconds soon{2};
constexpr bool ON = true, OFF = false;

/* A replica of three primaries, p, q and r, with semi-sync; looks are taken in
   turn, and a test says what has changed in between. */
struct Scene {
  Scene() {
    for (const char *name : {"p", "q", "r"}) {
      Link link;
      link.name = name;
      link.run = 1;
      link.state = LinkState::RECEIVING;
      link.semisync = link.gtid = true;
      view.links.push_back(link);
    }
    view.switch_on = view.setting_on = true;
    repair.begin();
    look();
  }

  Link &link(const std::string &name) {
    return *std::find_if(view.links.begin(), view.links.end(),
                         [&](const Link &link) { return link.name == name; });
  }
  LinkRepair::Orders look(milliseconds later = soon) {
    clock.advance(later);
    return repair.next(view, clock.now());
  }

  void asked_to_end(const std::string &name) { link(name).ending = true; }
  /* As the server does: the switch is off then. */
  void ended(const std::string &name, LinkError error = LinkError::NONE) {
    Link &link = this->link(name);
    link.state = LinkState::STOPPED;
    link.ending = link.semisync = false;
    link.error = error;
    link.place = error == LinkError::NONE ? "" : "bin.000002:1234";
    view.switch_on = false;
  }
  void stopped(const std::string &name) {
    ended(name);
    link(name).applies = false;
  }
  void connects(const std::string &name) {
    Link &link = this->link(name);
    ++link.run;
    link.state = LinkState::STARTING;
    link.applies = true;
    link.error = LinkError::NONE;
    link.place.clear();
    view.switch_on = view.setting_on;
  }
  /* In the mode that the switch has now. */
  void receives(const std::string &name) {
    link(name).state = LinkState::RECEIVING;
    link(name).semisync = view.switch_on;
  }
  void done(const LinkRepair::Orders &orders,
            RestartResult result = RestartResult::DONE) {
    repair.restarted(orders.which, *orders.how, result, clock.now());
  }
  /* Another connection ends, and this one falls. */
  LinkRepair::Orders falls(const std::string &name) {
    stopped("p");
    ended(name, LinkError::REFUSED);
    return look();
  }

  /* They start at once, and a primary without semi-sync takes it from them. */
  void lose_semisync(const std::vector<std::string> &names = {"p", "q", "r"}) {
    for (const std::string &name : names) stopped(name);
    look();
    for (const std::string &name : names) connects(name);
    look();
    view.switch_on = false;
    for (const std::string &name : names) receives(name);
  }

  FakeClock clock;
  FakeJournal journal;
  LinkRepair repair{journal};
  LinksView view;
};

TEST(LinkRepair, LeavesWhatRunsAlone) {
  Scene scene;
  const LinkRepair::Orders orders = scene.look();
  EXPECT_FALSE(orders.set_switch);
  EXPECT_FALSE(orders.how);
  EXPECT_EQ(orders.pace, Pace::NEAR);
  EXPECT_THAT(scene.journal.lines(), IsEmpty());
}

TEST(LinkRepair, LooksCloselyWhileOneEnds) {
  Scene scene;
  scene.asked_to_end("p");
  EXPECT_EQ(scene.look().pace, Pace::IMMINENT);
  scene.stopped("p");
  scene.view.switch_on = true;
  EXPECT_EQ(scene.look().pace, Pace::NEAR);
}

TEST(LinkRepair, LooksSeldomWhenNothingCanBeDisturbed) {
  Scene scene;
  scene.stopped("p");
  scene.stopped("q");
  scene.look();
  EXPECT_EQ(scene.look().pace, Pace::FAR);
  scene.stopped("r");
  EXPECT_EQ(scene.look().pace, Pace::FAR);
}

TEST(LinkRepair, SetsTheSwitchAgainForThoseThatRun) {
  Scene scene;
  scene.asked_to_end("p");
  EXPECT_FALSE(scene.look().set_switch);
  scene.stopped("p");
  const LinkRepair::Orders orders = scene.look();
  EXPECT_TRUE(orders.set_switch);
  EXPECT_THAT(orders.note,
              tells("the end of connection 'p'", "MDEV-32947", "'q', 'r'"));
}

TEST(LinkRepair, LeavesTheSwitchWhenNobodyRuns) {
  Scene scene;
  for (const char *name : {"p", "q", "r"}) scene.stopped(name);
  EXPECT_FALSE(scene.look().set_switch);
}

TEST(LinkRepair, LeavesTheSwitchForOneThatEndsItself) {
  Scene scene;
  scene.stopped("p");
  scene.stopped("q");
  scene.asked_to_end("r");
  EXPECT_FALSE(scene.look().set_switch);
}

TEST(LinkRepair, SetsTheSwitchForOneThatIsAboutToAskForIt) {
  Scene scene;
  for (const char *name : {"p", "q", "r"}) scene.stopped(name);
  scene.look();
  scene.connects("q");
  scene.view.switch_on = false;  // cleared by the end of another
  const LinkRepair::Orders orders = scene.look();
  EXPECT_TRUE(orders.set_switch);
  EXPECT_EQ(orders.note, "");
}

TEST(LinkRepair, StartsAgainWhatFell) {
  Scene scene;
  const LinkRepair::Orders orders = scene.falls("q");
  ASSERT_TRUE(orders.how);
  EXPECT_EQ(*orders.how, Restart::IO_THREAD);
  EXPECT_EQ(orders.which.name, "q");
  EXPECT_TRUE(orders.set_switch);  // r cannot wait
  EXPECT_EQ(orders.pace, Pace::IMMINENT);
  scene.done(orders);
  EXPECT_THAT(scene.journal.warnings(), SizeIs(1));
  EXPECT_THAT(scene.journal.warnings().front(),
              tells("'q'", "1595", "the end of connection 'p'", "MDEV-32947",
                    "started again at bin.000002:1234"));
  scene.connects("q");
  EXPECT_FALSE(scene.look().how);
  scene.receives("q");
  EXPECT_FALSE(scene.look().how);
  EXPECT_THAT(scene.repair.troubles(), IsEmpty());
}

TEST(LinkRepair, OneAfterTheOther) {
  Scene scene;
  scene.stopped("p");
  scene.ended("q", LinkError::REFUSED);
  scene.ended("r", LinkError::REFUSED);
  LinkRepair::Orders orders = scene.look();
  EXPECT_EQ(orders.which.name, "q");
  scene.done(orders);
  scene.connects("q");
  orders = scene.look();
  ASSERT_TRUE(orders.how);
  EXPECT_EQ(orders.which.name, "r");
}

TEST(LinkRepair, StartsAgainWhatTheStartOfAnotherEnded) {
  Scene scene;
  scene.stopped("p");
  scene.look();
  scene.view.switch_on = true;
  scene.look(milliseconds(5000));
  scene.connects("p");
  scene.ended("q", LinkError::REFUSED);
  const LinkRepair::Orders orders = scene.look();
  ASSERT_TRUE(orders.how);
  scene.done(orders);
  EXPECT_THAT(scene.journal.warnings().back(),
              HasSubstr("the start of connection 'p'"));
}

TEST(LinkRepair, LeavesOtherErrorsAlone) {
  Scene scene;
  scene.stopped("p");
  scene.ended("q", LinkError::OTHER);
  EXPECT_FALSE(scene.look().how);
  EXPECT_FALSE(scene.look().how);
  EXPECT_THAT(scene.repair.troubles(), IsEmpty());
}

TEST(LinkRepair, AnEventThatIsRefusedWithoutACauseIsReallyDamaged) {
  Scene scene;
  scene.look(milliseconds(5000));
  scene.ended("q", LinkError::REFUSED);
  scene.view.switch_on = true;
  EXPECT_FALSE(scene.look().how);
  // Nor is it later, when another one happens to end.
  scene.stopped("p");
  EXPECT_FALSE(scene.look().how);
}

TEST(LinkRepair, WhatEndsSlowlyEndedOfWhatWasWhenItBegan) {
  Scene scene;
  scene.stopped("p");
  scene.view.switch_on = true;
  scene.link("q").error = LinkError::REFUSED;
  scene.asked_to_end("q");  // it tells its primary, which may not answer
  scene.look();
  scene.look(milliseconds(5000));
  scene.ended("q", LinkError::REFUSED);
  EXPECT_TRUE(scene.look().how);
}

TEST(LinkRepair, LeavesAloneWhatSomebodyHasStopped) {
  Scene scene;
  scene.stopped("p");
  scene.ended("q", LinkError::REFUSED);
  scene.link("q").applies = false;
  EXPECT_FALSE(scene.look().how);
  EXPECT_FALSE(scene.look(milliseconds(100000)).how);
  EXPECT_THAT(scene.repair.troubles(), IsEmpty());
}

TEST(LinkRepair, LeavesAloneWhatSomebodyHasChanged) {
  Scene scene;
  scene.done(scene.falls("q"), RestartResult::NOT_WANTED);
  EXPECT_FALSE(scene.look().how);
  EXPECT_THAT(scene.journal.warnings(), IsEmpty());
}

TEST(LinkRepair, TriesAgainWhenSomebodyIsBusyWithIt) {
  Scene scene;
  scene.done(scene.falls("q"), RestartResult::LATER);
  EXPECT_THAT(scene.journal.warnings(), IsEmpty());
  EXPECT_TRUE(scene.look().how);
}

TEST(LinkRepair, LeavesAloneWhatHadEndedBeforeItLooked) {
  Scene scene;
  scene.ended("q", LinkError::NO_HEADER);
  scene.repair.begin();
  EXPECT_FALSE(scene.look().how);
  scene.stopped("p");
  EXPECT_FALSE(scene.look().how);
}

/* Between the CHANGE MASTER that made it a replica of several and the first
 * look. */
TEST(LinkRepair, StartsAgainWhatFellJustBeforeItLooked) {
  Scene scene;
  scene.stopped("p");
  scene.ended("q", LinkError::REFUSED);
  scene.link("q").is_recent = true;
  scene.repair.begin();
  const LinkRepair::Orders orders = scene.look();
  ASSERT_TRUE(orders.how);
  EXPECT_EQ(orders.which.name, "q");
  scene.done(orders);
  EXPECT_FALSE(scene.look().how);
}

TEST(LinkRepair, LeavesAloneWhatSomebodyStoppedJustBeforeItLooked) {
  Scene scene;
  scene.stopped("p");
  scene.ended("q", LinkError::REFUSED);
  scene.link("q").is_recent = true;
  scene.link("q").applies = false;
  scene.repair.begin();
  EXPECT_FALSE(scene.look().how);
  EXPECT_THAT(scene.repair.troubles(), IsEmpty());
}

TEST(LinkRepair, DoesNotDiscardWhatIsNotAppliedYet) {
  Scene scene;
  scene.link("q").applies = false;
  scene.look(LinkRepair::longest_stop + soon);
  EXPECT_FALSE(scene.falls("q").how);
  ASSERT_THAT(scene.journal.errors(), SizeIs(1));
  EXPECT_THAT(scene.journal.errors().front(),
              tells("1595", "START SLAVE 'q' SQL_THREAD, then", "discard"));
  EXPECT_THAT(scene.repair.troubles(), SizeIs(1));
  scene.connects("q");
  scene.look();
  EXPECT_THAT(scene.repair.troubles(), IsEmpty());
}

TEST(LinkRepair, NeverInALoop) {
  Scene scene;
  LinkRepair::Orders orders = scene.falls("q");
  for (int i = 0; i < LinkRepair::most_in_vain; ++i) {
    ASSERT_TRUE(orders.how);
    scene.done(orders);
    scene.connects("q");
    scene.look();
    scene.connects("p");
    scene.look();
    EXPECT_FALSE(scene.falls("q").how);  // a pause first
    orders = scene.look(LinkRepair::pause_after_in_vain);
  }
  EXPECT_FALSE(orders.how);
  ASSERT_THAT(scene.journal.errors(), SizeIs(1));
  EXPECT_THAT(scene.journal.errors().front(),
              tells("3 times", "START SLAVE 'q'"));
  EXPECT_FALSE(scene.look(milliseconds(100000)).how);
}

TEST(LinkRepair, WhatReceivesMoreIsInNoLoop) {
  Scene scene;
  for (int i = 0; i < 3 * LinkRepair::most_in_vain; ++i) {
    scene.stopped("p");
    scene.ended("q", LinkError::REFUSED);
    scene.link("q").place = "bin.000002:" + std::to_string(i);
    const LinkRepair::Orders orders = scene.look();
    ASSERT_TRUE(orders.how) << i;
    scene.done(orders);
    scene.connects("q");
    scene.connects("p");
    scene.look();
    scene.receives("q");
    scene.receives("p");
    scene.look();
  }
  EXPECT_THAT(scene.journal.errors(), IsEmpty());
}

TEST(LinkRepair, FilePositionWithoutChecksumsIsLeftToAnAdministrator) {
  Scene scene;
  scene.link("q").gtid = scene.link("q").checksums = false;
  scene.look();
  EXPECT_FALSE(scene.falls("q").how);
  EXPECT_THAT(
      scene.journal.errors().back(),
      tells("no checksums", "CHANGE MASTER 'q'", "Exec_Master_Log_Pos"));
}

TEST(LinkRepair, FilePositionWithChecksumsGoesOnWhereItWas) {
  Scene scene;
  scene.link("q").gtid = false;
  scene.look();
  EXPECT_EQ(scene.falls("q").how, Restart::IO_THREAD);
}

TEST(LinkRepair, AGtidConnectionReceivesAgainWhatCannotBeRead) {
  Scene scene;
  scene.link("q").checksums = false;
  scene.look();
  scene.stopped("p");
  scene.look();
  scene.view.switch_on = true;
  scene.link("q").applies = false;
  scene.link("q").unreadable = true;
  const LinkRepair::Orders orders = scene.look(milliseconds(60000));
  ASSERT_EQ(orders.how, Restart::FROM_APPLIED);
  scene.done(orders);
  EXPECT_THAT(scene.journal.warnings().back(), tells("1594", "'q'"));
  EXPECT_FALSE(scene.look().how);
}

TEST(LinkRepair, AFilePositionConnectionThatCannotBeReadIsReported) {
  Scene scene;
  scene.link("q").checksums = scene.link("q").gtid = false;
  scene.look();
  scene.stopped("p");
  scene.look();
  scene.link("q").applies = false;
  scene.link("q").unreadable = true;
  EXPECT_FALSE(scene.look().how);
  EXPECT_THAT(scene.repair.troubles(), SizeIs(1));
  EXPECT_THAT(scene.repair.troubles().front(),
              tells("1594", "CHANGE MASTER 'q'"));
}

TEST(LinkRepair, ARelayLogThatBreaksOfItselfIsLeftAlone) {
  Scene scene;
  scene.look(milliseconds(5000));
  scene.link("q").applies = false;
  scene.link("q").unreadable = true;
  EXPECT_FALSE(scene.look().how);
  scene.stopped("p");  // with checksums, nothing wrong was written
  EXPECT_FALSE(scene.look().how);
  EXPECT_THAT(scene.repair.troubles(), IsEmpty());
}

TEST(LinkRepair, SaysBeforehandThatASettingDoesNotFit) {
  Scene scene;
  scene.view.setting_on = OFF;
  scene.look();
  EXPECT_THAT(scene.journal.warnings(), IsEmpty());
  scene.look(LinkRepair::transition);
  scene.look(LinkRepair::transition);
  ASSERT_THAT(scene.journal.warnings(), SizeIs(1));
  EXPECT_THAT(scene.journal.warnings().front(),
              tells("rpl_semi_sync_slave_enabled is OFF", "'p', 'q', 'r'",
                    "MDEV-32947", "STOP ALL SLAVES; START ALL SLAVES"));
  scene.view.setting_on = ON;
  scene.look();
  EXPECT_THAT(scene.repair.troubles(), IsEmpty());
}

TEST(LinkRepair, KeepsThoseThatRunWhenTheSettingHasChanged) {
  Scene scene;
  scene.view.setting_on = OFF;
  scene.look();
  scene.stopped("p");
  EXPECT_TRUE(scene.look().set_switch);
  scene.connects("p");
  EXPECT_FALSE(scene.look().set_switch);
}

TEST(LinkRepair, DoesNotPlayOneModeAgainstTheOther) {
  Scene scene;
  scene.view.setting_on = OFF;
  scene.stopped("p");
  scene.look();
  scene.connects("p");
  scene.receives("p");
  EXPECT_FALSE(scene.look().set_switch);
  scene.ended("q", LinkError::REFUSED);
  const LinkRepair::Orders orders = scene.look();
  EXPECT_FALSE(orders.set_switch);
  EXPECT_FALSE(orders.how);
  EXPECT_THAT(scene.journal.errors().back(),
              tells("'q'", "connection 'r' runs with semi-sync",
                    "STOP ALL SLAVES; START ALL SLAVES"));
  scene.look(LinkRepair::transition);
  EXPECT_THAT(scene.journal.warnings().back(),
              tells("'r' run with semi-sync, and 'p' without"));
}

TEST(LinkRepair, WhatWouldEndOthersIsStartedAgainWhenTheyEndAsWell) {
  Scene scene;
  scene.view.setting_on = OFF;
  scene.stopped("p");
  scene.look();
  scene.connects("p");
  scene.receives("p");
  scene.ended("q", LinkError::REFUSED);
  EXPECT_FALSE(scene.look().how);
  scene.ended("r", LinkError::REFUSED);
  const LinkRepair::Orders orders = scene.look();
  ASSERT_TRUE(orders.how);
  EXPECT_EQ(orders.which.name, "q");
  scene.done(orders, RestartResult::LATER);
  EXPECT_TRUE(scene.look(LinkRepair::longest_conflict).how);
}

TEST(LinkRepair, WhatWouldEndOthersStaysAsItIsWhenTheyEndMuchLater) {
  Scene scene;
  scene.view.setting_on = OFF;
  scene.stopped("p");
  scene.look();
  scene.connects("p");
  scene.receives("p");
  scene.ended("q", LinkError::REFUSED);
  scene.look();
  scene.look(LinkRepair::longest_conflict + soon);
  scene.stopped("r");
  EXPECT_FALSE(scene.look().how);
}

/* Its start and the end of another one came at the same time. */
TEST(LinkRepair, OneThatIsAsynchronousByChanceComesBackWithSemisync) {
  Scene scene;
  scene.lose_semisync({"p"});
  EXPECT_TRUE(scene.look().set_switch);
  scene.view.switch_on = true;
  scene.ended("p", LinkError::NO_HEADER);
  const LinkRepair::Orders orders = scene.look();
  ASSERT_TRUE(orders.how);
  EXPECT_EQ(orders.which.name, "p");
  EXPECT_TRUE(orders.set_switch);
}

/* The setting was OFF when they started. */
TEST(LinkRepair, ThoseWithoutSemisyncComeBackWithIt) {
  Scene scene;
  scene.view.setting_on = OFF;
  for (const char *name : {"p", "q", "r"}) scene.stopped(name);
  scene.look();
  for (const char *name : {"p", "q", "r"}) {
    scene.connects(name);
    scene.receives(name);
  }
  scene.look();
  scene.view.setting_on = ON;
  scene.look();
  scene.connects("p");
  scene.look();
  scene.ended("q", LinkError::NO_HEADER);
  const LinkRepair::Orders orders = scene.look();
  EXPECT_TRUE(orders.set_switch);  // for p, which is about to ask for it
  ASSERT_TRUE(orders.how);
  EXPECT_EQ(orders.which.name, "q");
}

TEST(LinkRepair, APrimaryWithoutSemisyncIsFoundOut) {
  Scene scene;
  scene.stopped("p");
  scene.look();
  for (int i = 0; i < 3; ++i) {
    scene.connects("p");
    scene.look();
    scene.view.switch_on = false;
    scene.receives("p");
    scene.look();
    scene.view.switch_on = true;
    scene.ended("p", LinkError::NO_HEADER);
    scene.link("p").place = "bin.000002:" + std::to_string(i);
    const LinkRepair::Orders orders = scene.look();
    EXPECT_EQ(orders.how.has_value(), i < 2);
    if (orders.how) scene.done(orders);
  }
  EXPECT_THAT(scene.journal.errors().back(), tells("'p'", "1593"));
  // Nor does it end the others when somebody starts it.
  scene.connects("p");
  scene.look();
  scene.view.switch_on = false;
  scene.receives("p");
  EXPECT_TRUE(scene.look().set_switch);
  // Those that it has ended all the same come back, and it ends.
  for (const char *name : {"q", "r"}) scene.ended(name, LinkError::REFUSED);
  for (const char *name : {"q", "r"}) {
    const LinkRepair::Orders orders = scene.look();
    ASSERT_TRUE(orders.how) << name;
    EXPECT_EQ(orders.which.name, name);
    scene.done(orders);
    scene.connects(name);
    scene.receives(name);
  }
  scene.ended("p", LinkError::NO_HEADER);
  scene.view.switch_on = true;
  EXPECT_FALSE(scene.look().how);
  EXPECT_THAT(scene.journal.errors().back(),
              tells("'p'", "runs with semi-sync, and this one would not"));
}

/* It took semi-sync from all while they started. */
TEST(LinkRepair, ThoseThatLostSemisyncByChanceComeBackWithIt) {
  Scene scene;
  scene.lose_semisync();
  LinkRepair::Orders orders = scene.look();
  EXPECT_TRUE(orders.set_switch);
  EXPECT_THAT(orders.note, tells("'p', 'q', 'r'", "without semi-sync",
                                 "MDEV-32947", "on again"));
  scene.view.switch_on = true;
  scene.ended("r", LinkError::NO_HEADER);
  EXPECT_FALSE(scene.look().how);  // the ends of the others would disturb it
  for (const char *name : {"p", "q"}) scene.ended(name, LinkError::NO_HEADER);
  for (const char *name : {"p", "q", "r"}) {
    orders = scene.look();
    ASSERT_TRUE(orders.how) << name;
    EXPECT_EQ(orders.which.name, name);
    scene.done(orders);
    scene.connects(name);
    EXPECT_FALSE(scene.look().how) << name;  // one after the other
    scene.receives(name);
  }
  EXPECT_FALSE(scene.look(LinkRepair::transition).set_switch);
  EXPECT_THAT(scene.repair.troubles(), IsEmpty());
}

TEST(LinkRepair, OneThatIsStartingForLongKeepsNobodyFromComingBack) {
  Scene scene;
  scene.lose_semisync({"r"});
  scene.look();
  for (const char *name : {"p", "q", "r"}) scene.stopped(name);
  scene.look();
  for (const char *name : {"p", "q", "r"}) scene.connects(name);
  scene.look();
  scene.view.switch_on = false;
  for (const char *name : {"p", "q"}) scene.receives(name);
  EXPECT_FALSE(scene.look().set_switch);  // r may take it from them again
  EXPECT_TRUE(scene.look(LinkRepair::longest_turn).set_switch);
  scene.view.switch_on = true;
  scene.ended("p", LinkError::NO_HEADER);
  EXPECT_FALSE(scene.look().how);
  EXPECT_TRUE(scene.look(LinkRepair::longest_turn).how);
}

TEST(LinkRepair, SemisyncThatNobodyGetsIsNotTriedForEver) {
  Scene scene;
  for (int i = 0; i < 3; ++i) {
    scene.lose_semisync();
    EXPECT_EQ(scene.look().set_switch, i < 2);
  }
  scene.look(LinkRepair::transition);
  EXPECT_THAT(scene.repair.troubles().back(),
              tells("is ON", "'p', 'q', 'r' run without semi-sync"));
}

/* What it reads in the wrong mode may get into the relay log. */
TEST(LinkRepair, NobodyIsEndedOnPurposeWithoutChecksums) {
  Scene scene;
  scene.lose_semisync();
  scene.link("r").checksums = false;
  EXPECT_FALSE(scene.look().set_switch);
  scene.look(LinkRepair::transition);
  EXPECT_THAT(scene.repair.troubles().back(), tells("run without semi-sync"));
}

TEST(LinkRepair, WhatNeverHadSemisyncIsLeftAlone) {
  Scene scene;
  scene.repair.begin();
  scene.view.switch_on = false;
  for (Link &link : scene.view.links) link.semisync = false;
  scene.look();
  scene.connects("p");
  scene.look();
  scene.view.switch_on = false;
  scene.receives("p");
  EXPECT_FALSE(scene.look().set_switch);
}

/* p is the first in the list, and the one whose primary has no semi-sync. */
TEST(LinkRepair, OneThatMayHaveNoSemisyncWaitsForTheOthers) {
  Scene scene;
  scene.lose_semisync({"p"});
  scene.look();
  for (const char *name : {"q", "r"}) scene.ended(name, LinkError::REFUSED);
  scene.view.switch_on = true;
  scene.ended("p", LinkError::NO_HEADER);
  for (const char *name : {"q", "r"}) {
    const LinkRepair::Orders orders = scene.look();
    ASSERT_TRUE(orders.how) << name;
    EXPECT_EQ(orders.which.name, name);
    scene.done(orders);
    scene.connects(name);
  }
  EXPECT_FALSE(scene.look().how);
  scene.receives("q");
  EXPECT_FALSE(scene.look().how);
  scene.receives("r");
  LinkRepair::Orders orders = scene.look();
  ASSERT_TRUE(orders.how);
  EXPECT_EQ(orders.which.name, "p");
  // Nor do they start while it does.
  scene.done(orders);
  scene.connects("p");
  scene.look();
  scene.ended("q", LinkError::REFUSED);
  scene.link("q").place = "bin.000002:5678";
  EXPECT_FALSE(scene.look().how);
  scene.view.switch_on = false;
  scene.receives("p");
  orders = scene.look();
  EXPECT_TRUE(orders.set_switch);
  ASSERT_TRUE(orders.how);
  EXPECT_EQ(orders.which.name, "q");
}

TEST(LinkRepair, WhatIsSeenWhileItStartsMayStillFall) {
  Scene scene;
  scene.stopped("q");
  scene.look();
  ++scene.link("q").run;
  scene.link("q").applies = true;
  scene.look();
  scene.link("q").state = LinkState::RECEIVING;
  EXPECT_TRUE(scene.falls("q").how);
}

/* A reply that failed says nothing of how events come. */
TEST(LinkRepair, AFailedReplyDoesNotChangeTheMode) {
  Scene scene;
  scene.link("q").semisync = false;
  scene.look(LinkRepair::transition);
  scene.look(LinkRepair::transition);
  EXPECT_THAT(scene.repair.troubles(), IsEmpty());
  scene.stopped("p");
  EXPECT_TRUE(scene.look().set_switch);
}

TEST(LinkRepair, ForgetsAConnectionThatIsGone) {
  Scene scene;
  scene.link("q").gtid = scene.link("q").checksums = false;
  scene.look();
  scene.falls("q");
  EXPECT_THAT(scene.repair.troubles(), SizeIs(1));
  scene.view.links.erase(scene.view.links.begin() + 1);
  scene.look();
  EXPECT_THAT(scene.repair.troubles(), IsEmpty());
}

class FakeLinks final : public WatchedLinks {
 public:
  bool several() override { return configured > 1; }
  void begin() override { ++begun; }
  void end() override { ++ended; }
  bool look(LinksView *view) override {
    ++looks;
    if (fails.exchange(false)) throw std::runtime_error("no memory");
    if (!can_be_seen) return false;
    std::unique_lock<std::mutex> lock(mutex);
    *view = now;
    view->links.resize(configured);
    return true;
  }
  void set_switch() override {
    std::unique_lock<std::mutex> lock(mutex);
    now.switch_on = true;
    ++switched;
  }
  RestartResult restart(const Link &link, Restart) override {
    std::unique_lock<std::mutex> lock(mutex);
    for (Link &one : now.links)
      if (one.name == link.name) {
        one.state = LinkState::RECEIVING;
        one.error = LinkError::NONE;
        ++one.run;
      }
    ++restarted;
    return RestartResult::DONE;
  }

  std::atomic<int> configured{2}, begun{0}, ended{0}, looks{0}, switched{0},
      restarted{0};
  std::atomic<bool> fails{false}, can_be_seen{true};
  std::mutex mutex;
  LinksView now;
};

struct WatchScene {
  WatchScene() { links.now = Scene().view; }
  void wait_for_looks(int more) {
    const int now = links.looks;
    while (links.looks < now + more) boost::this_thread::yield();
  }

  FakeClock clock;
  FakeJournal journal;
  FakeLinks links;
  LinkWatch watch{links, clock, journal};
};

TEST(LinkWatch, DoesNothingForOneConnection) {
  WatchScene scene;
  scene.links.configured = 1;
  scene.watch.tend();
  scene.watch.tend();
  scene.watch.stop();
  EXPECT_EQ(scene.links.begun, 0);
  EXPECT_EQ(scene.links.looks, 0);
}

TEST(LinkWatch, EndsWithTheSecondConnection) {
  WatchScene scene;
  scene.watch.tend();
  scene.watch.tend();
  scene.wait_for_looks(3);
  EXPECT_EQ(scene.links.begun, 1);
  scene.links.configured = 1;
  while (scene.links.ended < 1) boost::this_thread::yield();
  scene.links.configured = 2;
  while (scene.links.begun < 2) scene.watch.tend();
  scene.watch.stop();
  EXPECT_EQ(scene.links.ended, 2);
}

TEST(LinkWatch, FollowsOrders) {
  WatchScene scene;
  scene.watch.tend();
  scene.wait_for_looks(3);
  {
    std::unique_lock<std::mutex> lock(scene.links.mutex);
    scene.links.now.switch_on = false;
    Link &fallen = scene.links.now.links.front();
    fallen.state = LinkState::STOPPED;
    fallen.error = LinkError::NO_HEADER;
  }
  while (scene.links.switched < 1 || scene.links.restarted < 1)
    boost::this_thread::yield();
  scene.watch.stop();
  EXPECT_THAT(scene.journal.notes(), SizeIs(1));
  EXPECT_THAT(scene.journal.warnings(), SizeIs(1));
  EXPECT_EQ(scene.links.restarted, 1);
}

TEST(LinkWatch, DoesNothingWhileItIsOff) {
  WatchScene scene;
  scene.watch.enable(false);
  scene.watch.tend();
  EXPECT_EQ(scene.links.begun, 0);
  scene.watch.enable(true);
  scene.watch.tend();
  scene.wait_for_looks(1);
  scene.watch.enable(false);
  while (scene.links.ended < 1) boost::this_thread::yield();
  scene.watch.stop();
}

TEST(LinkWatch, GoesOnAfterAFailureAndWhenNothingIsToBeSeen) {
  WatchScene scene;
  scene.links.fails = true;
  scene.links.can_be_seen = false;
  scene.watch.tend();
  scene.wait_for_looks(3);
  scene.links.can_be_seen = true;
  scene.wait_for_looks(3);
  scene.watch.stop();
  EXPECT_THAT(scene.journal.errors(), SizeIs(1));
  EXPECT_EQ(scene.links.ended, 1);
}

}  // namespace
}  // namespace recovery_gate
