// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/ledger/state_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/crc.hpp>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <string_view>

#include "recovery_gate/binlog/quiet_open.h"

namespace recovery_gate {
namespace {

constexpr std::size_t largest_file = 1024 * 1024;
constexpr char first_line[] = "recovery-gate-state 9\n";
constexpr std::size_t at_version = sizeof "recovery-gate-state " - 1;
/* The oldest that is read had no history in it. */
constexpr char first_with_told = '9', first_with_numbers = '8',
               first_with_cuttable = '7', first_with_cut_off = '6',
               first_with_files = '5', first_with_unseen = '4',
               first_with_history = '3', oldest = '2';

constexpr Debt debts[] = {Debt::NONE, Debt::CRASH, Debt::SHUTDOWN,
                          Debt::CARRIED_OVER};

std::string hexadecimal(std::uint32_t value) {
  char text[16];
  std::snprintf(text, sizeof text, "%08x", static_cast<unsigned>(value));
  return text;
}

std::string checksum_line(std::string_view covered) {
  boost::crc_32_type crc;
  crc.process_bytes(covered.data(), covered.size());
  return "crc32 " + hexadecimal(static_cast<std::uint32_t>(crc.checksum())) +
         "\n";
}

/* One line after another: a key, a space, and a value. What does not fit makes
   the whole wrong. */
class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {}

  std::string_view value(std::string_view key) {
    const auto end = rest_.find('\n');
    if (end == std::string_view::npos || end <= key.size() ||
        rest_.substr(0, key.size()) != key || rest_[key.size()] != ' ') {
      wrong_ = true;
      return {};
    }
    const auto value = rest_.substr(key.size() + 1, end - key.size() - 1);
    rest_.remove_prefix(end + 1);
    return value;
  }

  template <typename Number>
  Number number(std::string_view key, int base = 10) {
    return parse_number<Number>(value(key), base);
  }

  BinlogPosition position(const std::string &prefix) {
    BinlogPosition position;
    position.file = value(prefix + "file");
    position.offset = number<std::uint64_t>(prefix + "offset");
    return position;
  }

  std::optional<std::uint32_t> identity(std::string_view key) {
    const auto text = value(key);
    if (text.empty()) return std::nullopt;
    return parse_number<std::uint32_t>(text, 16);
  }

  template <typename Number>
  Number parse_number(std::string_view text, int base = 10) {
    Number number = 0;
    const char *end = text.data() + text.size();
    const auto got = std::from_chars(text.data(), end, number, base);
    if (got.ec != std::errc() || got.ptr != end) wrong_ = true;
    return number;
  }

  bool yes_or_no(std::string_view key) {
    const auto text = value(key);
    demand(text == "yes" || text == "no");
    return text == "yes";
  }

  GtidState gtids(std::string_view key) {
    GtidState gtids;
    demand(parse(value(key), &gtids));
    return gtids;
  }

  void demand(bool right) { wrong_ = wrong_ || !right; }
  bool is_right() const { return !wrong_; }
  bool is_at_end() const { return rest_.empty(); }

