// SPDX-License-Identifier: GPL-2.0-only
/*
  Who is admitted while the gate is closed.
*/
#ifndef RECOVERY_GATE_ADMISSION_H
#define RECOVERY_GATE_ADMISSION_H

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

namespace recovery_gate {

/* A client that has authenticated. */
struct Visitor {
  /* User name of the account whose privileges apply; empty for an anonymous
     account. Must outlive the call it is passed to. */
  std::string_view account;
  bool administrator = false;  // CONNECTION ADMIN, directly or by role
  bool replica = false;        // REPLICATION SLAVE, directly or by role
  /* Connections that the server can serve at once where this one came in; 0:
     too few for any to be held. */
  std::uint32_t slots = 0;
};

class AdmissionPolicy {
 public:
  AdmissionPolicy() = default;

  /* `admit_users`: user names separated by commas; blanks around a name and
     empty names are ignored. Names are compared exactly, as the server does
     with user names. */
  explicit AdmissionPolicy(std::string_view admit_users);

  bool admits(const Visitor &visitor) const;

 private:
  std::set<std::string, std::less<>> admit_users_;
};

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_ADMISSION_H
