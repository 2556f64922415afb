// SPDX-License-Identifier: GPL-2.0-only
/* What top -H, ps -L and debuggers call the plugin's threads. */
#ifndef RECOVERY_GATE_THREAD_NAME_H
#define RECOVERY_GATE_THREAD_NAME_H

#include <pthread.h>

namespace recovery_gate {

/* The calling thread's. Not more than 15 characters. */
inline void name_this_thread(const char *name) {
  ::pthread_setname_np(::pthread_self(), name);
}

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_THREAD_NAME_H
