// SPDX-License-Identifier: GPL-2.0-only
/*
  What a function returns that can fail, and has to say why to a person.
*/
#ifndef RECOVERY_GATE_FAILURE_H
#define RECOVERY_GATE_FAILURE_H

#include <string>
#include <utility>

namespace recovery_gate {

/*
  None, or why it failed:

    if (Failure failure = file.open(path)) return failure;

  Who returns one says in its contract what can fail and what is left of the
  result then; without a word of that, the result means nothing.
*/
class [[nodiscard]] Failure {
 public:
  Failure() = default;
  /* An empty text is none. */
  Failure(std::string text) : text_(std::move(text)) {}
  Failure(const char *text) : text_(text) {}

  explicit operator bool() const { return !text_.empty(); }

  /* Empty when there is none. */
  const std::string &text() const & { return text_; }
  std::string text() && { return std::move(text_); }

 private:
  std::string text_;
};

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_FAILURE_H
