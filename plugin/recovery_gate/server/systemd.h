/*
  The seam to systemd: the line of text in `systemctl status`.

  Without a service manager (NOTIFY_SOCKET is not set) nothing is sent.
*/
#ifndef RECOVERY_GATE_SYSTEMD_H
#define RECOVERY_GATE_SYSTEMD_H

#include "recovery_gate/gate/status_line.h"

namespace recovery_gate {

/* Between the end of the server's start and the end of its shutdown, and for
   one thread. Shows nothing before the server's own line for a server that is
   ready, and nothing after its line for one that shuts down. */
class Systemd final : public ServiceManager {
 public:
  bool show(const std::string &line) override;
  bool show_servers_own() override;

 private:
  bool server_has_told();

  bool server_has_told_ = false;
  int looks_ = 0;
};

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_SYSTEMD_H