 private:
  std::string_view rest_;
  bool wrong_ = false;
};

std::string position_lines(const std::string &prefix,
                           const BinlogPosition &position) {
  return prefix + "file " + position.file + "\n" + prefix + "offset " +
         std::to_string(position.offset) + "\n";
}

const char *yes_or_no(bool value) { return value ? "yes" : "no"; }

std::string ids_text(const ServerIds &ids) {
  std::string text;
  for (const std::uint32_t id : ids)
    text += (text.empty() ? "" : ",") + std::to_string(id);
  return text;
}

ServerIds parse_ids(std::string_view text, Lines *lines) {
  ServerIds ids;
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    ids.insert(lines->parse_number<std::uint32_t>(text.substr(0, comma)));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return ids;
}

std::string content_text(const std::optional<std::uint64_t> &content) {
  if (!content) return "=";
  return "=" + hexadecimal(static_cast<std::uint32_t>(*content >> 32)) +
         hexadecimal(static_cast<std::uint32_t>(*content));
}

std::string contents_text(const Contents &contents) {
  std::string text;
  for (const auto &[gtid, content] : contents)
    text += (text.empty() ? "" : ",") + to_string(gtid) + content_text(content);
  return text;
}

std::string ranges_text(const NumberRanges &ranges) {
  std::string text;
  for (const auto &[begin, last] : ranges)
    text += (text.empty() ? "" : ",") + std::to_string(begin.first) + "/" +
            std::to_string(begin.second) + "-" + std::to_string(last);
  return text;
}

std::string items_text(const std::vector<CuttableEnd::Item> &items) {
  std::string text;
  for (const CuttableEnd::Item &item : items)
    text += (text.empty() ? "" : ",") + to_string(item.gtid) + "/" +
            std::to_string(item.previous) + "@" + std::to_string(item.begin) +
            (item.stays ? "*" : "") + content_text(item.content);
  return text;
}

/* Takes off what comes before a character, which has to be there. */
std::string_view take_to(char end, std::string_view *text, Lines *lines) {
  const auto at = text->find(end);
  lines->demand(at != std::string_view::npos);
  const std::string_view taken = text->substr(0, at);
  text->remove_prefix(std::min(taken.size() + 1, text->size()));
  return taken;
}

Gtid parse_gtid(std::string_view text, Lines *lines) {
  GtidState gtids;
  lines->demand(parse(text, &gtids) && gtids.size() == 1);
  if (gtids.empty()) return {};
  const auto &[source, number] = *gtids.begin();
  return {source.domain, source.server_id, number};
}

std::optional<std::uint64_t> parse_content(std::string_view text,
                                           Lines *lines) {
  if (text.empty()) return std::nullopt;
  return lines->parse_number<std::uint64_t>(text, 16);
}

/* Calls `take` with each part of a list with commas, up to the first wrong one.
 */
template <typename Take>
void for_each_part(std::string_view text, const Lines &lines, Take take) {
  while (!text.empty() && lines.is_right()) {
    const auto comma = std::min(text.find(','), text.size());
    take(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
}

Contents parse_contents(std::string_view text, Lines *lines) {
  Contents contents;
  for_each_part(text, *lines, [&](std::string_view one) {
    const Gtid gtid = parse_gtid(take_to('=', &one, lines), lines);
    contents.emplace(gtid, parse_content(one, lines));
  });
  return contents;
}

NumberRanges parse_ranges(std::string_view text, Lines *lines) {
  NumberRanges ranges;
  for_each_part(text, *lines, [&](std::string_view one) {
    const auto domain =
        lines->parse_number<std::uint32_t>(take_to('/', &one, lines));
    const auto after =
        lines->parse_number<std::uint64_t>(take_to('-', &one, lines));
    ranges[{domain, after}] = lines->parse_number<std::uint64_t>(one);
  });
  return ranges;
}

std::vector<CuttableEnd::Item> parse_items(std::string_view text,
                                           Lines *lines) {
  std::vector<CuttableEnd::Item> items;
  for_each_part(text, *lines, [&](std::string_view one) {
    CuttableEnd::Item item;
    item.gtid = parse_gtid(take_to('/', &one, lines), lines);
    item.previous =
        lines->parse_number<std::uint64_t>(take_to('@', &one, lines));
    std::string_view begin = take_to('=', &one, lines);
    item.stays = !begin.empty() && begin.back() == '*';
    if (item.stays) begin.remove_suffix(1);
    item.begin = lines->parse_number<std::uint64_t>(begin);
    item.content = parse_content(one, lines);
    items.push_back(item);
  });
  return items;
}

/* 0 for a file, and for what is none a NoFile. */
int kind_of(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return 0;
    case S_IFDIR:
      return IS_FOLDER;
    case S_IFLNK:
      return IS_LINK;
    case S_IFIFO:
      return IS_PIPE;
    case S_IFSOCK:
      return IS_SOCKET;
    default:
      return IS_DEVICE;
  }
}

/* Looked at before anything is opened: that alone may block, or do something.
 */
int look_at(const std::string &path) {
  struct stat status;
  return ::lstat(path.c_str(), &status) == 0 ? kind_of(status.st_mode) : errno;
}

const char *name_of(int no_file) {
  switch (no_file) {
    case IS_FOLDER:
      return "a directory";
    case IS_LINK:
      return "a symbolic link";
    case IS_PIPE:
      return "a named pipe";
    case IS_SOCKET:
      return "a socket";
    default:
      return "a device";
  }
}

std::string reason(int error, const std::string &what) {
  if (error >= 0) return std::strerror(error);
  return what + " is " + name_of(error) + ", not a file; move it away";
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

std::string encode(const Record &record) {
  const Obligation &owed = record.obligation;
  const Settled settled = record.settled.value_or(Settled());
  const CuttableEnd cuttable = record.cuttable.value_or(CuttableEnd());
  const std::string content =
      std::string(first_line) + "obligation " + to_string(owed.debt) +
      "\nprovable " + yes_or_no(owed.provable) + "\n" +
      position_lines("", owed.recovered_end) + "identity " +
      (owed.identity ? hexadecimal(*owed.identity) : "") + "\ngtid " +
      owed.recovered_gtid + "\n" +
      position_lines("running-", record.running_since) + "running-identity " +
      hexadecimal(record.running_identity) + "\n" +
      position_lines("acknowledged-", record.acknowledged) +
      position_lines("settled-", settled.position) + "settled-identity " +
      hexadecimal(settled.identity) + "\nsettled-server-id " +
      std::to_string(settled.server_id) + "\nsettled-gtid " +
      to_string(settled.gtids) + "\nother-server-ids " +
      ids_text(record.other_server_ids) + "\nreceived " +
      yes_or_no(record.received) + "\nserved " + yes_or_no(record.served) +
      "\nhistory-known " + yes_or_no(record.history.known) +
      "\nhistory-unseen " + yes_or_no(record.history.has_unseen) +
      "\nearlier-gtid " + to_string(record.history.earlier) + "\ncommon-gtid " +
      to_string(record.history.common) + "\nreplica-ids " +
      ids_text(record.history.replica_ids) + "\nreplica-gtid " +
      to_string(record.history.replicas) + "\nbehind-ids " +
      ids_text(record.history.behind) + "\npassed-gtid " +
      to_string(record.history.passed_over) + "\nfile-ids " +
      ids_text(record.history.by_file) + "\nnewcomer-gtid " +
      to_string(record.newcomers) + "\ncut-off-gtid " +
      contents_text(record.history.cut_off) + "\ncut-off-numbers " +
      ranges_text(record.history.cut_numbers) + "\nreturned-gtid " +
      contents_text(record.history.returned) + "\n" +
      position_lines("cuttable-", cuttable.end) + "cuttable-identity " +
      (cuttable.identity ? hexadecimal(*cuttable.identity) : "") +
      "\ncuttable-gtid " + to_string(cuttable.last.value_or(GtidState())) +
      "\ncuttable-transactions " + items_text(cuttable.items) +
      "\ncuttable-identity-before " +
      (cuttable.identity_before ? hexadecimal(*cuttable.identity_before) : "") +
      "\ntold-gtid " + to_string(record.history.told) + "\n";
  return content + checksum_line(content);
}

Failure decode(const std::string &content, Record *record) {
  if (content.empty())
    return "it is empty, as when there was no room to write it";
  if (content.size() < sizeof first_line ||
      content.compare(0, at_version, first_line, at_version) != 0)
    return "it is not a state file of the recovery gate";
  const char version = content[at_version];
  if (content[at_version + 1] != '\n' || version < oldest ||
      version > first_line[at_version])
    return "it was written by another version of the plugin";

  const auto last = content.rfind("crc32 ");
  if (last == std::string::npos ||
      content.substr(last) !=
          checksum_line(std::string_view(content).substr(0, last)))
    return "its checksum is wrong";

  Record read;
  Lines lines(content);
  lines.value("recovery-gate-state");
  const auto name = lines.value("obligation");
  const auto debt =
      std::find_if(std::begin(debts), std::end(debts),
                   [&](Debt one) { return name == to_string(one); });
  lines.demand(debt != std::end(debts));
  if (debt != std::end(debts)) read.obligation.debt = *debt;
  read.obligation.provable = lines.yes_or_no("provable");
  read.obligation.recovered_end = lines.position("");
  read.obligation.identity = lines.identity("identity");
  read.obligation.recovered_gtid = lines.value("gtid");
  read.running_since = lines.position("running-");
  read.running_identity = lines.number<std::uint32_t>("running-identity", 16);
  read.acknowledged = lines.position("acknowledged-");
  Settled settled;
  settled.position = lines.position("settled-");
  settled.identity = lines.number<std::uint32_t>("settled-identity", 16);
  settled.server_id = lines.number<std::uint32_t>("settled-server-id");
  settled.gtids = lines.gtids("settled-gtid");
  if (!settled.position.empty()) read.settled = std::move(settled);
  read.other_server_ids = parse_ids(lines.value("other-server-ids"), &lines);
  if (version < first_with_history) {
    // It does not say, so it is in doubt.
    read.received = false;
    read.history.known = false;
  } else {
    read.received = lines.yes_or_no("received");
    read.served = lines.yes_or_no("served");
    read.history.known = lines.yes_or_no("history-known");
    if (version >= first_with_unseen)
      read.history.has_unseen = lines.yes_or_no("history-unseen");
    read.history.earlier = lines.gtids("earlier-gtid");
    if (version < first_with_unseen)
      read.history.has_unseen = !read.history.earlier.empty();
    read.history.common = lines.gtids("common-gtid");
    read.history.replica_ids = parse_ids(lines.value("replica-ids"), &lines);
    read.history.replicas = lines.gtids("replica-gtid");
    read.history.behind = parse_ids(lines.value("behind-ids"), &lines);
    read.history.passed_over = lines.gtids("passed-gtid");
    if (version >= first_with_files) {
      read.history.by_file = parse_ids(lines.value("file-ids"), &lines);
      read.newcomers = lines.gtids("newcomer-gtid");
    }
    if (version >= first_with_cut_off)
      read.history.cut_off =
          parse_contents(lines.value("cut-off-gtid"), &lines);
    if (version >= first_with_numbers)
      read.history.cut_numbers =
          parse_ranges(lines.value("cut-off-numbers"), &lines);
    else
      add_numbers({read.history.cut_off, {}, {}}, &read.history.cut_numbers);
    if (version >= first_with_cuttable) {
      CuttableEnd cuttable;
      read.history.returned =
          parse_contents(lines.value("returned-gtid"), &lines);
      cuttable.end = lines.position("cuttable-");
      cuttable.identity = lines.identity("cuttable-identity");
      GtidState last = lines.gtids("cuttable-gtid");
      if (!last.empty()) cuttable.last = std::move(last);
      cuttable.items =
          parse_items(lines.value("cuttable-transactions"), &lines);
      if (version >= first_with_numbers)
        cuttable.identity_before = lines.identity("cuttable-identity-before");
      if (!cuttable.end.empty()) read.cuttable = std::move(cuttable);
    }
    if (version >= first_with_told)
      read.history.told = lines.gtids("told-gtid");
  }
  lines.value("crc32");
  if (!lines.is_right() || !lines.is_at_end()) return "it is damaged";
  *record = std::move(read);
  return {};
}

int PosixFiles::read(const std::string &path, std::string *content) {
  if (const int error = look_at(path)) return error;
  const int fd = open_quietly(path, O_NOFOLLOW);
  if (fd < 0) return errno;
  struct stat status;
  int error = ::fstat(fd, &status) == 0 ? kind_of(status.st_mode) : errno;
  if (error != 0) return close_after(fd, error);
  content->assign(largest_file + 1, '\0');
  std::size_t filled = 0;
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
  const int there = look_at(path);
  if (there != 0 && there != ENOENT) return there;
  // A new one: that of before may have another name too, in a backup.
  if (there == 0 && ::unlink(path.c_str()) != 0) return errno;
  const int fd =
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0660);
  if (fd < 0) return errno;
  return close_after(fd, write_all(fd, content));
}

int PosixFiles::rename(const std::string &from, const std::string &to) {
  const int there = look_at(to);
  if (there != 0 && there != ENOENT) return there;
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

Failure StateFile::load(std::optional<Record> *record) {
  record->reset();
  std::string content;
  const int error = files_.read(path_, &content);
  damaged_.clear();
  if (error == ENOENT) return {};
  if (error != 0) {
    if (error == EFBIG) damaged_ = content;
    return "the state file " + path_ +
           " cannot be read: " + reason(error, "it");
  }
  Record read;
  if (const Failure wrong = decode(content, &read)) {
    damaged_ = content;
    return "the state file " + path_ + " cannot be trusted: " + wrong.text();
  }
  *record = std::move(read);
  return {};
}

Failure StateFile::save(const Record &record) {
  const auto failed = [this](const char *doing, int error,
                             const std::string &what) {
    return std::string("cannot ") + doing + " " + path_ + ": " +
           reason(error, what);
  };
  const std::string beside = path_ + ".new";
  if (const int error = files_.write_synced(beside, encode(record))) {
    // Without a file the next start would take it that there never was anything
    // to write. An empty one needs no room, and closes it.
    std::string content;
    if (files_.read(path_, &content) == ENOENT) files_.write_synced(path_, "");
    return failed("write", error, beside);
  }
  if (!damaged_.empty()) {
    // For a person to look at; the gate does without it. A copy, so that there
    // is no moment without a state file.
    const std::string aside = path_ + ".damaged";
    const int error = files_.write_synced(aside, damaged_);
    if (error < 0) return failed("replace", error, aside);
    damaged_.clear();
  }
  if (const int error = files_.rename(beside, path_))
    return failed("replace", error, path_);
  if (const int error = files_.sync_folder(folder_))
    return failed("make sure of", error, folder_);
  return {};
}

}  // namespace recovery_gate
