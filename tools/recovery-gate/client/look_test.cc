// SPDX-License-Identifier: GPL-2.0-only
#include "client/look.h"

#include <gmock/gmock.h>

#include "client/fake_session.h"

namespace recovery_gate::tool {
namespace {

using Kind = Look::Kind;

TEST(Look, SeesTheGateOverOneConnection) {
  FakeSession server;
  Observer observer(server);
  EXPECT_EQ(observer.look().kind, Kind::GATE);
  EXPECT_FALSE(observer.look().is_open());
  server.gate = FakeSession::open_gate("ACK");
  EXPECT_TRUE(observer.look().is_open());
  EXPECT_EQ(server.connections, 1);
}

TEST(Look, NoPlugin) {
  FakeSession server;
  server.gate.clear();
  EXPECT_EQ(Observer(server).look().kind, Kind::NO_PLUGIN);
}

TEST(Look, ConnectsAgainAfterALoss) {
  FakeSession server;
  Observer observer(server);
  observer.look();
  server.status_error = lost;
  const Look look = observer.look();
  EXPECT_EQ(look.kind, Kind::UNREACHABLE);
  EXPECT_EQ(look.error.code, 2013u);
  server.connect_error = not_there;
  EXPECT_EQ(observer.look().error.code, 2002u);
  server.connect_error = server.status_error = {};
  EXPECT_EQ(observer.look().kind, Kind::GATE);
  EXPECT_EQ(server.connections, 3);
}

TEST(Look, TheGatesOwnAnswerMeansClosed) {
  FakeSession server;
  server.status_error = rejected;
  const Look look = Observer(server).look();
  EXPECT_EQ(look.kind, Kind::NOT_ADMITTED);
  EXPECT_FALSE(look.is_open());
  // Another server's "unknown command" does not.
  server.status_error = {1047, "Unknown command"};
  EXPECT_EQ(Observer(server).look().kind, Kind::UNREACHABLE);
}

TEST(Look, NoAnswerAfterALoginMeansClosed) {
  FakeSession server;
  server.status_error = {2013, "Lost connection to server during query", true};
  Observer observer(server);
  const Look look = observer.look();
  EXPECT_EQ(look.kind, Kind::NOT_ADMITTED);
  EXPECT_THAT(look.error.text, testing::HasSubstr("holds"));
  observer.look();
  EXPECT_EQ(server.connections, 2);
}

TEST(Look, NoAnswerToALaterStatementDoesNot) {
  FakeSession server;
  Observer observer(server);
  observer.look();
  server.status_error = {2013, "Lost connection to server during query", true};
  EXPECT_EQ(observer.look().kind, Kind::UNREACHABLE);
}

TEST(Look, WhatMayPassByItself) {
  for (const unsigned code : {2002, 2003, 2005, 2006, 2013, 1040, 1053, 1203})
    EXPECT_TRUE(is_temporary({code, ""})) << code;
  EXPECT_TRUE(is_temporary(rejected));
  // A password, a host that is not allowed, TLS, an unknown method, a command.
  for (const unsigned code : {1045, 1698, 1130, 1129, 2026, 2059, 1047})
    EXPECT_FALSE(is_temporary({code, ""})) << code;
}

TEST(Look, AsJson) {
  Json json;
  add_look(&json, {Kind::NOT_ADMITTED, {}, {1047, "closed"}});
  EXPECT_EQ(json.dump(), R"({"gate":{"open":false,"state":"CLOSED"},)"
                         R"("error":{"message":"closed","code":1047}})");
  json = Json();
  add_look(&json, {Kind::UNREACHABLE, {}, {2002, "no"}});
  EXPECT_EQ(json.dump(), R"({"error":{"message":"no","code":2002}})");
}

}  // namespace
}  // namespace recovery_gate::tool
