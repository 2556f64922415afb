// SPDX-License-Identifier: GPL-2.0-only
#define MYSQL_SERVER 1
#include <my_global.h>
#include <semisync_master_ack_receiver.h>

#include "ack_receiver.h"
#include "server_private.h"
#include "tried_lock.h"

namespace recovery_gate {
namespace {

using namespace server_private;

// It is reminded, and given as long again.
constexpr int looks_until_reminded = 2, looks_until_told = 4;

}  // namespace

void AckReceiver::tend() {
  TriedLock lock(&m_mutex(ack_receiver));
  // Whoever holds it notices.
  if (!lock || !ack_receiver.running() || !m_slaves_changed(ack_receiver)) {
    looks_ = 0;
    return;
  }
  const bool none = m_slaves(ack_receiver).is_empty();
  const bool is_new = looks_ < (none ? looks_until_told : looks_until_reminded);
  if (is_new) ++looks_;
  // Who comes wakes it when it polls; who leaves does not.
  if (is_new && looks_ == looks_until_reminded) signal_listener();
  if (!none || looks_ < looks_until_told) return;
  // It does not poll, and waits for a replica to come. The next one may leave
  // unnoticed as well, so this goes on until it has noticed something.
  mysql_cond_broadcast(&m_cond_reply(ack_receiver));
  if (!is_new) return;
  journal_.warning(
      "the session of a semi-sync replica that has left was waiting for the server's "
      "ack receiver, which had not noticed that the replica had come, and would have "
      "waited for ever; it was told to end, or no replica with that server_id could "
      "have connected");
}

}  // namespace recovery_gate
