#include "quiet_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace recovery_gate::tool {
namespace {

constexpr std::size_t largest_file = 1 << 20;  // as FileLayer has it

}  // namespace

int open_quietly(const std::string &path, int flags) {
  const int file = ::open(path.c_str(), flags | O_NOATIME | O_CLOEXEC);
  return file < 0 && errno == EPERM ? ::open(path.c_str(), flags | O_CLOEXEC)
                                    : file;
}

std::string list_quietly(const std::string &folder,
                         std::vector<std::string> *names) {
  const int file = open_quietly(folder, O_RDONLY | O_DIRECTORY);
  DIR *entries = file < 0 ? nullptr : ::fdopendir(file);
  if (entries == nullptr) {
    const std::string why = std::strerror(errno);
    if (file >= 0) ::close(file);
    return "cannot read " + folder + ": " + why;
  }
  while (const dirent *entry = ::readdir(entries))
    names->push_back(entry->d_name);
  ::closedir(entries);
  std::sort(names->begin(), names->end());
  return {};
}

int QuietFiles::read(const std::string &path, std::string *content) {
  const int file = open_quietly(path, O_RDONLY);
  if (file < 0) return errno;
  content->assign(largest_file + 1, '\0');
  std::size_t filled = 0;
  int error = 0;
  while (filled < content->size()) {
    const ssize_t got =
        ::read(file, content->data() + filled, content->size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) error = errno;
    if (got <= 0) break;
    filled += static_cast<std::size_t>(got);
  }
  ::close(file);
  content->resize(filled);
  return error == 0 && filled > largest_file ? EFBIG : error;
}

}  // namespace recovery_gate::tool
