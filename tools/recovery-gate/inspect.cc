#include "inspect.h"

#include "output.h"

namespace recovery_gate::tool {

void add_inspect(CLI::App &tool, Invocation &invocation) {
  CLI::App *command = tool.add_subcommand(
      "inspect", "What a crash left in a data directory, without a server");
  command->callback([&invocation] {
    invocation.run = [&invocation] {
      return fail(invocation.json, ExitCode::USAGE, "inspect is not there yet");
    };
  });
}

}  // namespace recovery_gate::tool
