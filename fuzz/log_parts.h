// SPDX-License-Identifier: GPL-2.0-only
/*
  A log taken apart to its events, so that one can be changed, and put together
  again with lengths, positions and checksums that fit. Without that, a mutation
  rarely gets further than the first checksum.
*/
#ifndef RECOVERY_GATE_FUZZ_LOG_PARTS_H
#define RECOVERY_GATE_FUZZ_LOG_PARTS_H

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace recovery_gate::fuzz {

using Nonce = std::array<unsigned char, 12>;

struct LogParts {
  /* Header and body, without checksum, in the clear. */
  std::vector<std::string> events;
  bool has_checksums = true;
  /* With the toy cipher. */
  std::optional<Nonce> nonce;
  /* What follows the last complete event. */
  std::string tail;
};

/* Of any bytes: what is no log is all tail. */
LogParts take_apart(const unsigned char *data, std::size_t size);

std::string put_together(const LogParts &parts);

}  // namespace recovery_gate::fuzz

#endif  // RECOVERY_GATE_FUZZ_LOG_PARTS_H
