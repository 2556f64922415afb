// SPDX-License-Identifier: GPL-2.0-only
/* Run by the build: recovery-gate-pages MAN_PAGE COMPLETION writes both files.
 */
#include <fstream>

#include "command_line.h"
#include "pages/pages.h"

using namespace recovery_gate::tool;

namespace {

bool write(const char *file, const std::string &text) {
  std::ofstream stream(file);
  stream << text;
  stream.close();
  return !stream.fail();
}

}  // namespace

int main(int argc, char **argv) {
  if (argc != 3) return 1;
  CLI::App app;
  Invocation invocation;
  declare_command_line(app, invocation);
  return write(argv[1], man_page(app)) && write(argv[2], bash_completion(app))
             ? 0
             : 1;
}
