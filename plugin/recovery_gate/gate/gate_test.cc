// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/gate/gate.h"

#include <functional>
#include <limits>
#include <set>
#include <thread>

#include "testing/fakes.h"

namespace recovery_gate {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;
using S = GateState;
using Decision = Gate::Decision;

const std::string awaited_text = "bin.000007:400";
const std::string recovered_text = "bin.000006:1234";

constexpr S closed_states[] = {
    S::CLOSED_SEMISYNC_MASTER, S::CLOSED_REPLICA, S::CLOSED_ACK,
    S::CLOSED_UNPROVABLE,      S::CLOSED_PRIMARY, S::CLOSED_DIVERGED};

constexpr Debt all_debts[] = {Debt::NONE, Debt::CRASH, Debt::SHUTDOWN,
                              Debt::CARRIED_OVER};

const Obligation owed_before{
    Debt::CARRIED_OVER, true, {"bin.000004", 555}, 0xfeedbac4, "0-1-7"};
const Obligation owed_from_this_start{Debt::CARRIED_OVER, true, recovered_end,
                                      recovered_identity, recovered_gtid};

StartFacts owing(const Obligation &carried_over) {
  StartFacts facts = after_a_proper_shutdown();
  facts.carried_over = carried_over;
  return facts;
}

Obligation with_debt(Debt debt) {
  Obligation obligation = owed_before;
  obligation.debt = debt;
  return obligation;
}

const Visitor stranger{"app", false, false};
const Visitor administrator{"root", true, false};
const Visitor replica{"repl", false, true};

SemisyncView replicating(Possession possession) {
  SemisyncView view = no_replica();
  view.upstream.follows = true;
  view.upstream.finding = {possession, "db2:3306 (server_id 2) says so", {}};
  return view;
}

/* Semi-sync as it is when the gate is in a closed state. */
SemisyncView view_in(S state) {
  switch (state) {
    case S::CLOSED_SEMISYNC_MASTER:
      return semisync_off();
    case S::CLOSED_REPLICA:
      return no_replica();
    case S::CLOSED_UNPROVABLE:
      return proof_lost("the binary log was deleted");
    case S::CLOSED_PRIMARY:
      return replicating(Possession::NOT_SHOWN);
    case S::CLOSED_DIVERGED:
      return replicating(Possession::LACKS);
    default:
      return replica_connected();
  }
}

/* A gate that has not decided, and what surrounds it. */
struct Scene {
  FakeClock clock;
  FakeJournal journal;
  Gate gate{clock, journal};

  S state() const { return gate.snapshot().state; }

  void set_timeout(seconds timeout, TimeoutAction action) {
    Settings settings;
    settings.timeout = timeout;
    settings.timeout_action = action;
    gate.configure(settings);
  }

  void bring_to(S state) {
    switch (state) {
      case S::STARTING:
        break;
      case S::OPEN_NOT_NEEDED:
        gate.decide(Mode::AUTO, after_a_proper_shutdown(), replica_connected());
        break;
      case S::OPEN_ACK:
        bring_to(S::CLOSED_ACK);
        gate.observe(acknowledged(awaited));
        break;
      case S::OPEN_PRIMARY:
        bring_to(S::CLOSED_PRIMARY);
        gate.observe(replicating(Possession::HAS));
        break;
      case S::OPEN_OVERRIDE:
        bring_to(S::CLOSED_ACK);
        gate.open_manually("root@localhost");
        break;
      case S::OPEN_TIMEOUT:
        bring_to(S::CLOSED_ACK);
        set_timeout(seconds(10), TimeoutAction::OPEN);
        clock.advance(seconds(10));
        gate.observe(replica_connected());
        break;
      default:
        gate.decide(Mode::AUTO, after_a_crash(), view_in(state));
    }
    ASSERT_EQ(this->state(), state);
    journal.forget();
  }
};

/* -------------------------------------------------------------------------
   Still starting. */

class StartingGate : public testing::Test, protected Scene {};

TEST_F(StartingGate, IsNotOpen) {
  EXPECT_EQ(state(), S::STARTING);
  EXPECT_FALSE(gate.is_open());
}

TEST_F(StartingGate, KeepsOutWhoeverMayNotPassAClosedGate) {
  EXPECT_EQ(gate.knock(stranger).decision, Decision::REJECT);
  EXPECT_EQ(gate.knock(administrator).decision, Decision::ADMIT);
}

TEST_F(StartingGate, IgnoresWhatSemisyncSays) {
  const Gate::Orders orders = gate.observe(acknowledged(awaited));
  EXPECT_TRUE(orders.keep_waiting);
  EXPECT_FALSE(orders.shut_down);
  gate.refresh(acknowledged(awaited));
  EXPECT_EQ(state(), S::STARTING);
  EXPECT_THAT(journal.lines(), IsEmpty());
}

TEST_F(StartingGate, HasNoDeadline) {
  set_timeout(seconds(10), TimeoutAction::SHUTDOWN);
  gate.replica_arrived();
  EXPECT_EQ(gate.next_look(), std::nullopt);
  clock.advance(hours(24));
  EXPECT_FALSE(gate.observe(replica_connected()).shut_down);
  EXPECT_THAT(journal.lines(), IsEmpty());
}

TEST_F(StartingGate, CannotBeOpenedByHand) {
  EXPECT_FALSE(gate.open_manually("root@localhost"));
  EXPECT_EQ(state(), S::STARTING);
  EXPECT_THAT(journal.lines(), IsEmpty());
}

TEST_F(StartingGate, TakesSettingsForLater) {
  set_timeout(seconds(10), TimeoutAction::OPEN);
  gate.decide(Mode::AUTO, after_a_crash(), replica_connected());
  EXPECT_EQ(gate.next_look(), clock.now() + seconds(10));
}

/* -------------------------------------------------------------------------
   Decisions. */

class DecidingGate : public testing::Test, protected Scene {
 protected:
  void decide(Mode mode, const StartFacts &facts) {
    gate.decide(mode, facts, replica_connected());
  }

