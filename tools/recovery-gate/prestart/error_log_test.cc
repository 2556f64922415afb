// SPDX-License-Identifier: GPL-2.0-only
#include "prestart/error_log.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "testing/test_folder.h"

namespace recovery_gate::tool {
namespace {

using testing::MatchesRegex;

std::string content(const std::string &path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(ErrorLog, GetsLinesLikeTheServers) {
  const TestFolder folder;
  const std::string path = folder.write("server.err", "before\n");
  ServerOptions options;
  options.log_error = "server";
  add_to_error_log(options, folder.path(), true, {"what", "w\nhy"});
  EXPECT_THAT(content(path),
              MatchesRegex("before\n"
                           "[0-9-]+ [ 0-9]+:[0-9]+:[0-9]+ 0 \\[Warning\\] "
                           "Recovery gate: prestart: what\n"
                           "[^\n]*Recovery gate: prestart: w hy\n"));
}

TEST(ErrorLog, IsNotMadeNorFollowedElsewhere) {
  const TestFolder folder;
  ServerOptions options;
  options.log_error = folder.file("new.err");
  add_to_error_log(options, folder.path(), false, {"what"});
  EXPECT_FALSE(std::filesystem::exists(*options.log_error));
  const std::string other = folder.write("other", "");
  std::filesystem::create_symlink(other, *options.log_error);
  add_to_error_log(options, folder.path(), false, {"what"});
  EXPECT_EQ(content(other), "");
}

}  // namespace
}  // namespace recovery_gate::tool
