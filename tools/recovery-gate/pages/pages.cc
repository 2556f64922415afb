// SPDX-License-Identifier: GPL-2.0-only
#include "pages/pages.h"

#include <fmt/format.h>

#include <cctype>
#include <sstream>
#include <vector>

namespace recovery_gate::tool {
namespace {

using Options = std::vector<const CLI::Option *>;

/* The options that --help shows; those of a connection are the same in every
   subcommand. */
Options shown(const CLI::App &app, bool of_connection) {
  return app.get_options([&](const CLI::Option *option) {
    return !option->get_group().empty() && !option->get_positional() &&
           (option->get_group() == "Connection") == of_connection;
  });
}

Options arguments(const CLI::App &app) {
  return app.get_options([](const CLI::Option *option) {
    return option->get_positional() && !option->get_group().empty();
  });
}

std::vector<const CLI::App *> subcommands(const CLI::App &tool) {
  return tool.get_subcommands([](const CLI::App *) { return true; });
}

bool takes_value(const CLI::Option &option) {
  return option.get_type_size() != 0;
}

std::string escaped(const std::string &text) {
  std::string result;
  for (const char c : text) {
    // A request, where it begins a line.
    if ((c == '.' || c == '\'') && (result.empty() || result.back() == '\n'))
      result += "\\&";
    if (c == '\\')
      result += "\\e";
    else if (c == '-')
      result += "\\-";
    else
      result += c;
  }
  return result;
}

std::string one_line(std::string text) {
  for (char &c : text)
    if (c == '\n') c = ' ';
  return text;
}

std::string in_capitals(std::string text) {
  for (char &c : text) c = static_cast<char>(std::toupper(c));
  return text;
}

std::string as_it_is(const std::string &text) {
  if (text.empty()) return text;
  return fmt::format(".PP\n.nf\n{}\n.fi\n", escaped(text));
}

std::string names_of(const CLI::Option &option) {
  std::string names;
  for (const std::string &name : option.get_snames())
    names += fmt::format("{}\\fB\\-{}\\fR", names.empty() ? "" : ", ", name);
  for (const std::string &name : option.get_lnames())
    names += fmt::format("{}\\fB\\-\\-{}\\fR", names.empty() ? "" : ", ",
                         escaped(name));
  if (takes_value(option))
    names += fmt::format(" \\fI{}\\fR", escaped(option.get_type_name()));
  return names;
}

std::string list_of(const Options &options) {
  std::string text;
  for (const CLI::Option *option : options)
    text += fmt::format(
        ".TP\n{}\n{}\n",
        option->get_positional()
            ? fmt::format("\\fI{}\\fR", escaped(option->get_type_name()))
            : names_of(*option),
        escaped(one_line(option->get_description())));
  return text;
}

std::string usage_of(const CLI::App &command) {
  std::string text = fmt::format(
      "\\fBrecovery\\-gate {}\\fR [\\fIOPTION\\fR ...]", command.get_name());
  for (const CLI::Option *argument : arguments(command)) {
    const std::string name = escaped(argument->get_type_name());
    text += argument->get_required()
                ? fmt::format(" \\fI{}\\fR", name)
                : fmt::format(" [\\-\\- \\fI{}\\fR]", name);
  }
  return text;
}

std::string words_of(const Options &options) {
  std::string words;
  for (const CLI::Option *option : options)
    for (const std::string &name : option->get_lnames()) words += " --" + name;
  return words.empty() ? words : words.substr(1);
}

/* The options whose value is of one of the types, as a pattern of bash. */
std::string pattern_of(const CLI::App &tool,
                       std::initializer_list<std::string> types) {
  std::string pattern;
  const auto add = [&](const std::string &name) {
    if (("|" + pattern + "|").find("|" + name + "|") != std::string::npos)
      return;
    if (!pattern.empty()) pattern += '|';
    pattern += name;
  };
  for (const CLI::App *command : subcommands(tool))
    for (const bool of_connection : {false, true})
      for (const CLI::Option *option : shown(*command, of_connection)) {
        if (!takes_value(*option)) continue;
        bool wanted = types.size() == 0;
        for (const std::string &type : types)
          wanted = wanted || option->get_type_name() == type;
        if (!wanted) continue;
        for (const std::string &name : option->get_snames()) add("-" + name);
        for (const std::string &name : option->get_lnames()) add("--" + name);
      }
  return pattern;
}

}  // namespace

std::string man_page(const CLI::App &tool) {
  std::string page = fmt::format(
      ".\\\" SPDX-License-Identifier: GPL-2.0-only\n"
      ".TH RECOVERY\\-GATE 1 \"\" \"recovery\\-gate {}\" \"Recovery gate for "
      "MariaDB\"\n"
      ".SH NAME\nrecovery\\-gate \\- show, await and open the recovery gate "
      "of a MariaDB server\n.SH SYNOPSIS\n",
      RECOVERY_GATE_VERSION);
  const char *separator = "";
  for (const CLI::App *command : subcommands(tool)) {
    page += separator + usage_of(*command) + "\n";
    separator = ".br\n";
  }
  page += ".SH DESCRIPTION\n" + escaped(one_line(tool.get_description())) +
          "\n.SH OPTIONS\n" + list_of(shown(tool, false));
  std::string connection;
  for (const CLI::App *command : subcommands(tool)) {
    page += fmt::format(".SH {}\n{}\n{}{}{}", in_capitals(command->get_name()),
                        escaped(one_line(command->get_description())),
                        list_of(arguments(*command)),
                        list_of(shown(*command, false)),
                        as_it_is(command->get_footer()));
    const std::string of_connection = list_of(shown(*command, true));
    if (!of_connection.empty()) connection = of_connection;
  }
  page += ".SH CONNECTION OPTIONS\nIn all subcommands:\n" + connection +
          ".SH EXAMPLES AND EXIT CODES\n" + as_it_is(tool.get_footer()) +
          ".SH SEE ALSO\n\\fBmariadb\\fR(1), \\fBmariadbd\\fR(8)\n";
  return page;
}

std::string bash_completion(const CLI::App &tool) {
  std::string names, cases;
  for (const CLI::App *command : subcommands(tool)) {
    names += (names.empty() ? "" : " ") + command->get_name();
    cases += fmt::format("    {}) options='{} {}' ;;\n", command->get_name(),
                         words_of(shown(*command, false)),
                         words_of(shown(*command, true)));
  }
  std::ostringstream text;
  text
      << "# SPDX-License-Identifier: GPL-2.0-only\n"
         "# bash completion for recovery-gate\n"
         "_recovery_gate() {\n"
         "  local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n"
         "  local word subcommand= options='"
      << words_of(shown(tool, false))
      << "'\n"
         "  COMPREPLY=()\n"
         "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD - 1}\"; do\n"
         "    if [[ $word == -- ]]; then\n"
         "      mapfile -t COMPREPLY < <(compgen -c -- \"$current\")\n"
         "      return\n"
         "    fi\n"
         "    case \" "
      << names
      << " \" in *\" $word \"*) subcommand=${subcommand:-$word} ;; esac\n"
         "  done\n"
         "  case $before in\n"
         "    "
      << pattern_of(tool, {"FILE", "BASE"})
      << ") mapfile -t COMPREPLY < <(compgen -f -- \"$current\"); return ;;\n"
         "    "
      << pattern_of(tool, {"DIR"})
      << ") mapfile -t COMPREPLY < <(compgen -d -- \"$current\"); return ;;\n"
         "    "
      << pattern_of(tool, {})
      << ") return ;;\n"
         "  esac\n"
         "  case $subcommand in\n"
         "    '') options+=' "
      << names << "' ;;\n"
      << cases
      << "  esac\n"
         "  mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$current\")\n"
         "  if [[ $subcommand == inspect && $current != -* ]]; then\n"
         "    mapfile -t COMPREPLY < <(compgen -d -- \"$current\")\n"
         "  fi\n"
         "} &&\n"
         "  complete -o filenames -F _recovery_gate recovery-gate\n";
  return text.str();
}

}  // namespace recovery_gate::tool
