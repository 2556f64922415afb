// SPDX-License-Identifier: GPL-2.0-only
#define MYSQL_SERVER 1
#include <my_global.h>
#include <mysqld.h>
#include <rpl_mi.h>
#include <rpl_rli.h>
#include <semisync_slave.h>
#include <slave.h>
#include <sql_class.h>

#include <cstring>
#include <optional>

#include "link_repair.h"
#include "replication_links.h"
#include "server_start.h"
#include "tried_lock.h"
#include "waiting_thd.h"

namespace recovery_gate {
namespace {

/* The default one always exists. */
bool is_configured(const Master_info &info) { return info.host[0] != '\0'; }

LinkError error_of(const Master_info &info) {
  // Other causes have this number, too.
  static const char no_header[] = "after_read_event";
  const auto &error = info.last_error();
  switch (error.number) {
    case 0:
      return LinkError::NONE;
    case ER_SLAVE_RELAY_LOG_WRITE_FAILURE:
      return LinkError::REFUSED;
    case ER_SLAVE_FATAL_ERROR: {
      mysql_mutex_lock(&info.err_lock);
      const bool found = std::strstr(error.message, no_header) != nullptr;
      mysql_mutex_unlock(&info.err_lock);
      return found ? LinkError::NO_HEADER : LinkError::OTHER;
    }
    default:
      return LinkError::OTHER;
  }
}

std::string name_of(const Master_info &info) {
  return {info.connection_name.str, info.connection_name.length};
}

/* A thread that starts counts itself, forgets the error of the one before, and
   only then says that it runs. It holds this lock meanwhile. */
class AtRest {
 public:
  explicit AtRest(Master_info *info) {
    if (info->slave_running == MYSQL_SLAVE_NOT_RUN)
      lock_.emplace(&info->run_lock);
  }
  /* False: it may be about to start. */
  explicit operator bool() const { return !lock_ || *lock_; }

 private:
  std::optional<TriedLock> lock_;
};

/* False, and nothing is changed, while nobody can say whether it runs. */
bool fill(Master_info *of, Link *link) {
  const AtRest at_rest(of);
  if (!at_rest) return false;
  const Master_info &info = *of;
  link->name = name_of(info);
  link->run = info.slave_run_id;
  const uint running = info.slave_running;
  link->state = running == MYSQL_SLAVE_NOT_RUN       ? LinkState::STOPPED
                : running == MYSQL_SLAVE_RUN_READING ? LinkState::RECEIVING
                                                     : LinkState::STARTING;
  // While it connects, an error is only why it tries again.
  link->error =
      link->state == LinkState::STARTING ? LinkError::NONE : error_of(info);
  link->is_recent =
      link->error != LinkError::NONE && my_time(0) - info.last_error().skr <= 2;
  link->ending = link->state != LinkState::STOPPED &&
                 (info.abort_slave || link->error != LinkError::NONE);
  link->semisync = info.semi_sync_reply_enabled;
  link->gtid = info.using_gtid != Master_info::USE_GTID_NO;
  link->checksums =
      info.rli.relay_log.relay_log_checksum_alg == BINLOG_CHECKSUM_ALG_CRC32;
  link->applies =
      info.rli.slave_running != MYSQL_SLAVE_NOT_RUN && !info.rli.abort_slave;
  link->unreadable =
      info.rli.slave_running == MYSQL_SLAVE_NOT_RUN &&
      info.rli.last_error().number == ER_SLAVE_RELAY_LOG_READ_FAILURE;
  link->place.clear();
  if (link->state == LinkState::STOPPED && link->error != LinkError::NONE)
    link->place = std::string(info.master_log_name) + ":" +
                  std::to_string(info.master_log_pos);
  return true;
}

/* Keeps it from being deleted. */
class Pinned {
 public:
  explicit Pinned(const std::string &name) {
    visit_replication_links([&](Master_info *info) {
      if (name != name_of(*info)) return;
      mysql_mutex_lock(&info->sleep_lock);
      ++info->users;
      mysql_mutex_unlock(&info->sleep_lock);
      info_ = info;
    });
  }
  ~Pinned() {
    if (info_ != nullptr) info_->release();
  }
  Pinned(const Pinned &) = delete;
  Pinned &operator=(const Pinned &) = delete;

  Master_info *get() const { return info_; }

 private:
  Master_info *info_ = nullptr;
};

/* The files that keep a connection's positions. */
struct InfoFiles {
  explicit InfoFiles(Master_info *info) {
    create_logfile_name_with_suffix(primary, sizeof primary, master_info_file,
                                    false, &info->cmp_connection_name);
    create_logfile_name_with_suffix(relay_log, sizeof relay_log,
                                    relay_log_info_file, false,
                                    &info->cmp_connection_name);
  }
  char primary[FN_REFLEN], relay_log[FN_REFLEN];
};

/* What START SLAVE does, with its lock held. */
bool start(Master_info *info, int threads) {
  const InfoFiles files(info);
  return init_master_info(info, files.primary, files.relay_log, false,
                          threads) == 0 &&
         start_slave_threads(current_thd, true, true, info, files.primary,
                             files.relay_log, threads) == 0;
}

}  // namespace

bool ServerLinks::several() {
  int links = 0;
  visit_replication_links(
      [&](Master_info *info) { links += is_configured(*info); });
  return links > 1;
}

void ServerLinks::begin() { start_server_thread(); }
void ServerLinks::end() { end_server_thread(); }

bool ServerLinks::look(LinksView *view) {
  std::size_t count = 0;
  bool seen = true;
  const Links visited = visit_replication_links([&](Master_info *info) {
    if (!is_configured(*info)) return;
    const bool is_new = count == view->links.size();
    if (is_new) view->links.emplace_back();
    Link &link = view->links[count++];
    // Else it is as it was; START SLAVE takes its time, and the others are not
    // to wait for it.
    if (!fill(info, &link)) seen &= !is_new && link.name == name_of(*info);
  });
  if (visited != Links::VISITED || !seen) return false;
  view->links.resize(count);
  // After the connections: what one of them does to it is seen with the next.
  view->switch_on = repl_semisync_slave.get_slave_enabled();
  view->setting_on = global_rpl_semi_sync_slave_enabled;
  return true;
}

void ServerLinks::set_switch() { repl_semisync_slave.set_slave_enabled(true); }

RestartResult ServerLinks::restart(const Link &seen, Restart how) {
  const Pinned pinned(seen.name);
  Master_info *const info = pinned.get();
  if (info == nullptr) return RestartResult::LATER;
  const TriedLock lock(&info->start_stop_lock);
  if (!lock) return RestartResult::LATER;
  if (info->killed || !info->inited) return RestartResult::NOT_WANTED;
  Link now;
  if (!fill(info, &now)) return RestartResult::LATER;
  if (now.run != seen.run || now.state != seen.state || now.ending ||
      now.error != seen.error || now.applies != seen.applies ||
      now.unreadable != seen.unreadable)
    return RestartResult::NOT_WANTED;
  const ShortSession session;
  if (how == Restart::IO_THREAD)
    return start(info, SLAVE_IO) ? RestartResult::DONE
                                 : RestartResult::NOT_WANTED;
  return terminate_slave_threads(info, SLAVE_IO, false) == 0 &&
                 start(info, SLAVE_IO | SLAVE_SQL)
             ? RestartResult::DONE
             : RestartResult::NOT_WANTED;
}

}  // namespace recovery_gate
