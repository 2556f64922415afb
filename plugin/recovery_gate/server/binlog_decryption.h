// SPDX-License-Identifier: GPL-2.0-only
/* The server's keys, for reading encrypted binary logs. */
#ifndef RECOVERY_GATE_BINLOG_DECRYPTION_H
#define RECOVERY_GATE_BINLOG_DECRYPTION_H

#include <vector>

#include "recovery_gate/binlog/binlog_reader.h"

namespace recovery_gate {

/* Works as long as the server's encryption plugin is loaded; not for more than
   one thread at once. */
class ServerDecryptor final : public EventDecryptor {
 public:
  ~ServerDecryptor() override;

  Failure start(unsigned scheme, std::uint32_t key_version) override;
  bool decrypt(const Iv &iv, const unsigned char *in, std::size_t size,
               unsigned char *out) override;

 private:
  std::uint32_t key_version_ = 0;
  std::vector<unsigned char> key_;
};

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_BINLOG_DECRYPTION_H
