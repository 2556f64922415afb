#include "recovery_gate/state_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <boost/crc.hpp>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string_view>

namespace recovery_gate {
namespace {

constexpr std::size_t largest_file = 64 * 1024;
constexpr char first_line[] = "recovery-gate-state 1\n";

std::string checksum_line(std::string_view covered) {
  boost::crc_32_type crc;
  crc.process_bytes(covered.data(), covered.size());
  char line[32];
  std::snprintf(line, sizeof line, "crc32 %08x\n",
                static_cast<unsigned>(crc.checksum()));
  return line;
}

std::optional<std::string_view> take_line(std::string_view *text,
                                          std::string_view key) {
  const auto end = text->find('\n');
  if (end == std::string_view::npos || text->substr(0, key.size()) != key)
    return std::nullopt;
  const auto value = text->substr(key.size(), end - key.size());
  text->remove_prefix(end + 1);
  return value;
}

int close_after(int fd, int error) {
  if (::close(fd) != 0 && error == 0) return errno;
  return error;
}

int write_all(int fd, const std::string &content) {
  std::size_t written = 0;
  while (written < content.size()) {
    const ssize_t got =
        ::write(fd, content.data() + written, content.size() - written);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno;
    written += static_cast<std::size_t>(got);
  }
  return ::fsync(fd) == 0 ? 0 : errno;
}

}  // namespace

bool operator==(const Obligation &a, const Obligation &b) {
  return a.open == b.open && a.recovered_end == b.recovered_end &&
         a.recovered_gtid == b.recovered_gtid;
}

std::string encode(const Obligation &obligation) {
  std::string content = first_line;
  content += obligation.open ? "obligation open\n" : "obligation none\n";
  content += "file " + obligation.recovered_end.file + "\n";
  content +=
      "offset " + std::to_string(obligation.recovered_end.offset) + "\n";
  content += "gtid " + obligation.recovered_gtid + "\n";
  return content + checksum_line(content);
}

std::string decode(const std::string &content, Obligation *obligation) {
  std::string_view rest = content;
  if (!take_line(&rest, "recovery-gate-state "))
    return "it is not a state file of the recovery gate";
  if (content.compare(0, sizeof first_line - 1, first_line) != 0)
    return "it was written by another version of the plugin";

  const auto last = content.rfind("crc32 ");
  if (last == std::string::npos ||
      content.substr(last) !=
          checksum_line(std::string_view(content).substr(0, last)))
    return "its checksum is wrong";

  const auto open = take_line(&rest, "obligation ");
  const auto file = take_line(&rest, "file ");
  const auto offset = take_line(&rest, "offset ");
  const auto gtid = take_line(&rest, "gtid ");
  Obligation read;
  if (!open || !file || !offset || !gtid || !take_line(&rest, "crc32 ") ||
      !rest.empty() || (*open != "open" && *open != "none"))
    return "it is damaged";
  const auto number = std::from_chars(
      offset->data(), offset->data() + offset->size(),
      read.recovered_end.offset);
  if (number.ec != std::errc() || number.ptr != offset->end())
    return "it is damaged";
  read.open = *open == "open";
  read.recovered_end.file = *file;
  read.recovered_gtid = *gtid;
  *obligation = std::move(read);
  return {};
}

int PosixFiles::read(const std::string &path, std::string *content) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  content->assign(largest_file + 1, '\0');
  std::size_t filled = 0;
  int error = 0;
  for (;;) {
    const ssize_t got =
        ::read(fd, content->data() + filled, content->size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) error = errno;
    if (got <= 0) break;
    filled += static_cast<std::size_t>(got);
    if (filled > largest_file) error = EFBIG;
    if (error != 0) break;
  }
  content->resize(filled);
  return close_after(fd, error);
}

int PosixFiles::write_synced(const std::string &path,
                             const std::string &content) {
  const int fd = ::open(path.c_str(),
                        O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0660);
  if (fd < 0) return errno;
  return close_after(fd, write_all(fd, content));
}

int PosixFiles::rename(const std::string &from, const std::string &to) {
  return std::rename(from.c_str(), to.c_str()) == 0 ? 0 : errno;
}

int PosixFiles::sync_folder(const std::string &folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return errno;
  return close_after(fd, ::fsync(fd) == 0 ? 0 : errno);
}

StateFile::StateFile(FileLayer &files, std::string folder)
    : files_(files),
      folder_(std::move(folder)),
      path_(folder_ + "/recovery_gate.state") {}

std::string StateFile::load(Obligation *obligation) {
  *obligation = Obligation();
  std::string content;
  const int error = files_.read(path_, &content);
  damaged_.clear();
  if (error == ENOENT) return {};
  if (error != 0) {
    if (error == EFBIG) damaged_ = content;
    return "the state file " + path_ + " cannot be read: " +
           std::strerror(error);
  }
  const std::string wrong = decode(content, obligation);
  if (wrong.empty()) return {};
  damaged_ = content;
  return "the state file " + path_ + " cannot be trusted: " + wrong;
}

std::string StateFile::save(const Obligation &obligation) {
  const auto failed = [this](const char *doing, int error) {
    return std::string("cannot ") + doing + " " + path_ + ": " +
           std::strerror(error);
  };
  const std::string beside = path_ + ".new";
  if (const int error = files_.write_synced(beside, encode(obligation)))
    return failed("write", error);
  if (!damaged_.empty()) {
    // For a person to look at; the gate does without it. A copy, so that there
    // is no moment without a state file.
    files_.write_synced(path_ + ".damaged", damaged_);
    damaged_.clear();
  }
  if (const int error = files_.rename(beside, path_))
    return failed("replace", error);
  if (const int error = files_.sync_folder(folder_))
    return failed("make sure of", error);
  return {};
}

}  // namespace recovery_gate
