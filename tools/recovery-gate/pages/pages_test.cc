// SPDX-License-Identifier: GPL-2.0-only
#include "pages/pages.h"

#include <gmock/gmock.h>

#include <array>
#include <cstdio>

#include "command_line.h"

namespace recovery_gate::tool {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

class Pages : public testing::Test {
 protected:
  Pages() { declare_command_line(app, invocation); }

  CLI::App app;
  Invocation invocation;
};

TEST_F(Pages, TheManPageHasWhatHelpHas) {
  const std::string page = man_page(app);
  EXPECT_THAT(page, AllOf(HasSubstr(".SH STATUS"), HasSubstr(".SH PRESTART"),
                          HasSubstr("\\fB\\-\\-timeout\\fR \\fISECONDS\\fR"),
                          HasSubstr("\\fB\\-h\\fR, \\fB\\-\\-host\\fR"),
                          HasSubstr("recovery\\-gate wait \\-\\-timeout 300"),
                          HasSubstr("the gate is closed")));
  for (const CLI::App *command : app.get_subcommands(nullptr))
    for (const CLI::Option *option : command->get_options())
      if (!option->get_group().empty() && !option->get_lnames().empty()) {
        std::string name = option->get_lnames().front();
        for (size_t at = 0; (at = name.find('-', at)) != std::string::npos;
             at += 2)
          name.insert(at, "\\");
        EXPECT_THAT(page, HasSubstr("\\-\\-" + name + "\\fR"));
      }
}

TEST_F(Pages, NoLineOfTheManPageIsTakenForARequest) {
  CLI::App tool;
  tool.add_subcommand("x")->footer(".so /etc/passwd\n'quoted\na\\b");
  EXPECT_THAT(man_page(tool),
              HasSubstr("\\&.so /etc/passwd\n\\&'quoted\na\\eb"));
}

/* What bash would offer behind the words, of which the last is incomplete. */
std::vector<std::string> offered(const CLI::App &app,
                                 const std::string &words) {
  const std::string script = bash_completion(app) + "COMP_WORDS=(" + words +
                             ")\nCOMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n"
                             "_recovery_gate\n"
                             "printf '%s\\n' \"${COMPREPLY[@]}\"\n";
  const std::string file = testing::TempDir() + "recovery_gate_completion";
  std::FILE *out = std::fopen(file.c_str(), "w");
  std::fputs(script.c_str(), out);
  std::fclose(out);
  std::FILE *bash = popen(("bash -u " + file + " 2>&1").c_str(), "r");
  std::vector<std::string> lines;
  std::array<char, 1000> line;
  while (std::fgets(line.data(), line.size(), bash) != nullptr) {
    std::string text(line.data());
    text.pop_back();
    if (!text.empty()) lines.push_back(text);
  }
  EXPECT_EQ(pclose(bash), 0);
  std::remove(file.c_str());
  return lines;
}

TEST_F(Pages, CompletionOffersWhatIsDeclared) {
  EXPECT_THAT(offered(app, "recovery-gate sta"), ElementsAre("status"));
  EXPECT_THAT(offered(app, "recovery-gate --ver"), ElementsAre("--version"));
  EXPECT_THAT(offered(app, "recovery-gate wait --time"),
              ElementsAre("--timeout"));
  EXPECT_THAT(offered(app, "recovery-gate -u ops wait --defaults-f"),
              ElementsAre("--defaults-file"));
  EXPECT_THAT(offered(app, "recovery-gate status --time"), IsEmpty());
  EXPECT_THAT(offered(app, "recovery-gate wait --timeout ''"), IsEmpty());
  EXPECT_THAT(offered(app, "recovery-gate status --defaults-file /etc/host"),
              Not(IsEmpty()));
  EXPECT_THAT(offered(app, "recovery-gate inspect /et"), ElementsAre("/etc"));
  EXPECT_THAT(offered(app, "recovery-gate prestart -- env"),
              testing::Contains("env"));
}

}  // namespace
}  // namespace recovery_gate::tool
