// SPDX-License-Identifier: GPL-2.0-only
#include "inspect/datadir.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstdlib>
#include <cstring>

#include "client/option_files.h"
#include "inspect/quiet_files.h"
#include "recovery_gate/binlog/binlog_reader.h"
#include "recovery_gate/binlog/quiet_open.h"

namespace recovery_gate::tool {

static const std::string series = RECOVERY_GATE_SERVER_SERIES;

/* Those of mariadbd (sql/mysqld.cc, load_default_groups). */
const std::vector<std::string> server_groups = {"mysqld",
                                                "server",
                                                "mysqld-" + series,
                                                "mariadb",
                                                "mariadb-" + series,
                                                "mariadbd",
                                                "mariadbd-" + series,
                                                "client-server"};

namespace {

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor &) = delete;
  Descriptor &operator=(const Descriptor &) = delete;

  int number() const { return number_; }

 private:
  const int number_;
};

std::string absolute(const std::string &folder, const std::string &path) {
  if (path == ".") return folder;
  return !path.empty() && path[0] == '/' ? path : folder + "/" + path;
}

/* As the server does, what follows the last '.' is dropped. */
std::string without_extension(const std::string &path) {
  const auto dot = path.rfind('.');
  const auto slash = path.rfind('/');
  if (dot == std::string::npos || (slash != std::string::npos && dot < slash))
    return path;
  return path.substr(0, dot);
}

bool ends_with(const std::string &text, const std::string &end) {
  return text.size() >= end.size() &&
         text.compare(text.size() - end.size(), end.size(), end) == 0;
}

bool exists(const std::string &path) {
  return ::access(path.c_str(), F_OK) == 0;
}

void check_lock(const std::string &path, Occupant *found) {
  const Descriptor file(open_quietly(path));
  if (file.number() < 0) {
    if (errno != ENOENT)
      found->unknown =
          fmt::format("cannot open {}: {}", path, std::strerror(errno));
    return;
  }
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  if (::fcntl(file.number(), F_GETLK, &lock) != 0)
    found->unknown = fmt::format("cannot ask for locks on {}: {}", path,
                                 std::strerror(errno));
  else if (lock.l_type != F_UNLCK && found->who.empty())
    found->who = lock.l_pid > 0
                     ? fmt::format("process {} has locked {}", lock.l_pid, path)
                     : fmt::format("a process elsewhere has locked {}", path);
}

Mode mode_of(const std::string &value) {
  if (strcasecmp(value.c_str(), "OFF") == 0 || value == "0") return Mode::OFF;
  if (strcasecmp(value.c_str(), "ALWAYS") == 0 || value == "2")
    return Mode::ALWAYS;
  return Mode::AUTO;
}

/* As the server takes a number: what is none is the least. */
std::uint32_t count_of(const std::string &value) {
  std::uint32_t count = 0;
  std::from_chars(value.data(), value.data() + value.size(), count);
  return std::max(count, 1u);
}

/* As the server takes a name of a list: it may be shortened, or be a number. */
bool is_slave(const std::string &value) {
  return value == "1" || (!value.empty() && strncasecmp(value.c_str(), "SLAVE",
                                                        value.size()) == 0);
}

/* An option that needs no value. */
bool is_set(const std::optional<std::string> &value) {
  if (!value) return true;
  for (const char *off : {"0", "OFF", "FALSE"})
    if (strcasecmp(value->c_str(), off) == 0) return false;
  return true;
}

/* Reads the index that `log_bin` and `log_bin_index` name. */
Failure take_index(const std::string &log_bin,
                   const std::optional<std::string> &log_bin_index,
                   DataDirectory *directory) {
  directory->log_base = absolute(directory->path, without_extension(log_bin));
  directory->index_path =
      log_bin_index
          ? absolute(directory->path,
                     ends_with(*log_bin_index, ".index")
                         ? *log_bin_index
                         : without_extension(*log_bin_index) + ".index")
          : directory->log_base + ".index";
  directory->has_index = exists(directory->index_path);
  if (Failure failure = read_binlog_index(directory->index_path,
                                          directory->path, &directory->index))
    return failure;
  if (directory->index.logs.empty())
    return directory->index_path + " names no binary log";
  if (kind_of(directory->index) == IndexKind::RELAY_LOGS)
    return directory->index_path +
           " is the index of relay logs; name the binary log with --log-bin";
  return {};
}

Failure search_index(DataDirectory *directory) {
  std::vector<std::string> names;
  if (Failure failure = list_quietly(directory->path, &names)) return failure;
  const auto candidates = find_indexes(IndexKind::BINARY_LOGS, directory->path,
                                       names, directory->path);
  directory->has_index = !candidates.empty();
  if (candidates.empty())
    return fmt::format(
        "{} has no index of binary logs: if they are elsewhere, say so with "
        "--log-bin=BASE or --defaults-file=FILE, as the server has it; a "
        "server without a binary log has nothing in doubt",
        directory->path);
  if (candidates.size() > 1) {
    std::string all;
    for (const auto &[path, index] : candidates)
      all += (all.empty() ? "" : ", ") + path;
    return fmt::format(
        "more than one index of binary logs: {}. Say which one "
        "is the server's with --log-bin=BASE",
        all);
  }
  const auto &[path, index] = candidates[0];
  return take_index(without_extension(index.logs.back()), path, directory);
}

}  // namespace