  CloseReason reason() const { return gate.snapshot().reason; }
};

TEST_F(DecidingGate, TakesEverythingIntoAccountThatIsKnownOfTheStart) {
  for (const bool crashed : {false, true})
    for (const bool unsettled : {false, true})
      for (const bool in_doubt : {false, true})
        for (const Debt debt : all_debts)
          for (const bool unguarded : {false, true})
            for (const Mode mode : {Mode::OFF, Mode::AUTO, Mode::ALWAYS}) {
              SCOPED_TRACE(testing::Message()
                           << "crashed " << crashed << ", unsettled "
                           << unsettled << ", in doubt " << in_doubt
                           << ", debt " << static_cast<int>(debt)
                           << ", unguarded " << unguarded << ", mode "
                           << static_cast<int>(mode));
              StartFacts facts = after_a_proper_shutdown();
              facts.crashed = crashed;
              if (unsettled) facts.unsettled = {{{0, 1}, 42}};
              if (in_doubt) facts.doubt = "the index cannot be read";
              facts.carried_over.debt = debt;
              if (unguarded)
                facts.unguarded = "installed into a running server";

              const bool owes = unsettled || in_doubt ||
                                debt == Debt::SHUTDOWN ||
                                debt == Debt::CARRIED_OVER;
              CloseReason expected = CloseReason::NONE;
              if (unguarded || mode == Mode::OFF ||
                  (mode == Mode::AUTO && !owes))
                expected = CloseReason::NONE;
              else if (!owes)
                expected = CloseReason::ALWAYS;
              else if (debt == Debt::CARRIED_OVER)
                expected = CloseReason::CARRIED_OVER;
              else if (crashed || in_doubt)
                expected = CloseReason::CRASH;
              else
                expected = CloseReason::UNACKED_SHUTDOWN;

              Scene scene;
              scene.gate.decide(mode, facts, replica_connected());
              EXPECT_EQ(scene.gate.snapshot().reason, expected);
              const bool open = expected == CloseReason::NONE;
              EXPECT_EQ(scene.state(),
                        open ? S::OPEN_NOT_NEEDED : S::CLOSED_ACK);
              EXPECT_EQ(scene.gate.is_open(), open);
              const Debt still_owed = unguarded ? debt
                                      : owes    ? Debt::CARRIED_OVER
                                                : Debt::NONE;
              EXPECT_EQ(scene.gate.obligation().debt, still_owed);
            }
}

TEST_F(DecidingGate, ClosesIntoTheStateThatSemisyncIsIn) {
  for (const S state : closed_states) {
    Scene scene;
    scene.gate.decide(Mode::AUTO, after_a_crash(), view_in(state));
    EXPECT_EQ(scene.state(), state);
  }
}

TEST_F(DecidingGate, SaysWhyItIsOpenAfterAProperShutdown) {
  decide(Mode::AUTO, after_a_proper_shutdown());
  EXPECT_THAT(journal.lines(),
              ElementsAre(tells("open", "shut down properly")));
  EXPECT_THAT(journal.notes(), SizeIs(1));
}

TEST_F(DecidingGate, SaysWhatItTakesForAcknowledgedAtItsFirstStart) {
  StartFacts facts = after_a_proper_shutdown();
  facts.had_record = false;
  decide(Mode::AUTO, facts);
  EXPECT_THAT(journal.notes(), ElementsAre(tells("shut down properly")));
  EXPECT_THAT(journal.warnings(),
              ElementsAre(tells("no recovery_gate.state", "first start",
                                "a copy", recovered_text, recovered_gtid,
                                "counts as acknowledged")));
}

TEST_F(DecidingGate, TakesNothingForAcknowledgedAtAFirstStartAfterACrash) {
  StartFacts facts = after_a_crash();
  facts.had_record = false;
  decide(Mode::AUTO, facts);
  EXPECT_THAT(journal.warnings(),
              ElementsAre(tells("CLOSED", "reason CRASH"),
                          tells("no recovery_gate.state", "first start",
                                recovered_text, "is in doubt")));
}

TEST_F(DecidingGate, IsInANewServerOrARestoredBackup) {
  StartFacts facts;
  facts.had_record = false;
  decide(Mode::AUTO, facts);
  EXPECT_THAT(journal.lines(),
              ElementsAre(tells("open", "a new server", "restored backup")));
  EXPECT_THAT(journal.notes(), SizeIs(1));
}

TEST_F(DecidingGate, SaysWhyItDoesNotGuard) {
  StartFacts facts = after_a_crash();
  facts.unguarded = "installed into a running server";
  decide(Mode::ALWAYS, facts);
  EXPECT_THAT(journal.lines(),
              ElementsAre(tells("open", "installed into a running server")));
  EXPECT_THAT(journal.notes(), SizeIs(1));
}

TEST_F(DecidingGate, WarnsWhenItIsOffAfterACrash) {
  decide(Mode::OFF, after_a_crash());
  EXPECT_THAT(journal.lines(), SizeIs(1));
  EXPECT_THAT(
      journal.warnings(),
      ElementsAre(tells("recovery_gate_mode is OFF", "crash", recovered_text,
                        recovered_gtid, "stays on record")));
}

TEST_F(DecidingGate, IsSilentWhenItIsOffAfterAProperShutdown) {
  decide(Mode::OFF, after_a_proper_shutdown());
  EXPECT_THAT(journal.warnings(), IsEmpty());
  EXPECT_THAT(journal.errors(), IsEmpty());
}

TEST_F(DecidingGate, SaysThatItClosesBecauseOfACrash) {
  decide(Mode::AUTO, after_a_crash());
  EXPECT_THAT(journal.warnings(),
              ElementsAre(tells("CLOSED", "reason CRASH", recovered_text,
                                "GTID " + recovered_gtid, awaited_text)));
  EXPECT_THAT(journal.notes(),
              ElementsAre(tells("waiting for ACK", awaited_text)));
  EXPECT_THAT(journal.errors(), IsEmpty());
}

TEST_F(DecidingGate, SaysThatItClosesBecauseOfItsMode) {
  decide(Mode::ALWAYS, after_a_proper_shutdown());
  EXPECT_THAT(journal.warnings(),
              ElementsAre(tells("CLOSED", "reason ALWAYS",
                                "recovery_gate_mode is ALWAYS", recovered_text,
                                "GTID " + recovered_gtid, awaited_text)));
}

TEST_F(DecidingGate, SaysWhatItDoubts) {
  StartFacts facts = after_a_proper_shutdown();
  facts.doubt = "the index cannot be read";
  decide(Mode::AUTO, facts);
  EXPECT_THAT(journal.warnings(),
              ElementsAre(tells("CLOSED", "reason CRASH",
                                "the index cannot be read", awaited_text)));
}

TEST_F(DecidingGate, DoesNotTellOfAGtidThatThereIsNot) {
  StartFacts facts = owing(with_debt(Debt::SHUTDOWN));
  facts.recovered_gtid.clear();
  decide(Mode::AUTO, facts);
  EXPECT_THAT(journal.warnings(), ElementsAre(AllOf(tells(recovered_text),
                                                    Not(HasSubstr("GTID")))));
}

TEST_F(DecidingGate, NeedsAnOverrideWhenThereIsNothingToAcknowledge) {
  StartFacts facts = after_a_crash();
  facts.awaited = {};
  decide(Mode::AUTO, facts);
  EXPECT_EQ(state(), S::CLOSED_UNPROVABLE);
  EXPECT_THAT(journal.warnings(),
              ElementsAre(AllOf(tells("CLOSED", "reason CRASH"),
                                Not(HasSubstr("(none)")))));
  EXPECT_THAT(journal.notes(),
              ElementsAre(tells("waiting for OVERRIDE",
                                "SET GLOBAL recovery_gate_open_now=ON",
                                recovered_text)));
}

TEST_F(DecidingGate, SaysWhyTheProofIsLostFromTheStart) {
  gate.decide(Mode::AUTO, after_a_crash(), proof_lost("the log was deleted"));
  EXPECT_THAT(journal.lines(), testing::Contains(tells("the log was deleted")));
  EXPECT_THAT(journal.warnings(),
              ElementsAre(Not(HasSubstr("until a semi-sync replica"))));
}

TEST_F(DecidingGate, SaysWhatItDoubtsAlsoWhenItIsOff) {
  StartFacts facts = after_a_proper_shutdown();
  facts.doubt = "the state file is damaged";
  decide(Mode::OFF, facts);
  EXPECT_THAT(journal.warnings(),
              ElementsAre(AllOf(HasSubstr("the state file is damaged"),
                                Not(HasSubstr("after a crash")))));
}

TEST_F(DecidingGate, ClosesFirstEvenWhenSomethingWasAcknowledgedAlready) {
  gate.decide(Mode::AUTO, after_a_crash(), acknowledged(awaited));
  EXPECT_EQ(state(), S::CLOSED_ACK);
  EXPECT_FALSE(gate.observe(acknowledged(awaited)).keep_waiting);
  EXPECT_EQ(state(), S::OPEN_ACK);
}

TEST_F(DecidingGate, DecidesOnce) {
  decide(Mode::AUTO, after_a_crash());
  journal.forget();
  decide(Mode::OFF, after_a_proper_shutdown());
  EXPECT_EQ(state(), S::CLOSED_ACK);
  EXPECT_EQ(reason(), CloseReason::CRASH);
  EXPECT_THAT(journal.lines(), IsEmpty());
}

TEST_F(DecidingGate, DoesNotCloseAgainOnceItWasNotNeeded) {
  decide(Mode::AUTO, after_a_proper_shutdown());
  decide(Mode::ALWAYS, after_a_crash());
  EXPECT_EQ(state(), S::OPEN_NOT_NEEDED);
  EXPECT_EQ(reason(), CloseReason::NONE);
}

/* -------------------------------------------------------------------------
   Everything that can happen, in every state. */

struct Event {
  const char *name;
  std::function<void(Scene &, S)> happens;
  // What comes of it in CLOSED_SEMISYNC_MASTER, CLOSED_REPLICA and CLOSED_ACK
  // alike, and in CLOSED_UNPROVABLE; nothing: the state stays as it is.
  std::optional<S> from_waiting, from_override;
};

void time_out(Scene &scene, S state, TimeoutAction action) {
  scene.set_timeout(seconds(10), action);
  scene.clock.advance(seconds(10));
  scene.gate.observe(view_in(state));
}

const Event events[] = {
    {"semi-sync is off",
     [](Scene &scene, S) { scene.gate.observe(semisync_off()); },
     S::CLOSED_SEMISYNC_MASTER, std::nullopt},
    {"no replica is connected",
     [](Scene &scene, S) { scene.gate.observe(no_replica()); },
     S::CLOSED_REPLICA, std::nullopt},
    {"a replica is connected",
     [](Scene &scene, S) { scene.gate.observe(replica_connected()); },
     S::CLOSED_ACK, std::nullopt},
    {"too little is acknowledged",
     [](Scene &scene, S) {
       scene.gate.observe(acknowledged({awaited.file, awaited.offset - 1}));
     },
     S::CLOSED_ACK, std::nullopt},
    {"the position is acknowledged",
     [](Scene &scene, S) { scene.gate.observe(acknowledged(awaited)); },
     S::OPEN_ACK, std::nullopt},
    {"a look shows the acknowledgement",
     [](Scene &scene, S) { scene.gate.refresh(acknowledged(awaited)); },
     S::OPEN_ACK, std::nullopt},
    {"the proof is lost",
     [](Scene &scene, S) { scene.gate.observe(proof_lost("log deleted")); },
     S::CLOSED_UNPROVABLE, std::nullopt},
    {"a look shows that the proof is lost",
     [](Scene &scene, S) { scene.gate.refresh(proof_lost("log deleted")); },
     S::CLOSED_UNPROVABLE, std::nullopt},
    {"the proof is lost, and then it is acknowledged",
     [](Scene &scene, S) {
       SemisyncView view = acknowledged(awaited);
       view.proof_lost = "log deleted";
       scene.gate.observe(view);
     },
     S::CLOSED_UNPROVABLE, std::nullopt},
    {"it is not known what its primary has",
     [](Scene &scene, S) {
       scene.gate.observe(replicating(Possession::NOT_SHOWN));
     },
     S::CLOSED_PRIMARY, S::CLOSED_PRIMARY},
    {"its primary lacks something",
     [](Scene &scene, S) {
       scene.gate.observe(replicating(Possession::LACKS));
     },
     S::CLOSED_DIVERGED, S::CLOSED_DIVERGED},
    {"its primary has everything",
     [](Scene &scene, S) { scene.gate.observe(replicating(Possession::HAS)); },
     S::OPEN_PRIMARY, S::OPEN_PRIMARY},
    {"its primary has everything, and it is acknowledged",
     [](Scene &scene, S) {
       SemisyncView view = replicating(Possession::HAS);
       view.proven = true;
       view.proven_by = "replica 2 has acknowledged it";
       scene.gate.observe(view);
     },
     S::OPEN_ACK, S::OPEN_PRIMARY},
    {"the server shuts down",
     [](Scene &scene, S) {
       scene.gate.observe(shutting_down(acknowledged(awaited)));
       scene.gate.observe(shutting_down(semisync_off()));
       scene.gate.observe(shutting_down(proof_lost("log deleted")));
     },
     std::nullopt, std::nullopt},
    {"a look shows that the server shuts down",
     [](Scene &scene, S) {
       scene.gate.refresh(shutting_down(acknowledged(awaited)));
     },
     std::nullopt, std::nullopt},
    {"an administrator opens it",
     [](Scene &scene, S) { scene.gate.open_manually("root@localhost"); },
     S::OPEN_OVERRIDE, S::OPEN_OVERRIDE},
    {"it times out with OPEN",
     [](Scene &scene, S from) { time_out(scene, from, TimeoutAction::OPEN); },
     S::OPEN_TIMEOUT, S::OPEN_TIMEOUT},
    {"it times out with WARN",
     [](Scene &scene, S from) { time_out(scene, from, TimeoutAction::WARN); },
     std::nullopt, std::nullopt},
    {"it times out with SHUTDOWN",
     [](Scene &scene, S from) {
       time_out(scene, from, TimeoutAction::SHUTDOWN);
     },
     std::nullopt, std::nullopt},
    {"a replica arrives",
     [](Scene &scene, S from) {
       scene.gate.replica_arrived();
       scene.clock.advance(seconds(1));
       scene.gate.observe(view_in(from));
     },
     std::nullopt, std::nullopt},
    {"somebody knocks", [](Scene &scene, S) { scene.gate.knock(stranger); },
     std::nullopt, std::nullopt},
};

/* Calls `check(event, from, to)` for each event in each state that a gate can
   be in once it has decided. */
template <typename Check>
void let_everything_happen(Check check) {
  for (const S from : all_gate_states) {
    if (from == S::STARTING) continue;
    for (const Event &event : events) {
      Scene scene;
      scene.bring_to(from);
      event.happens(scene, from);
      SCOPED_TRACE(testing::Message()
                   << "from " << full_name(from) << " when " << event.name);
      EXPECT_EQ(scene.gate.is_open(), is_open(scene.state()));
      EXPECT_THAT(scene.journal.errors(),
                  Not(testing::Contains(HasSubstr("internal error"))));
      check(event, from, scene.state());
    }
  }
}

TEST(Gate, GoesWhereItShouldFromEveryStateWhateverHappens) {
  let_everything_happen([](const Event &event, S from, S to) {
    const std::optional<S> next = is_open(from) ? std::nullopt
                                  : from == S::CLOSED_UNPROVABLE
                                      ? event.from_override
                                      : event.from_waiting;
    EXPECT_EQ(to, next.value_or(from));
  });
}

TEST(Gate, OpensForNoAcknowledgementOnceTheProofWasLostWhateverComesBetween) {
  for (const Possession possession :
       {Possession::NOT_SHOWN, Possession::LACKS}) {
    Scene scene;
    scene.bring_to(S::CLOSED_UNPROVABLE);
    scene.gate.observe(replicating(possession));
    scene.gate.observe(acknowledged(awaited));
    EXPECT_EQ(scene.state(), S::CLOSED_UNPROVABLE);
    EXPECT_FALSE(scene.gate.snapshot().is_provable);
  }
}

TEST(Gate, SaysWhoseGtidsHaveOpenedIt) {
  Scene scene;
  scene.bring_to(S::CLOSED_PRIMARY);
  scene.gate.observe(replicating(Possession::HAS));
  EXPECT_THAT(scene.journal.lines(),
              ElementsAre(tells("OPEN after",
                                "primary db2:3306 (server_id 2) says so")));
}

TEST(Gate, UsesEveryTransitionThatIsAllowedAndNoOther) {
  std::set<std::pair<S, S>> used;
  const auto note = [&used](const Event &, S from, S to) {
    if (from != to) used.emplace(from, to);
  };
  let_everything_happen(note);
  used.emplace(S::STARTING, S::OPEN_NOT_NEEDED);
  for (const S closed : closed_states) used.emplace(S::STARTING, closed);

  for (const S from : all_gate_states)
    for (const S to : all_gate_states)
      EXPECT_EQ(used.count({from, to}) == 1, is_allowed(from, to))
          << full_name(from) << " to " << full_name(to);
}

/* -------------------------------------------------------------------------
   Closed. */

/* A gate that has closed after a crash, with a semi-sync replica connected. */
class ClosedGate : public testing::Test, protected Scene {
 protected:
  ClosedGate() { bring_to(S::CLOSED_ACK); }

