// SPDX-License-Identifier: GPL-2.0-only
/*
  The person's side: a password that is not shown, a line that is drawn again
  and again, a question, and a terminal that is left as it was found.
*/
#ifndef RECOVERY_GATE_TOOL_TERMINAL_H
#define RECOVERY_GATE_TOOL_TERMINAL_H

#include <cstddef>
#include <string>

#include "recovery_gate/base/failure.h"

namespace recovery_gate::tool {

/*
  From now on SIGINT, SIGTERM and SIGHUP end the process immediately with
  ExitCode::INTERRUPTED, wherever it is; what was set on the terminal (no echo,
  a line that is not finished) is put right first. A signal that is ignored
  stays so, as nohup has it. Call it once, before any thread.
*/
void end_cleanly_on_signals();

/* Asks on the controlling terminal, with the echo off. Fails without a
   terminal: nobody can be asked. */
Failure ask_secretly(const std::string &prompt, std::string *answer);

/* Shows `question` and returns the line that a person answers with. */
std::string ask(const std::string &question);

/* Is the standard output a terminal on which a line can be replaced? */
bool can_redraw();
bool stdin_is_terminal();

/* Columns of the terminal that is the standard output; 80 where that cannot be
   told. */
int terminal_width();

/* Columns of a line that is drawn again: one stays free, since some terminals
   go to the next line in the last one. */
std::size_t line_room();

/* On a terminal: replaces the line that was drawn last, cut to the width. */
void redraw_line(const std::string &text);

/* What is written next begins on an empty line: takes away what redraw_line()
   has drawn. */
void clear_line();

}  // namespace recovery_gate::tool

#endif  // RECOVERY_GATE_TOOL_TERMINAL_H