void take_server_options(const std::vector<OptionLine> &lines,
                         ServerOptions *options) {
  for (const OptionLine &line : lines) {
    const std::string value = line.value.value_or("");
    const auto text = [&](const char *name,
                          std::optional<std::string> *option) {
      if (line.name == name && !value.empty()) *option = value;
    };
    text("datadir", &options->datadir);
    text("log-bin", &options->log_bin);
    text("log-bin-index", &options->log_bin_index);
    text("innodb-data-home-dir", &options->innodb_data_home_dir);
    text("aria-log-dir-path", &options->aria_log_dir_path);
    text("master-info-file", &options->master_info_file);
    text("log-error", &options->log_error);
    text("binlog-storage-engine", &options->binlog_storage_engine);
    if (line.name == "user") options->has_user = true;
    if (line.name == "skip-slave-start")
      options->skip_slave_start = is_set(line.value);
    if (line.name == "init-rpl-role")
      options->recovers_as_slave = is_slave(value);
    if (line.name == "recovery-gate-mode") options->mode = mode_of(value);
    if (line.name == "recovery-gate-replica-count")
      options->replicas.count = count_of(value);
    // With a list that cannot be read the server does not start.
    if (line.name == "recovery-gate-replica-ids")
      parse_replica_ids(value, &options->replicas);
    const auto number = [&](const char *name,
                            std::optional<std::uint32_t> *option) {
      std::uint32_t found = 0;
      if (line.name == name &&
          std::from_chars(value.data(), value.data() + value.size(), found)
                  .ec == std::errc())
        *option = found;
    };
    number("server-id", &options->server_id);
    number("port", &options->port);
  }
}

Failure read_server_options(const std::string &file, ServerOptions *options) {
  std::vector<OptionLine> lines;
  if (Failure failure = read_option_file(file, server_groups, &lines))
    return failure;
  options->file = file;
  options->known = true;
  take_server_options(lines, options);
  return {};
}

Failure open_data_directory(const std::string &path, DataDirectory *directory) {
  char resolved[PATH_MAX];
  struct stat about;
  if (::realpath(path.c_str(), resolved) == nullptr ||
      ::stat(resolved, &about) != 0)
    return fmt::format("cannot open {}: {}", path, std::strerror(errno));
  if (!S_ISDIR(about.st_mode)) return path + " is not a directory";
  directory->path = resolved;
  if (const passwd *owner = ::getpwuid(about.st_uid))
    directory->owner = owner->pw_name;
  return {};
}

Occupant find_occupant(const DataDirectory &directory,
                       const ServerOptions &options) {
  Occupant found;
  const std::string innodb_file =
      absolute(directory.path, options.innodb_data_home_dir.value_or(".")) +
      "/ibdata1";
  const std::string control_file =
      absolute(directory.path, options.aria_log_dir_path.value_or(".")) +
      "/aria_log_control";
  if (!exists(innodb_file) && !exists(control_file)) {
    found.is_no_server = true;
    found.unknown = fmt::format(
        "neither {} nor {} is there: this is not a server's data directory, "
        "or cannot be read by this user",
        innodb_file, control_file);
    return found;
  }
  check_lock(innodb_file, &found);
  check_lock(control_file, &found);
  return found;
}

Failure binlog_in_engine(const std::optional<std::string> &log_bin,
                         const ServerOptions &options,
                         const DataDirectory &directory) {
  std::string sign;
  if (options.binlog_storage_engine)
    sign = "binlog_storage_engine=" + *options.binlog_storage_engine;
  if (sign.empty() && !options.known && !log_bin) {
    std::vector<std::string> names;
    if (Failure failure = list_quietly(directory.path, &names)) return failure;
    for (const std::string &name : names)
      if (name.compare(0, 7, "binlog-") == 0 && ends_with(name, ".ibb"))
        sign = "there is " + directory.path + "/" + name;
  }
  if (sign.empty()) return {};
  return fmt::format(
      "the binary log is kept by a storage engine ({}): what it holds cannot be "
      "read from outside, and there is no recovery gate for it. If the server "
      "keeps its binary log in files of its own, say so with --log-bin=BASE or "
      "--defaults-file=FILE",
      sign);
}

Failure find_binlogs(const std::optional<std::string> &log_bin,
                     const ServerOptions &options, DataDirectory *directory) {
  const std::string master_info = absolute(
      directory->path, options.master_info_file.value_or("master.info"));
  struct stat connections;
  directory->receives =
      !options.skip_slave_start &&
      (exists(master_info) ||
       (::stat((directory->path + "/multi-master.info").c_str(),
               &connections) == 0 &&
        connections.st_size > 0));
  if (log_bin) return take_index(*log_bin, options.log_bin_index, directory);
  if (options.log_bin)
    return take_index(*options.log_bin, options.log_bin_index, directory);
  return search_index(directory);
}

}  // namespace recovery_gate::tool