  /* There is nothing more to show until something changes. */
  void show_first_lines() {
    for (int i = 0; i < 2; ++i) {
      gate.observe(replica_connected());
      clock.advance(i == 0 ? seconds(1) : seconds(0));
    }
  }
};

TEST_F(ClosedGate, OpensWhenTheAwaitedPositionIsAcknowledged) {
  const Gate::Orders orders = gate.observe(acknowledged(awaited));
  EXPECT_FALSE(orders.keep_waiting);
  EXPECT_FALSE(orders.shut_down);
  EXPECT_TRUE(gate.is_open());
  EXPECT_EQ(state(), S::OPEN_ACK);
}

TEST_F(ClosedGate, StaysClosedWhenWhatIsAcknowledgedProvesNothing) {
  SemisyncView view = acknowledged(awaited);
  view.proven = false;
  EXPECT_TRUE(gate.observe(view).keep_waiting);
  EXPECT_EQ(state(), S::CLOSED_ACK);
}

TEST_F(ClosedGate, TellsWhatTheReplicaThatProvesNothingWouldNeed) {
  SemisyncView view = acknowledged(awaited);
  view.proven = false;
  view.standings = {{15, 2, "10.0.0.2", awaited, Standing::NEVER,
                     "it lacks GTID 0-1-42", "Rebuild it", false}};
  gate.observe(view);
  clock.advance(seconds(60));
  gate.observe(view);
  EXPECT_THAT(journal.warnings(),
              ElementsAre(tells("still closed", "replica 2", "proves nothing",
                                "it lacks GTID 0-1-42")));
  EXPECT_EQ(gate.snapshot().replicas, view.standings);
}

/* Two replicas are wanted; 2 has it, and 3 has not. */
SemisyncView one_of_two() {
  SemisyncView view = replica_connected();
  view.replicas = 2;
  view.tally.is_any = false;
  view.tally.needed = view.tally.known = 2;
  view.tally.proven = 1;
  view.tally.replicas = {{2, "replica 2 (10.0.0.2)", "it has it"}};
  view.standings.resize(2);
  view.standings[0].server_id = 2;
  view.standings[0].standing = Standing::PROVEN;
  view.standings[1].server_id = 3;
  return view;
}

TEST_F(ClosedGate, StaysClosedWhileFewerReplicasHaveItThanAreWanted) {
  Settings settings;
  settings.replicas.count = 2;
  gate.configure(settings);
  gate.observe(one_of_two());
  gate.observe(one_of_two());
  EXPECT_EQ(state(), S::CLOSED_ACK);
  EXPECT_THAT(journal.lines(),
              ElementsAre(tells("semi-sync replica 2 (10.0.0.2): it has it: 1 "
                                "of 2 replicas are known to have everything")));
  EXPECT_EQ(gate.rejection_text(),
            "Recovery gate is closed: waiting for 2 semi-sync replicas to "
            "acknowledge " +
                awaited_text + "; 1 of 2 have it");
  EXPECT_EQ(gate.snapshot().tally.proven, 1u);
  EXPECT_EQ(gate.snapshot().tally.needed, 2u);
}

TEST_F(ClosedGate, WaitsForAnotherReplicaWhenNoneThatIsConnectedIsLeft) {
  SemisyncView view = one_of_two();
  view.standings[1].counts = false;
  gate.observe(view);
  EXPECT_EQ(state(), S::CLOSED_REPLICA);
  EXPECT_THAT(journal.lines().back(),
              tells("waiting for REPLICA: 1 of 2 replicas are known",
                    "no other semi-sync replica that counts is connected"));
}

TEST_F(ClosedGate, TellsWhyOneMoreThatIsConnectedProvesNothing) {
  SemisyncView view = one_of_two();
  view.standings[1].standing = Standing::NEVER;
  view.standings[1].why = "it drops that";
  gate.observe(no_replica());
  gate.observe(view);
  EXPECT_THAT(journal.lines().back(),
              tells("waiting for ACK: what semi-sync replica 3 acknowledges "
                    "proves nothing: it drops that; 1 of 2 replicas"));
}

TEST_F(ClosedGate, OpensWhenAsManyReplicasHaveItAsAreWanted) {
  SemisyncView view = one_of_two();
  view.tally.proven = 2;
  gate.observe(view);  // whether that is enough is not decided here
  EXPECT_FALSE(gate.is_open());
  view.proven = true;
  view.proven_by = "replica 2: it has it; replica 3: so has this";
  gate.observe(view);
  EXPECT_EQ(state(), S::OPEN_ACK);
  EXPECT_EQ(gate.snapshot().tally.proven, 2u);
}

TEST_F(ClosedGate, SaysWhenItIsOpenedByHandThatSomeHaveIt) {
  gate.observe(one_of_two());
  gate.open_manually("root@localhost");
  EXPECT_THAT(journal.lines().back(),
              tells("The guarantee is given up: 1 of 2 replicas are known",
                    "on fewer replicas than were asked for"));
}

TEST_F(DecidingGate, SaysHowManyReplicasItWaitsFor) {
  Settings settings;
  settings.replicas.count = 3;
  gate.configure(settings);
  gate.decide(Mode::AUTO, after_a_crash(), no_replica());
  EXPECT_THAT(journal.lines().front(),
              tells("until 3 semi-sync replicas have acknowledged"));
}

TEST_F(ClosedGate, KeepsWaitingWhileNothingIsAcknowledged) {
  const Gate::Orders orders = gate.observe(replica_connected());
  EXPECT_TRUE(orders.keep_waiting);
  EXPECT_FALSE(orders.shut_down);
  EXPECT_THAT(journal.lines(), IsEmpty());
}

TEST_F(ClosedGate, OpensEvenIfSemisyncIsOffWhenTheAcknowledgementIsSeen) {
  SemisyncView view = semisync_off();
  view.proven = true;
  EXPECT_FALSE(gate.observe(view).keep_waiting);
  EXPECT_EQ(state(), S::OPEN_ACK);
}

TEST_F(ClosedGate, DoesNotMindHowManyReplicasThereAre) {
  SemisyncView view = replica_connected();
  view.replicas = 7;
  gate.observe(view);
  EXPECT_EQ(state(), S::CLOSED_ACK);
  EXPECT_THAT(journal.lines(), IsEmpty());
}

TEST_F(ClosedGate, StopsWaitingButStaysClosedWhenTheServerShutsDown) {
  const Gate::Orders orders = gate.observe(shutting_down());
  EXPECT_FALSE(orders.keep_waiting);
  EXPECT_FALSE(orders.shut_down);
  EXPECT_FALSE(gate.is_open());
}

TEST_F(ClosedGate, IsOpenedByALookThatShowsTheAcknowledgement) {
  gate.refresh(acknowledged(awaited));
  EXPECT_TRUE(gate.is_open());
  EXPECT_FALSE(gate.observe(replica_connected()).keep_waiting);
  EXPECT_EQ(state(), S::OPEN_ACK);
}

TEST_F(ClosedGate, IsNotTimedOutByALook) {
  set_timeout(seconds(10), TimeoutAction::OPEN);
  clock.advance(seconds(3600));
  gate.refresh(replica_connected());
  EXPECT_EQ(state(), S::CLOSED_ACK);
  EXPECT_THAT(journal.lines(), IsEmpty());
}

TEST_F(ClosedGate, StaysClosedForGoodOnceTheProofIsLost) {
  gate.observe(proof_lost("the binary log was deleted"));
  EXPECT_TRUE(gate.observe(acknowledged(awaited)).keep_waiting);
  gate.refresh(acknowledged(awaited));
  EXPECT_EQ(state(), S::CLOSED_UNPROVABLE);
}

TEST_F(ClosedGate, TellsEachChangeOfWhatItWaitsForOnce) {
  for (const SemisyncView &view : {semisync_off(), semisync_off(), no_replica(),
                                   no_replica(), replica_connected()})
    gate.observe(view);
  EXPECT_THAT(journal.lines(),
              ElementsAre(tells("waiting for SEMISYNC_MASTER",
                                "rpl_semi_sync_master_enabled", awaited_text),
                          tells("waiting for REPLICA", awaited_text),
                          tells("waiting for ACK", awaited_text)));
  EXPECT_THAT(journal.notes(), SizeIs(3));
}

TEST_F(ClosedGate, TellsWhyTheProofIsLostAndWhoCanOpen) {
  gate.observe(proof_lost("the binary log was deleted"));
  gate.observe(proof_lost("the binary log was deleted"));
  EXPECT_THAT(journal.errors(),
              ElementsAre(tells("the binary log was deleted", "prove")));
  EXPECT_THAT(journal.notes(),
              ElementsAre(tells("waiting for OVERRIDE", "administrator",
                                "SET GLOBAL recovery_gate_open_now=ON",
                                recovered_text)));
}

TEST_F(ClosedGate, TellsWhoHasProvenItAndHowLongItTook) {
  clock.advance(milliseconds(12345));
  gate.observe(acknowledged({"bin.000009", 4}));
  EXPECT_THAT(journal.lines(),
              ElementsAre(tells("OPEN", "12.345 s", "semi-sync replica 2",
                                "acknowledged", "bin.000009:4")));
  EXPECT_THAT(journal.notes(), SizeIs(1));
}

TEST(Gate, TellsTheWholeStoryOfAStart) {
  Scene scene;
  scene.gate.decide(Mode::AUTO, after_a_crash(), semisync_off());
  scene.gate.observe(no_replica());
  scene.clock.advance(seconds(60));
  scene.gate.observe(no_replica());
  scene.gate.observe(replica_connected());
  scene.clock.advance(seconds(1));
  scene.gate.observe(acknowledged(awaited));
  scene.gate.observe(acknowledged(awaited));
  EXPECT_THAT(
      scene.journal.lines(),
      ElementsAre(tells("CLOSED", "CRASH", recovered_text, awaited_text),
                  tells("waiting for SEMISYNC_MASTER", awaited_text),
                  tells("waiting for REPLICA", awaited_text),
                  tells("still closed", "60.000 s", "REPLICA", awaited_text),
                  tells("waiting for ACK", awaited_text),
                  tells("OPEN", "61.000 s", awaited_text)));
}

/* -------------------------------------------------------------------------
   Opened manually. */

TEST_F(ClosedGate, OpensByHand) {
  EXPECT_TRUE(gate.open_manually("root@localhost"));
  EXPECT_TRUE(gate.is_open());
  EXPECT_EQ(state(), S::OPEN_OVERRIDE);
}

TEST_F(ClosedGate, OpensByHandOnce) {
  gate.open_manually("root@localhost");
  journal.forget();
  EXPECT_FALSE(gate.open_manually("dba@localhost"));
  EXPECT_THAT(journal.lines(), IsEmpty());
}

TEST_F(ClosedGate, EndsTheWaitOfItsThreadWhenOpenedByHand) {
  gate.open_manually("root@localhost");
  const Gate::Orders orders = gate.observe(replica_connected());
  EXPECT_FALSE(orders.keep_waiting);
  EXPECT_FALSE(orders.shut_down);
}

TEST_F(ClosedGate, TellsWhoOpenedItAndWhatWasGivenUp) {
  clock.advance(milliseconds(5250));
  gate.open_manually("root@localhost");
  EXPECT_THAT(journal.lines(), SizeIs(1));
  EXPECT_THAT(journal.warnings(),
              ElementsAre(tells("opened manually by root@localhost", "5.250 s",
                                "no replica has acknowledged " + awaited_text,
                                recovered_text, "GTID " + recovered_gtid)));
}

TEST(Gate, CanBeOpenedManuallyInEveryClosedState) {
  for (const S closed : closed_states) {
    Scene scene;
    scene.bring_to(closed);
    EXPECT_TRUE(scene.gate.open_manually("root@localhost"))
        << full_name(closed);
    EXPECT_TRUE(scene.gate.is_open()) << full_name(closed);
    EXPECT_THAT(scene.journal.warnings(), SizeIs(1)) << full_name(closed);
  }
}

TEST(Gate, CannotBeOpenedByHandOnceItIsOpen) {
  for (const S open :
       {S::OPEN_NOT_NEEDED, S::OPEN_ACK, S::OPEN_OVERRIDE, S::OPEN_TIMEOUT}) {
    Scene scene;
    scene.bring_to(open);
    EXPECT_FALSE(scene.gate.open_manually("root@localhost")) << full_name(open);
    EXPECT_EQ(scene.state(), open);
    EXPECT_THAT(scene.journal.lines(), IsEmpty()) << full_name(open);
  }
}

TEST_F(ClosedGate, IsOpenedByOneOfManyHands) {
  std::atomic<int> succeeded{0};
  std::vector<std::thread> hands;
  for (int i = 0; i < 4; ++i)
    hands.emplace_back([&] {
      if (gate.open_manually("root@localhost")) ++succeeded;
    });
  for (std::thread &hand : hands) hand.join();
  EXPECT_EQ(succeeded, 1);
  EXPECT_THAT(journal.lines(), SizeIs(1));
}

/* -------------------------------------------------------------------------
   Deadlines. */

TEST_F(ClosedGate, RemindsAfterAMinute) {
  EXPECT_EQ(gate.next_look(), clock.now() + minutes(1));
  clock.advance(minutes(1) - milliseconds(1));
  gate.observe(replica_connected());
  EXPECT_THAT(journal.lines(), IsEmpty());

  clock.advance(milliseconds(1));
  EXPECT_TRUE(gate.observe(replica_connected()).keep_waiting);
  EXPECT_THAT(journal.lines(), SizeIs(1));
  EXPECT_THAT(journal.warnings(),
              ElementsAre(tells("still closed", "60.000 s", "waiting for ACK",
                                awaited_text)));
}

TEST_F(ClosedGate, RemindsLessAndLessOftenButAtLeastOnceAnHour) {
  const Instant closed_at = clock.now();
  show_first_lines();
  std::vector<minutes::rep> reminded_at;
  while (clock.now() < closed_at + hours(6)) {
    const Instant next = gate.next_look().value();
    ASSERT_GT(next, clock.now());
    clock.advance(next - clock.now());
    journal.forget();
    gate.observe(replica_connected());
    ASSERT_THAT(journal.warnings(), ElementsAre(tells("still closed")));
    reminded_at.push_back(
        std::chrono::duration_cast<minutes>(next - closed_at).count());
  }
  EXPECT_THAT(reminded_at,
              ElementsAre(1, 3, 7, 15, 31, 63, 123, 183, 243, 303, 363));
}

TEST_F(ClosedGate, RemindsOnceHoweverLateItIsAsked) {
  show_first_lines();
  clock.advance(hours(5));
  gate.observe(replica_connected());
  gate.observe(replica_connected());
  EXPECT_THAT(journal.lines(), SizeIs(1));
  EXPECT_EQ(gate.next_look(), clock.now() + minutes(2));
}

TEST(Gate, RemindsOfWhatItWaitsForInEveryClosedState) {
  for (const S closed : closed_states) {
    Scene scene;
    scene.bring_to(closed);
    scene.clock.advance(minutes(1));
    EXPECT_TRUE(scene.gate.observe(view_in(closed)).keep_waiting);
    EXPECT_THAT(scene.journal.warnings(),
                ElementsAre(tells(
                    "still closed after 60.000 s",
                    std::string("waiting for ") + waiting_for_name(closed))));
  }
}

TEST(Gate, HasNoDeadlineOnceItIsOpen) {
  for (const S open :
       {S::OPEN_NOT_NEEDED, S::OPEN_ACK, S::OPEN_OVERRIDE, S::OPEN_TIMEOUT}) {
    Scene scene;
    scene.bring_to(open);
    scene.set_timeout(seconds(10), TimeoutAction::SHUTDOWN);
    scene.gate.replica_arrived();
    EXPECT_EQ(scene.gate.next_look(), std::nullopt) << full_name(open);

    scene.clock.advance(hours(24));
    const Gate::Orders orders = scene.gate.observe(semisync_off());
    EXPECT_FALSE(orders.keep_waiting) << full_name(open);
    EXPECT_FALSE(orders.shut_down) << full_name(open);
    EXPECT_THAT(scene.journal.lines(), IsEmpty()) << full_name(open);
  }
}

TEST_F(ClosedGate, NeverTimesOutWithoutATimeout) {
  set_timeout(seconds(0), TimeoutAction::OPEN);
  clock.advance(hours(24 * 365));
  const Gate::Orders orders = gate.observe(replica_connected());
  EXPECT_TRUE(orders.keep_waiting);
  EXPECT_FALSE(orders.shut_down);
  EXPECT_EQ(state(), S::CLOSED_ACK);
}

TEST_F(ClosedGate, TimesOutAtTheTimeoutAndNotBefore) {
  set_timeout(seconds(10), TimeoutAction::OPEN);
  EXPECT_EQ(gate.next_look(), clock.now() + seconds(10));
  clock.advance(milliseconds(9999));
  EXPECT_TRUE(gate.observe(replica_connected()).keep_waiting);
  clock.advance(milliseconds(1));
  EXPECT_FALSE(gate.observe(replica_connected()).keep_waiting);
}

TEST_F(ClosedGate, OnlyWarnsWhenItTimesOutWithWarn) {
  set_timeout(seconds(10), TimeoutAction::WARN);
  clock.advance(milliseconds(10500));
  const Gate::Orders orders = gate.observe(replica_connected());
  EXPECT_TRUE(orders.keep_waiting);
  EXPECT_FALSE(orders.shut_down);
  EXPECT_EQ(state(), S::CLOSED_ACK);
  EXPECT_THAT(journal.lines(), SizeIs(1));
  EXPECT_THAT(
      journal.warnings(),
      ElementsAre(tells("10.500 s", "recovery_gate_timeout", "waiting for ACK",
                        awaited_text, "stays closed")));
}

TEST_F(ClosedGate, WarnsOfItsTimeoutOnce) {
  set_timeout(seconds(10), TimeoutAction::WARN);
  const Instant reminder = clock.now() + minutes(1);
  show_first_lines();
  clock.advance(seconds(9));
  gate.observe(replica_connected());
  EXPECT_EQ(gate.next_look(), reminder);
  clock.advance(seconds(10));
  gate.observe(replica_connected());
  EXPECT_THAT(journal.lines(), SizeIs(1));
}

TEST_F(ClosedGate, OrdersAShutdownOnceWhenItTimesOutWithShutdown) {
  set_timeout(seconds(10), TimeoutAction::SHUTDOWN);
  clock.advance(milliseconds(10500));
  const Gate::Orders orders = gate.observe(replica_connected());
  EXPECT_TRUE(orders.shut_down);
  EXPECT_TRUE(orders.keep_waiting);
  EXPECT_FALSE(gate.observe(replica_connected()).shut_down);
  EXPECT_EQ(state(), S::CLOSED_ACK);
  EXPECT_THAT(journal.lines(), SizeIs(1));
  EXPECT_THAT(
      journal.errors(),
      ElementsAre(tells("10.500 s", "recovery_gate_timeout", "waiting for ACK",
                        awaited_text, "shutting the server down")));
}

TEST_F(ClosedGate, OpensWhenItTimesOutWithOpen) {
  set_timeout(seconds(10), TimeoutAction::OPEN);
  clock.advance(milliseconds(10500));
  const Gate::Orders orders = gate.observe(replica_connected());
  EXPECT_FALSE(orders.keep_waiting);
  EXPECT_FALSE(orders.shut_down);
  EXPECT_TRUE(gate.is_open());
  EXPECT_EQ(state(), S::OPEN_TIMEOUT);
  EXPECT_THAT(journal.lines(), SizeIs(1));
  EXPECT_THAT(journal.errors(),
              ElementsAre(tells("10.500 s", "recovery_gate_timeout_action=OPEN",
                                "guarantee is given up",
                                "no replica has acknowledged " + awaited_text,
                                recovered_text, "GTID " + recovered_gtid)));
}

TEST_F(ClosedGate, OpensByAnAcknowledgementThatComesWithTheTimeout) {
  set_timeout(seconds(10), TimeoutAction::OPEN);
  clock.advance(seconds(10));
  gate.observe(acknowledged(awaited));
  EXPECT_EQ(state(), S::OPEN_ACK);
}

TEST_F(ClosedGate, DoesNotTimeOutWhileTheServerShutsDown) {
  for (const TimeoutAction action :
       {TimeoutAction::WARN, TimeoutAction::SHUTDOWN, TimeoutAction::OPEN}) {
    set_timeout(seconds(10), action);
    clock.advance(hours(1));
    EXPECT_FALSE(gate.observe(shutting_down()).shut_down);
    EXPECT_EQ(state(), S::CLOSED_ACK);
  }
  EXPECT_THAT(journal.lines(), IsEmpty());
}

TEST_F(ClosedGate, TakesAnActionThatIsSetAfterAnotherHasFired) {
  set_timeout(seconds(10), TimeoutAction::WARN);
  clock.advance(seconds(10));
  gate.observe(replica_connected());

  set_timeout(seconds(10), TimeoutAction::SHUTDOWN);
  EXPECT_LE(gate.next_look(), clock.now());
  EXPECT_TRUE(gate.observe(replica_connected()).shut_down);

  set_timeout(seconds(10), TimeoutAction::OPEN);
  EXPECT_LE(gate.next_look(), clock.now());
  EXPECT_FALSE(gate.observe(replica_connected()).keep_waiting);
  EXPECT_EQ(state(), S::OPEN_TIMEOUT);
}

TEST_F(ClosedGate, CountsATimeoutThatIsSetLaterFromWhenItClosed) {
  const Instant closed_at = clock.now();
  clock.advance(seconds(20));
  set_timeout(seconds(30), TimeoutAction::OPEN);
  EXPECT_EQ(gate.next_look(), closed_at + seconds(30));
  EXPECT_TRUE(gate.observe(replica_connected()).keep_waiting);

  set_timeout(seconds(15), TimeoutAction::OPEN);
  EXPECT_LE(gate.next_look(), clock.now());
  EXPECT_FALSE(gate.observe(replica_connected()).keep_waiting);
}

TEST_F(ClosedGate, ForgetsATimeoutThatIsTakenBackInTime) {
  set_timeout(seconds(10), TimeoutAction::OPEN);
  clock.advance(milliseconds(9999));
  set_timeout(seconds(0), TimeoutAction::OPEN);
  clock.advance(hours(1));
  EXPECT_TRUE(gate.observe(replica_connected()).keep_waiting);
}

TEST_F(ClosedGate, KeepsRemindingAfterItsTimeout) {
  set_timeout(seconds(10), TimeoutAction::WARN);
  clock.advance(minutes(1));
  gate.observe(replica_connected());
  EXPECT_THAT(journal.warnings(), ElementsAre(tells("recovery_gate_timeout"),
                                              tells("still closed")));
}

TEST_F(ClosedGate, BearsTheLongestTimeout) {
  const seconds longest(std::numeric_limits<std::uint32_t>::max());
  const Instant closed_at = clock.now();
  set_timeout(longest, TimeoutAction::OPEN);
  EXPECT_EQ(gate.next_look(), closed_at + minutes(1));
  clock.advance(longest - seconds(1));
  EXPECT_TRUE(gate.observe(replica_connected()).keep_waiting);
  EXPECT_EQ(gate.next_look(), closed_at + longest);
  clock.advance(seconds(1));
  EXPECT_FALSE(gate.observe(replica_connected()).keep_waiting);
}

TEST_F(ClosedGate, LooksAgainASecondAfterAReplicaArrived) {
  const Instant reminder = clock.now() + minutes(1);
  gate.replica_arrived();
  EXPECT_EQ(gate.next_look(), clock.now() + seconds(1));

  clock.advance(milliseconds(999));
  gate.observe(no_replica());
  EXPECT_EQ(gate.next_look(), clock.now() + milliseconds(1));

  clock.advance(milliseconds(1));
  gate.observe(replica_connected());
  EXPECT_EQ(gate.next_look(), reminder);
}

TEST_F(ClosedGate, LooksAgainEarlierWhenAReminderIsDueEarlier) {
  const Instant closed_at = clock.now();
  clock.advance(milliseconds(59500));
  gate.replica_arrived();
  EXPECT_EQ(gate.next_look(), closed_at + minutes(1));
}

TEST_F(ClosedGate, LooksAgainEarlierWhenATimeoutIsDueEarlier) {
  const Instant closed_at = clock.now();
  set_timeout(seconds(10), TimeoutAction::OPEN);
  clock.advance(milliseconds(9500));
  gate.replica_arrived();
  EXPECT_EQ(gate.next_look(), closed_at + seconds(10));
}

TEST_F(StartingGate, RemembersAReplicaThatArrivedBeforeItClosed) {
  gate.replica_arrived();
  gate.decide(Mode::AUTO, after_a_crash(), replica_connected());
  EXPECT_EQ(gate.next_look(), clock.now() + seconds(1));
}

/* -------------------------------------------------------------------------
   The status line. */

class AStatusLine : public testing::Test, protected Scene {
 protected:
  AStatusLine() { gate.decide(Mode::AUTO, after_a_crash(), no_replica()); }
  std::string line(const SemisyncView &view) {
    return gate.observe(view).status_line;
  }
};

TEST_F(AStatusLine, SaysWhatTheGateWaitsForEachTimeThatChanges) {
  EXPECT_EQ(line(no_replica()),
            "Recovery gate is closed: waiting for REPLICA: no semi-sync "
            "replica is connected; the awaited position is bin.000007:400");
  EXPECT_EQ(line(no_replica()), "");
  EXPECT_THAT(line(replica_connected()), HasSubstr("waiting for ACK"));
  EXPECT_THAT(line(semisync_off()), HasSubstr("waiting for SEMISYNC_MASTER"));
  EXPECT_EQ(line(semisync_off()), "");
  EXPECT_THAT(line(proof_lost("it was deleted")),
              HasSubstr("waiting for OVERRIDE"));
  gate.open_manually("root@localhost");
  EXPECT_EQ(line(no_replica()), "Recovery gate is open: clients are admitted");
  EXPECT_EQ(line(no_replica()), "");
}

TEST_F(AStatusLine, ComesOnceMoreASecondAfterTheFirst) {
  line(no_replica());
  EXPECT_EQ(gate.next_look(), clock.now() + seconds(1));
  clock.advance(seconds(1));
  EXPECT_THAT(line(no_replica()), HasSubstr("waiting for REPLICA"));
  clock.advance(seconds(1));
  EXPECT_EQ(line(no_replica()), "");
}

TEST_F(AStatusLine, ComesAgainWithEachReminder) {
  const Instant closed_at = clock.now();
  std::vector<seconds::rep> shown_at;
  while (clock.now() < closed_at + minutes(10)) {
    clock.advance(seconds(1));
    if (!line(no_replica()).empty())
      shown_at.push_back(
          std::chrono::duration_cast<seconds>(clock.now() - closed_at).count());
  }
  EXPECT_THAT(shown_at, ElementsAre(1, 2, 60, 180, 420));
  EXPECT_THAT(journal.warnings(), SizeIs(1 + 3))
      << "why it is closed, and these";
}

TEST_F(AStatusLine, ComesWhenWhoWaitsFindsTheGateOpen) {
  gate.open_manually("root@localhost");
  EXPECT_THAT(line(no_replica()), StartsWith("Recovery gate is open"));
}

/* -------------------------------------------------------------------------
   Who may pass, and what the others are told. */

TEST_F(ClosedGate, CountsWhomItAdmitsAndWhomItTurnsAway) {
  EXPECT_EQ(gate.knock(administrator).decision, Decision::ADMIT);
  EXPECT_EQ(gate.knock(replica).decision, Decision::ADMIT);
  EXPECT_EQ(gate.knock(stranger).decision, Decision::REJECT);
  EXPECT_EQ(gate.knock(stranger).decision, Decision::REJECT);
  EXPECT_EQ(gate.knock(stranger).decision, Decision::REJECT);
  EXPECT_EQ(gate.snapshot().admitted, 2u);
  EXPECT_EQ(gate.snapshot().rejected, 3u);
}

TEST_F(ClosedGate, LetsInWhomTheSettingsNameFromThenOn) {
  EXPECT_EQ(gate.knock(stranger).decision, Decision::REJECT);
  Settings settings;
  settings.admit_users = "monitor, app";
  gate.configure(settings);
  EXPECT_EQ(gate.knock(stranger).decision, Decision::ADMIT);
  gate.configure(Settings());
  EXPECT_EQ(gate.knock(stranger).decision, Decision::REJECT);
}

TEST(Gate, KeepsStrangersOutInEveryClosedState) {
  for (const S closed : closed_states) {
    Scene scene;
    scene.bring_to(closed);
    EXPECT_EQ(scene.gate.knock(stranger).decision, Decision::REJECT)
        << full_name(closed);
    EXPECT_EQ(scene.gate.knock(administrator).decision, Decision::ADMIT)
        << full_name(closed);
  }
}

TEST(Gate, LetsEverybodyInOnceItIsOpenAndCountsNobody) {
  for (const S open :
       {S::OPEN_NOT_NEEDED, S::OPEN_ACK, S::OPEN_OVERRIDE, S::OPEN_TIMEOUT}) {
    Scene scene;
    scene.bring_to(open);
    for (const Visitor &visitor : {stranger, administrator, replica})
      EXPECT_EQ(scene.gate.knock(visitor).decision, Decision::ADMIT)
          << full_name(open);
    EXPECT_EQ(scene.gate.snapshot().admitted, 0u) << full_name(open);
    EXPECT_EQ(scene.gate.snapshot().rejected, 0u) << full_name(open);
  }
}

TEST_F(ClosedGate, KeepsItsCountsOnceItIsOpen) {
  gate.knock(administrator);
  gate.knock(stranger);
  gate.observe(acknowledged(awaited));
  gate.knock(stranger);
  EXPECT_EQ(gate.snapshot().admitted, 1u);
  EXPECT_EQ(gate.snapshot().rejected, 1u);
}

TEST_F(ClosedGate, DoesNotLogVisitors) {
  gate.knock(administrator);
  gate.knock(stranger);
  EXPECT_THAT(journal.lines(), IsEmpty());
}

TEST_F(ClosedGate, CountsEveryVisitorOnceWhileItOpens) {
  constexpr int visitors = 4, knocks = 500;
  std::atomic<unsigned> rejected{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < visitors; ++i)
    threads.emplace_back([&] {
      for (int knock = 0; knock < knocks; ++knock)
        if (gate.knock(stranger).decision == Decision::REJECT) ++rejected;
    });
  gate.observe(acknowledged(awaited));
  EXPECT_EQ(gate.knock(stranger).decision, Decision::ADMIT);
  for (std::thread &thread : threads) thread.join();
  EXPECT_EQ(gate.snapshot().rejected, rejected);
  EXPECT_EQ(gate.snapshot().admitted, 0u);
}

TEST(Gate, TellsThoseItRejectsWhichPositionIsAwaited) {
  for (const S closed :
       {S::CLOSED_SEMISYNC_MASTER, S::CLOSED_REPLICA, S::CLOSED_ACK}) {
    Scene scene;
    scene.bring_to(closed);
    EXPECT_THAT(
        scene.gate.rejection_text(),
        AllOf(StartsWith("Recovery gate is closed:"), HasSubstr(awaited_text)))
        << full_name(closed);
  }
}

TEST(Gate, TellsThoseItRejectsThatOnlyAnAdministratorCanOpen) {
  Scene scene;
  scene.bring_to(S::CLOSED_UNPROVABLE);
  EXPECT_THAT(scene.gate.rejection_text(),
              AllOf(StartsWith("Recovery gate is closed:"),
                    tells(recovered_text, "administrator")));
}

/* -------------------------------------------------------------------------
   What is shown. */

TEST(Gate, ShowsNothingBeforeItHasDecided) {
  Scene scene;
  scene.clock.advance(seconds(5));
  const GateSnapshot shown = scene.gate.snapshot();
  EXPECT_EQ(shown.state, S::STARTING);
  EXPECT_EQ(shown.reason, CloseReason::NONE);
  EXPECT_TRUE(shown.recovered_end.empty());
  EXPECT_THAT(shown.recovered_gtid, IsEmpty());
  EXPECT_TRUE(shown.awaited.empty());
  EXPECT_EQ(shown.admitted, 0u);
  EXPECT_EQ(shown.rejected, 0u);
  EXPECT_EQ(shown.closed_for, milliseconds(0));
  EXPECT_EQ(shown.in_state, milliseconds(0));
  EXPECT_THAT(shown.why, IsEmpty());
}

TEST(Gate, ShowsWhatWasRecoveredInEveryStateThatItDecidedFor) {
  for (const S state : all_gate_states) {
    if (state == S::STARTING) continue;
    Scene scene;
    scene.bring_to(state);
    const GateSnapshot shown = scene.gate.snapshot();
    EXPECT_EQ(shown.state, state);
    EXPECT_EQ(shown.recovered_end, recovered_end) << full_name(state);
    EXPECT_EQ(shown.recovered_gtid, recovered_gtid) << full_name(state);
  }
}

TEST(Gate, ShowsWhyItWasClosedAndForWhatAlsoOnceItIsOpen) {
  for (const S state : all_gate_states) {
    if (state == S::STARTING || state == S::OPEN_NOT_NEEDED) continue;
    Scene scene;
    scene.bring_to(state);
    EXPECT_EQ(scene.gate.snapshot().reason, CloseReason::CRASH)
        << full_name(state);
    EXPECT_EQ(scene.gate.snapshot().awaited, awaited) << full_name(state);
  }
}

TEST(Gate, ShowsNoReasonAndNoAwaitedPositionWhenItWasNotNeeded) {
  Scene scene;
  scene.bring_to(S::OPEN_NOT_NEEDED);
  scene.clock.advance(seconds(5));
  EXPECT_EQ(scene.gate.snapshot().reason, CloseReason::NONE);
  EXPECT_TRUE(scene.gate.snapshot().awaited.empty());
  EXPECT_EQ(scene.gate.snapshot().closed_for, milliseconds(0));
}

TEST_F(ClosedGate, ShowsSinceWhenItIsInItsState) {
  gate.observe(no_replica());
  clock.advance(milliseconds(500));
  EXPECT_EQ(gate.snapshot().in_state, milliseconds(500));
  gate.observe(replica_connected());
  EXPECT_EQ(gate.snapshot().in_state, milliseconds(0));
  clock.advance(milliseconds(3));
  gate.observe(replica_connected());
  EXPECT_EQ(gate.snapshot().in_state, milliseconds(3));
  gate.observe(acknowledged(awaited));
  clock.advance(milliseconds(7));
  EXPECT_EQ(gate.snapshot().in_state, milliseconds(7));
}

TEST_F(ClosedGate, ShowsWhyItWasClosed) {
  EXPECT_THAT(gate.snapshot().why, tells("the server crashed", recovered_text));
  gate.observe(acknowledged(awaited));
  EXPECT_THAT(gate.snapshot().why, tells("the server crashed"));
}

TEST_F(ClosedGate, ShowsHowLongItHasBeenClosed) {
  EXPECT_EQ(gate.snapshot().closed_for, milliseconds(0));
  clock.advance(milliseconds(1234));
  EXPECT_EQ(gate.snapshot().closed_for, milliseconds(1234));
  gate.observe(no_replica());
  clock.advance(milliseconds(1));
  EXPECT_EQ(gate.snapshot().closed_for, milliseconds(1235));
}

TEST(Gate, ShowsHowLongItWasClosedHoweverItWasOpened) {
  const std::function<void(Scene &)> openings[] = {
      [](Scene &scene) { scene.gate.observe(acknowledged(awaited)); },
      [](Scene &scene) { scene.gate.refresh(acknowledged(awaited)); },
      [](Scene &scene) { scene.gate.open_manually("root@localhost"); },
      [](Scene &scene) {
        scene.set_timeout(seconds(1), TimeoutAction::OPEN);
        scene.gate.observe(replica_connected());
      }};
  for (const auto &open : openings) {
    Scene scene;
    scene.bring_to(S::CLOSED_ACK);
    scene.clock.advance(milliseconds(1234));
    open(scene);
    scene.clock.advance(hours(1));
    EXPECT_TRUE(scene.gate.is_open());
    EXPECT_EQ(scene.gate.snapshot().closed_for, milliseconds(1234));
  }
}

TEST_F(StartingGate, MayBeUsedByManyThreadsAtOnce) {
  const std::function<void()> uses[] = {
      [&] { gate.decide(Mode::AUTO, after_a_crash(), no_replica()); },
      [&] { set_timeout(seconds(3600), TimeoutAction::WARN); },
      [&] { gate.observe(replica_connected()); },
      [&] { gate.refresh(no_replica()); },
      [&] { gate.next_look(); },
      [&] { gate.replica_arrived(); },
      [&] { gate.knock(stranger); },
      [&] { gate.rejection_text(); },
      [&] { gate.snapshot(); },
      [&] { gate.obligation(); },
      [&] { clock.advance(milliseconds(1)); }};
  std::vector<std::thread> threads;
  for (const auto &use : uses)
    threads.emplace_back([&use] {
      for (int i = 0; i < 100; ++i) use();
    });
  for (std::thread &thread : threads) thread.join();
  EXPECT_THAT(state(), testing::AnyOf(S::CLOSED_REPLICA, S::CLOSED_ACK));
  EXPECT_EQ(gate.snapshot().rejected, 100u);

  std::thread by_hand([&] { gate.open_manually("root@localhost"); });
  std::thread by_acknowledgement([&] { gate.observe(acknowledged(awaited)); });
  by_hand.join();
  by_acknowledgement.join();
  EXPECT_TRUE(gate.is_open());
  EXPECT_THAT(journal.errors(), IsEmpty());
}

TEST(SemisyncView, DiffersWhenAnyOfItDiffers) {
  EXPECT_TRUE(acknowledged(awaited) == acknowledged(awaited));
  const std::function<void(SemisyncView &)> changes[] = {
      [](SemisyncView &view) { view.enabled = false; },
      [](SemisyncView &view) { view.replicas = 2; },
      [](SemisyncView &view) { view.acknowledged.offset = 401; },
      [](SemisyncView &view) { view.acknowledged.file = "bin.000008"; },
      [](SemisyncView &view) { view.proof_lost = "the log was deleted"; },
      [](SemisyncView &view) { view.tally.proven = 1; },
      [](SemisyncView &view) { view.tally.needed = 2; },
      [](SemisyncView &view) { view.tally.replicas.resize(1); },
      [](SemisyncView &view) { view.shutting_down = true; }};
  for (const auto &change : changes) {
    SemisyncView view = acknowledged(awaited);
    change(view);
    EXPECT_FALSE(view == acknowledged(awaited));
    EXPECT_FALSE(acknowledged(awaited) == view);
  }
}

/* -------------------------------------------------------------------------
   Out of memory. */

TEST_F(StartingGate, IsUnchangedWhenThereIsNoMemoryToDecide) {
  journal.run_out_of_memory_at_the_next_line();
  EXPECT_THROW(gate.decide(Mode::AUTO, after_a_crash(), replica_connected()),
               std::bad_alloc);
  EXPECT_EQ(state(), S::STARTING);
  EXPECT_FALSE(gate.is_open());
}

TEST_F(ClosedGate, IsUnchangedWhenThereIsNoMemoryToOpenByHand) {
  journal.run_out_of_memory_at_the_next_line();
  EXPECT_THROW(gate.open_manually("root@localhost"), std::bad_alloc);
  EXPECT_EQ(state(), S::CLOSED_ACK);
  EXPECT_TRUE(gate.open_manually("root@localhost"));
  EXPECT_TRUE(gate.is_open());
}

TEST_F(ClosedGate, IsUnchangedWhenThereIsNoMemoryToOpen) {
  journal.run_out_of_memory_at_the_next_line();
  EXPECT_THROW(gate.observe(acknowledged(awaited)), std::bad_alloc);
  EXPECT_EQ(state(), S::CLOSED_ACK);
  EXPECT_FALSE(gate.observe(acknowledged(awaited)).keep_waiting);
  EXPECT_TRUE(gate.is_open());
}

TEST_F(ClosedGate, IsUnchangedWhenThereIsNoMemoryToWaitForSomething) {
  journal.run_out_of_memory_at_the_next_line();
  EXPECT_THROW(gate.observe(no_replica()), std::bad_alloc);
  EXPECT_EQ(state(), S::CLOSED_ACK);
  gate.observe(no_replica());
  EXPECT_THAT(journal.lines(), ElementsAre(tells("waiting for REPLICA")));
}

TEST_F(ClosedGate, TimesOutLaterWhenThereIsNoMemoryToTimeOut) {
  for (const TimeoutAction action :
       {TimeoutAction::WARN, TimeoutAction::SHUTDOWN, TimeoutAction::OPEN}) {
    Scene scene;
    scene.bring_to(S::CLOSED_ACK);
    scene.set_timeout(seconds(10), action);
    scene.clock.advance(seconds(10));
    scene.journal.run_out_of_memory_at_the_next_line();
    EXPECT_THROW(scene.gate.observe(replica_connected()), std::bad_alloc);
    EXPECT_EQ(scene.state(), S::CLOSED_ACK);
    const Gate::Orders orders = scene.gate.observe(replica_connected());
    EXPECT_EQ(orders.shut_down, action == TimeoutAction::SHUTDOWN);
    EXPECT_EQ(orders.keep_waiting, action != TimeoutAction::OPEN);
    EXPECT_THAT(scene.journal.lines(), SizeIs(1));
  }
}

TEST_F(ClosedGate, OrdersTheShutdownThatItHasAnnounced) {
  set_timeout(seconds(60), TimeoutAction::SHUTDOWN);
  clock.advance(minutes(1));
  journal.run_out_of_memory_after(1);
  EXPECT_TRUE(gate.observe(replica_connected()).shut_down);
}

/* -------------------------------------------------------------------------
   What has to be known at the next start. */

TEST_F(DecidingGate, OwesWhatACrashLeft) {
  decide(Mode::AUTO, after_a_crash());
  EXPECT_EQ(gate.obligation(), owed_from_this_start);
}

TEST_F(DecidingGate, OwesNothingAfterAProperShutdown) {
  decide(Mode::AUTO, after_a_proper_shutdown());
  EXPECT_EQ(gate.obligation(), Obligation());
}

TEST_F(DecidingGate, OwesNothingAfterACrashThatLeftNothingUnsettled) {
  for (const Debt debt : {Debt::NONE, Debt::CRASH})
    for (const Mode mode : {Mode::OFF, Mode::AUTO, Mode::ALWAYS}) {
      Scene scene;
      StartFacts facts = after_a_crash();
      facts.unsettled.clear();
      facts.carried_over = with_debt(debt);
      scene.gate.decide(mode, facts, replica_connected());
      EXPECT_EQ(scene.gate.is_open(), mode != Mode::ALWAYS);
      EXPECT_EQ(scene.gate.obligation(), Obligation());
    }
}

TEST_F(DecidingGate, OpensAtOnceAfterACrashThatLeftNothingUnsettledAndSaysWhy) {
  StartFacts facts = after_a_crash();
  facts.unsettled.clear();
  gate.decide(Mode::AUTO, facts, semisync_off());
  EXPECT_EQ(state(), S::OPEN_NOT_NEEDED);
  EXPECT_THAT(journal.lines(),
              ElementsAre(tells("open", "crashed", "nothing is in doubt")));
  EXPECT_THAT(journal.notes(), SizeIs(1));
}

TEST_F(DecidingGate, OwesNothingForTheSakeOfModeAlwaysAlone) {
  decide(Mode::ALWAYS, after_a_proper_shutdown());
  EXPECT_FALSE(gate.is_open());
  EXPECT_EQ(gate.obligation(), Obligation());
}

TEST_F(DecidingGate, ClosesAfterAShutdownThatLeftSomethingAndSaysWhat) {
  StartFacts facts = after_a_proper_shutdown();
  facts.unsettled = {{{0, 1}, 42}, {{3, 7}, 9}};
  decide(Mode::AUTO, facts);
  EXPECT_EQ(reason(), CloseReason::UNACKED_SHUTDOWN);
  EXPECT_EQ(gate.obligation(), owed_from_this_start);
  EXPECT_THAT(
      journal.warnings(),
      ElementsAre(tells("reason UNACKED_SHUTDOWN", "shut down before",
                        "GTID 0-1-42,3-7-9", recovered_text, awaited_text)));
}

TEST_F(DecidingGate, ClosesForTheRecordOfAShutdownAlone) {
  decide(Mode::AUTO, owing(with_debt(Debt::SHUTDOWN)));
  EXPECT_EQ(reason(), CloseReason::UNACKED_SHUTDOWN);
  EXPECT_EQ(gate.obligation(), owed_from_this_start);
  EXPECT_THAT(journal.warnings(),
              ElementsAre(AllOf(tells("shut down before", recovered_text),
                                Not(HasSubstr("()")))));
}

TEST_F(DecidingGate, NamesTheTransactionsThatACrashLeft) {
  StartFacts facts = after_a_crash();
  facts.unsettled = {{{0, 1}, 42}, {{3, 7}, 9}};
  decide(Mode::AUTO, facts);
  EXPECT_THAT(journal.warnings(),
              ElementsAre(tells("crashed", "GTID 0-1-42,3-7-9")));
  EXPECT_EQ(gate.snapshot().unsettled, facts.unsettled);
}

TEST_F(DecidingGate, ClosesForWhatAnEarlierStartOwesAndSaysSo) {
  decide(Mode::AUTO, owing(owed_before));
  EXPECT_EQ(state(), S::CLOSED_ACK);
  EXPECT_EQ(reason(), CloseReason::CARRIED_OVER);
  EXPECT_THAT(journal.warnings(),
              ElementsAre(tells("reason CARRIED_OVER", "earlier start",
                                "bin.000004:555", "GTID 0-1-7", recovered_text,
                                awaited_text)));
}

TEST_F(DecidingGate, IsCarriedOverAlsoWhenItCrashedWhileClosed) {
  StartFacts facts = owing(owed_before);
  facts.crashed = true;
  facts.unsettled = {{{0, 1}, 42}};
  decide(Mode::AUTO, facts);
  EXPECT_EQ(reason(), CloseReason::CARRIED_OVER);
  EXPECT_EQ(gate.obligation(), owed_before);
}

TEST_F(DecidingGate, KeepsOnRecordWhatWasOwedFirst) {
  decide(Mode::AUTO, owing(owed_before));
  EXPECT_EQ(gate.obligation(), owed_before);
}

TEST_F(DecidingGate, OwesItsOwnEndWhenTheRecordIsSettledOrOfACrashOnly) {
  for (const Debt debt : {Debt::NONE, Debt::CRASH}) {
    Scene scene;
    StartFacts facts = after_a_crash();
    facts.carried_over = with_debt(debt);
    scene.gate.decide(Mode::AUTO, facts, replica_connected());
    EXPECT_EQ(scene.gate.snapshot().reason, CloseReason::CRASH);
    EXPECT_EQ(scene.gate.obligation(), owed_from_this_start);
  }
}

TEST_F(DecidingGate, OwesItsOwnEndWhenTheRecordCouldNotBeRead) {
  StartFacts facts =
      owing({Debt::CARRIED_OVER, true, {}, std::nullopt, std::string()});
  facts.doubt = "the state file is damaged";
  decide(Mode::AUTO, facts);
  EXPECT_EQ(reason(), CloseReason::CARRIED_OVER);
  EXPECT_THAT(journal.warnings(), ElementsAre(tells("file is damaged")));
  EXPECT_EQ(gate.obligation(), owed_from_this_start);
}

TEST_F(DecidingGate, KeepsAnObligationBehindAGateThatIsOff) {
  for (const StartFacts &facts : {after_a_crash(), owing(owed_before),
                                  owing(with_debt(Debt::SHUTDOWN))}) {
    Scene scene;
    scene.gate.decide(Mode::OFF, facts, replica_connected());
    EXPECT_EQ(scene.state(), S::OPEN_NOT_NEEDED);
    EXPECT_EQ(scene.gate.obligation().debt, Debt::CARRIED_OVER);
    EXPECT_THAT(scene.journal.warnings(),
                ElementsAre(tells("OFF", "stays on record")));
  }
}

TEST_F(DecidingGate, KeepsAnObligationThatItMeetsUnguarded) {
  for (const Debt debt : all_debts) {
    Scene scene;
    StartFacts facts = owing(with_debt(debt));
    facts.unguarded = "installed into a running server";
    scene.gate.decide(Mode::AUTO, facts, replica_connected());
    EXPECT_TRUE(scene.gate.is_open());
    EXPECT_EQ(scene.gate.obligation(), with_debt(debt));
  }
}

TEST_F(DecidingGate, NeedsAnOverrideForWhatCanNoLongerBeProven) {
  for (const Mode mode : {Mode::AUTO, Mode::ALWAYS}) {
    Scene scene;
    StartFacts facts = owing(owed_before);
    facts.unprovable = "bin.000004 was deleted";
    scene.gate.decide(mode, facts, replica_connected());
    EXPECT_EQ(scene.state(), S::CLOSED_UNPROVABLE);
    EXPECT_THAT(scene.journal.warnings(),
                ElementsAre(AllOf(
                    tells("reason CARRIED_OVER", "bin.000004 was deleted"),
                    Not(HasSubstr("until a semi-sync replica")))));
    EXPECT_TRUE(scene.gate.observe(acknowledged(awaited)).keep_waiting);
    EXPECT_EQ(scene.state(), S::CLOSED_UNPROVABLE);
  }
}

TEST_F(DecidingGate, KeepsOnRecordThatItCanNoLongerBeProven) {
  for (const Mode mode : {Mode::OFF, Mode::AUTO, Mode::ALWAYS})
    for (const Debt debt : {Debt::SHUTDOWN, Debt::CARRIED_OVER}) {
      Scene scene;
      StartFacts facts = owing(with_debt(debt));
      facts.unprovable = "bin.000004 was deleted";
      scene.gate.decide(mode, facts, replica_connected());
      EXPECT_EQ(scene.gate.obligation().debt, Debt::CARRIED_OVER);
      EXPECT_FALSE(scene.gate.obligation().provable);
    }
}

TEST(Gate, StillTellsWhatWasFoundToBeOwedWhateverBecameOfIt) {
  // What is owed from then on is the ledger's business.
  for (const S state : all_gate_states) {
    if (state == S::STARTING || state == S::OPEN_NOT_NEEDED) continue;
    Scene scene;
    scene.bring_to(state);
    scene.gate.observe(shutting_down());
    EXPECT_EQ(scene.gate.obligation(), owed_from_this_start)
        << full_name(state);
  }
}

TEST_F(StartingGate, OwesNothingYet) {
  EXPECT_EQ(gate.obligation(), Obligation());
}

}  // namespace
}  // namespace recovery_gate
