// SPDX-License-Identifier: GPL-2.0-only
#define MYSQL_SERVER 1
#include <my_global.h>
#include <mysql/service_encryption.h>
#include <string.h>

#include "binlog_decryption.h"

namespace recovery_gate {
namespace {

constexpr unsigned known_scheme = 1;
constexpr unsigned longest_key = 64;

}  // namespace

ServerDecryptor::~ServerDecryptor() {
  if (!key_.empty()) explicit_bzero(key_.data(), key_.size());
}

Failure ServerDecryptor::start(unsigned scheme, std::uint32_t key_version) {
  if (scheme != known_scheme)
    return "it is encrypted in a way that this version does not know (scheme " +
           std::to_string(scheme) + ")";
  unsigned length = longest_key;
  std::vector<unsigned char> key(length);
  const unsigned failure = encryption_key_get(ENCRYPTION_KEY_SYSTEM_DATA,
                                              key_version, key.data(), &length);
  if (failure != 0)
    return "the server has not got version " + std::to_string(key_version) +
           " of its encryption key 1 (error " + std::to_string(failure) +
           "); check the settings of its key management plugin";
  key.resize(length);
  key_ = std::move(key);
  key_version_ = key_version;
  return {};
}

bool ServerDecryptor::decrypt(const Iv &iv, const unsigned char *in,
                              std::size_t size, unsigned char *out) {
  // From 11.8 on it is asked how much there is room for.
  auto written = static_cast<unsigned>(size);
  return encryption_crypt(in, static_cast<unsigned>(size), out, &written,
                          key_.data(), static_cast<unsigned>(key_.size()),
                          iv.data(), static_cast<unsigned>(iv.size()),
                          ENCRYPTION_FLAG_DECRYPT | ENCRYPTION_FLAG_NOPAD,
                          ENCRYPTION_KEY_SYSTEM_DATA, key_version_) == 0 &&
         written == size;
}

}  // namespace recovery_gate
