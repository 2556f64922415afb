// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/binlog/binlog_index.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

#include "recovery_gate/binlog/binlog_position.h"
#include "recovery_gate/binlog/binlog_reader.h"

namespace recovery_gate {
namespace {

std::string folder_of(const std::string &path) {
  const auto slash = path.rfind('/');
  return slash == path.npos ? std::string() : path.substr(0, slash + 1);
}

/* One form for what names the same file: "./bin.000001" is "bin.000001". */
std::string resolved(std::string_view path, const std::string &data_directory) {
  while (path.substr(0, 2) == "./") path.remove_prefix(2);
  if (path.substr(0, 1) == "/" || data_directory.empty())
    return std::string(path);
  std::string whole = data_directory;
  if (whole.back() != '/') whole += '/';
  return whole.append(path);
}

Failure read_whole(const std::string &path, std::string *content) {
  FileSource file;
  if (Failure failure = file.open(path)) return failure;
  if (file.size() > largest_index)
    return fmt::format("{} is no binary log index: it has {} bytes", path,
                       file.size());
  content->resize(static_cast<std::size_t>(file.size()));
  std::size_t got = 0;
  const int number = file.read(0, content->data(), content->size(), &got);
  if (number != 0) return "cannot read " + path + ": " + std::strerror(number);
  content->resize(got);
  return {};
}

}  // namespace

Failure read_binlog_index(const std::string &path,
                          const std::string &data_directory,
                          BinlogIndex *index) {
  *index = {};
  std::string content;
  if (Failure failure = read_whole(path, &content)) return failure;

  std::string_view rest = content;
  for (unsigned line = 1; !rest.empty() && rest.front() != '\n'; ++line) {
    const auto end = rest.find('\n');
    const std::string_view entry = rest.substr(0, end);
    if (entry.size() > longest_index_line || entry.find('\0') != entry.npos) {
      *index = {};
      return fmt::format("{} is no binary log index: line {} cannot be a path",
                         path, line);
    }
    index->logs.push_back(resolved(entry, data_directory));
    index->is_torn = end == rest.npos;
    rest.remove_prefix(index->is_torn ? rest.size() : end + 1);
  }
  return {};
}

IndexKind kind_of(const BinlogIndex &index) {
  for (auto path = index.logs.rbegin(); path != index.logs.rend(); ++path) {
    FileSource file;
    if (file.open(*path)) continue;
    BinlogReader reader(file);
    const Failure failure = reader.open();
    if (reader.format().is_relay_log) return IndexKind::RELAY_LOGS;
    return failure ? IndexKind::OTHER : IndexKind::BINARY_LOGS;
  }
  return IndexKind::OTHER;
}

std::vector<std::pair<std::string, BinlogIndex>> find_indexes(
    IndexKind kind, const std::string &folder,
    const std::vector<std::string> &names, const std::string &data_directory) {
  constexpr std::string_view ending = ".index";
  std::vector<std::pair<std::string, BinlogIndex>> indexes;
  for (const std::string &name : names) {
    if (name.size() < ending.size() ||
        name.compare(name.size() - ending.size(), ending.size(), ending) != 0)
      continue;
    std::string path = resolved(name, folder);
    BinlogIndex index;
    if (!read_binlog_index(path, data_directory, &index) &&
        kind_of(index) == kind)
      indexes.emplace_back(std::move(path), std::move(index));
  }
  return indexes;
}

std::vector<std::string> find_relay_logs(const std::string &folder,
                                         const std::vector<std::string> &names,
                                         const std::string &data_directory) {
  std::vector<std::string> logs;
  for (const auto &[path, index] :
       find_indexes(IndexKind::RELAY_LOGS, folder, names, data_directory))
    logs.insert(logs.end(), index.logs.begin(), index.logs.end());
  return logs;
}

Failure find_recovery_logs(const BinlogIndex &index, EventDecryptor *decryptor,
                           RecoveryLogs *logs) {
  *logs = {};
  if (index.logs.empty()) return {};
  const std::string &last = index.logs.back();
  FileSource file;
  if (const Failure failure = file.open(last))
    return "the last binary log is not there any more, or not to be read: " +
           failure.text();
  ScanOptions options;
  options.decryptor = decryptor;
  logs->last = scan(file, options, {});
  logs->in_use = logs->last.format.in_use;
  if (logs->last.error) return logs->last.error;

  const std::string &checkpoint = logs->last.last_checkpoint;
  if (!logs->in_use || checkpoint.empty()) {
    logs->logs = {last};
    return {};
  }
  // The server looks for it where the last log is.
  const std::string first = folder_of(last) + checkpoint;
  for (const std::string &log : index.logs)
    if (!logs->logs.empty() || log == first) logs->logs.push_back(log);
  if (logs->logs.empty())
    return fmt::format(
        "crash recovery begins in {}, as {} says, and that is not "
        "in the binary log index any more",
        checkpoint, last);
  for (const std::string &log : logs->logs) {
    FileSource there;
    if (const Failure failure = there.open(log))
      return "a binary log that crash recovery reads is not there any more, or "
             "not to be read: " +
             failure.text();
  }
  return {};
}

std::vector<std::string>::const_iterator recovery_begins(
    const std::vector<std::string> &logs, const std::string &checkpoint) {
  return std::find_if(logs.begin(), logs.end() - 1,
                      [&](const std::string &path) {
                        return without_folder(path) == checkpoint;
                      });
}

}  // namespace recovery_gate
