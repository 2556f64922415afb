// SPDX-License-Identifier: GPL-2.0-only
/*
  A cipher for encrypted logs, in place of the server's: it hides nothing, but
  what was encrypted with it can be decrypted, byte for byte, as the interface
  demands.
*/
#ifndef RECOVERY_GATE_FUZZ_TOY_CIPHER_H
#define RECOVERY_GATE_FUZZ_TOY_CIPHER_H

#include "recovery_gate/binlog/binlog_reader.h"

namespace recovery_gate::fuzz {

/* Encrypts and decrypts. `in` and `out` may be the same. */
inline void toy_crypt(const EventDecryptor::Iv &iv, const unsigned char *in,
                      std::size_t size, unsigned char *out) {
  for (std::size_t i = 0; i < size; ++i)
    out[i] = static_cast<unsigned char>(in[i] ^ iv[i % iv.size()] ^ (i / 16));
}

class ToyDecryptor final : public EventDecryptor {
 public:
  Failure start(unsigned scheme, std::uint32_t) override {
    return scheme == 1 ? "" : "no such scheme";
  }
  bool decrypt(const Iv &iv, const unsigned char *in, std::size_t size,
               unsigned char *out) override {
    toy_crypt(iv, in, size, out);
    return true;
  }
};

}  // namespace recovery_gate::fuzz

#endif  // RECOVERY_GATE_FUZZ_TOY_CIPHER_H
