// SPDX-License-Identifier: GPL-2.0-only
#include "client/option_files.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace recovery_gate::tool {
namespace {

constexpr int deepest_include = 10;  // as in the server
constexpr const char *space = " \t\r\n\f\v";

std::string trimmed(const std::string &text) {
  const std::size_t first = text.find_first_not_of(space);
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(space) - first + 1);
}

bool starts_with(const std::string &text, const char *beginning) {
  return text.compare(0, std::strlen(beginning), beginning) == 0;
}

/* A '#' outside of quotes begins a comment, wherever it is. */
std::string without_comment(const std::string &line) {
  char quote = 0;
  bool escaped = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if ((c == '\'' || c == '"') && !escaped) {
      if (quote == 0)
        quote = c;
      else if (quote == c)
        quote = 0;
    }
    if (quote == 0 && c == '#') return line.substr(0, i);
    escaped = quote != 0 && c == '\\' && !escaped;
  }
  return line;
}

std::string unescaped(const std::string &text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      result += text[i];
      continue;
    }
    switch (const char c = text[++i]) {
      case 'n':
        result += '\n';
        break;
      case 't':
        result += '\t';
        break;
      case 'r':
        result += '\r';
        break;
      case 'b':
        result += '\b';
        break;
      case 's':
        result += ' ';
        break;
      case '"':
      case '\'':
      case '\\':
        result += c;
        break;
      default:
        result += {'\\', c};
    }
  }
  return result;
}

std::string value_of(const std::string &text) {
  std::string value = trimmed(text);
  if (value.size() > 2 && (value[0] == '"' || value[0] == '\'') &&
      value[0] == value.back())
    value = value.substr(1, value.size() - 2);
  else if (value == "\"\"" || value == "''")
    value.clear();
  return unescaped(value);
}

class Reader {
 public:
  Reader(const std::vector<std::string> &groups,
         const std::string &group_suffix, std::vector<OptionLine> *lines)
      : lines_(lines) {
    for (const std::string &group : groups) {
      groups_.push_back(group);
      if (!group_suffix.empty()) groups_.push_back(group + group_suffix);
    }
  }

  Failure read_if_there(const std::string &path) {
    return ::access(path.c_str(), F_OK) == 0 ? read(path, 0) : Failure();
  }

  Failure read_required(const std::string &path) {
    std::ifstream file(path);
    if (!file)
      return fmt::format("cannot read {}: {}", path, std::strerror(errno));
    return read(path, 0);
  }

 private:
  Failure read(const std::string &path, int depth) {
    if (anybody_may_write(path)) {
      std::fprintf(
          stderr,
          "recovery-gate: %s is writable by everybody, and is ignored\n",
          path.c_str());
      return {};
    }
    std::ifstream file(path);
    std::string group, line;
    bool in_any_group = false;
    for (int number = 1; std::getline(file, line); ++number) {
      line = trimmed(line);
      if (line.empty() || line[0] == '#' || line[0] == ';') continue;
      const std::string place = fmt::format("{}, line {}", path, number);
      if (line[0] == '!') {
        if (Failure failure =
                include(trimmed(line.substr(1)), place, depth + 1))
          return failure;
        continue;
      }
      if (line[0] == '[') {
        const std::size_t end = line.find(']');
        if (end == std::string::npos) return place + ": a ']' is missing";
        group = trimmed(line.substr(1, end - 1));
        in_any_group = true;
        continue;
      }
      if (!in_any_group) return place + ": an option before any [group]";
      if (std::find(groups_.begin(), groups_.end(), group) != groups_.end())
        add(line, group, place);
    }
    return {};
  }

  void add(const std::string &text, const std::string &group,
           const std::string &place) {
    const std::string line = without_comment(text);
    OptionLine option;
    option.group = group;
    option.file = place;
    // The server looks for '=' also in the comment, which has to be a mistake.
    const std::size_t equals = line.find('=');
    option.name = trimmed(line.substr(0, equals));
    if (equals != std::string::npos)
      option.value = value_of(line.substr(equals + 1));
    std::replace(option.name.begin(), option.name.end(), '_', '-');
    if (starts_with(option.name, "loose-")) {
      option.loose = true;
      option.name.erase(0, std::strlen("loose-"));
    }
    lines_->push_back(std::move(option));
  }

  Failure include(const std::string &directive, const std::string &place,
                  int depth) {
    if (depth > deepest_include) return place + ": too many files in files";
    const std::size_t end = directive.find_first_of(space);
    const std::string word = directive.substr(0, end);
    const std::string path =
        end == std::string::npos ? "" : trimmed(directive.substr(end));
    if (word == "include") {
      if (path.empty()) return place + ": which file?";
      if (::access(path.c_str(), R_OK) != 0) return {};
      return read(path, depth);
    }
    if (word != "includedir") return {};
    std::error_code error;
    std::vector<std::string> files;
    for (std::filesystem::directory_iterator entry(path, error), none;
         !error && entry != none; entry.increment(error))
      if (entry->path().extension() == ".cnf")
        files.push_back(entry->path().string());
    if (error)
      return fmt::format("{}: cannot read {}: {}", place, path,
                         error.message());
    std::sort(files.begin(), files.end());
    for (const std::string &file : files)
      if (Failure failure = read(file, depth)) return failure;
    return {};
  }

  /* What is mounted read-only may have any mode, as volumes of containers do.
   */
  static bool anybody_may_write(const std::string &path) {
    struct stat about;
    if (::stat(path.c_str(), &about) != 0 || !S_ISREG(about.st_mode) ||
        (about.st_mode & S_IWOTH) == 0)
      return false;
    return ::access(path.c_str(), W_OK) == 0 ||
           (errno != EROFS && errno != EPERM);
  }

  std::vector<std::string> groups_;
  std::vector<OptionLine> *const lines_;
};

const char *first_of_environment(const char *name, const char *old_name) {
  const char *value = std::getenv(name);
  return value != nullptr ? value : std::getenv(old_name);
}

}  // namespace

const std::vector<std::string> client_groups = {
    "client", "client-server", "client-mariadb", "recovery-gate"};

Failure read_option_files(const OptionFiles &files,
                          const std::vector<std::string> &groups,
                          std::vector<OptionLine> *lines) {
  if (files.none) return {};
  std::string suffix = files.group_suffix;
  if (suffix.empty()) {
    const char *given =
        first_of_environment("MARIADB_GROUP_SUFFIX", "MYSQL_GROUP_SUFFIX");
    if (given != nullptr) suffix = given;
  }
  Reader reader(groups, suffix, lines);
  if (files.only) return reader.read_required(*files.only);

  for (const char *path : {"/etc/my.cnf", "/etc/mysql/my.cnf"})
    if (Failure failure = reader.read_if_there(path)) return failure;
  const char *home = first_of_environment("MARIADB_HOME", "MYSQL_HOME");
  if (home != nullptr)
    if (Failure failure = reader.read_if_there(std::string(home) + "/my.cnf"))
      return failure;
  if (files.extra)
    if (Failure failure = reader.read_required(*files.extra)) return failure;
  const char *user_home = std::getenv("HOME");
  if (user_home == nullptr) return {};
  return reader.read_if_there(std::string(user_home) + "/.my.cnf");
}

Failure read_option_file(const std::string &path,
                         const std::vector<std::string> &groups,
                         std::vector<OptionLine> *lines) {
  return Reader(groups, "", lines).read_required(path);
}

}  // namespace recovery_gate::tool
