// SPDX-License-Identifier: GPL-2.0-only
#ifndef RECOVERY_GATE_SERVER_UNLOCKED_H
#define RECOVERY_GATE_SERVER_UNLOCKED_H

#include <cstddef>
#include <cstring>
#include <string>

namespace recovery_gate {

/* What the server's threads write with no lock, as one word: as it is, was, or
   will be in a moment. Whoever asks says why any of these does. */
template <typename Word>
Word unlocked(const volatile Word &word) {
  static_assert(__atomic_always_lock_free(sizeof(Word), nullptr));
  Word value;
  __atomic_load(&word, &value, __ATOMIC_RELAXED);
  return value;
}

/* The same of text, of which some bytes may be newer than others. For a moment
   nothing may end it but the array. */
template <std::size_t size>
std::string unlocked_text(const char (&text)[size]) {
  return std::string(text, ::strnlen(text, size));
}

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_SERVER_UNLOCKED_H
