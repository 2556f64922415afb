# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # variables are shared between these files
#
# Part of tools/setup: messages, running commands with a log, interruption.

log=/dev/null

say() { printf 'setup: %s\n' "$*"; }
warn() { printf 'setup: %s\n' "$*" >&2; }

# The first argument says what is wrong, the others what to do next.
die() {
  warn "$1"
  shift
  if (($#)); then printf 'setup:   %s\n' "$@" >&2; fi
  exit 1
}

show_log_tail() {
  warn "the end of $log:"
  grep -v '^ *$' "$log" | tail -n 12 | cut -c -200 | sed 's/^/    /' >&2 || true
}

child=
finish_first= # set while the running child must not be stopped half way
interrupted=0 # the exit status due after a signal
signals=0
called_by_setup= # set in the part of tools/setup that runs as root
cleanups=()   # functions to call at the end, however it comes

on_signal() {
  interrupted=$((128 + $1))
  signals=$((signals + 1))
  if [[ -n $finish_first ]]; then
    say "interrupted; dpkg gets to finish first"
    return 0 # a bare return would give what `wait` says of being cut short
  fi
  trap '' HUP INT TERM
  if [[ -n $child ]]; then
    kill -TERM "$child" 2>/dev/null || true
    wait "$child" 2>/dev/null || true
  fi
  exit "$interrupted"
}

on_exit() {
  local status=$? cleanup
  trap '' HUP INT TERM
  for cleanup in "${cleanups[@]}"; do "$cleanup" || true; done
  if ((status > 128)) && [[ -z $called_by_setup ]]; then
    warn "interrupted; run it again to continue where it stopped"
  fi
}

trap on_exit EXIT
trap 'on_signal 1' HUP
trap 'on_signal 2' INT
trap 'on_signal 15' TERM

# Commands that take long run in the background, as bash attends to signals only
# between foreground commands. Bash also hides Ctrl-C from what runs there, so it
# is on_signal that decides what gets stopped.
await_child() {
  local seen=-1 status=0
  # A signal cuts `wait` short; asked again it gives the command's own status.
  while ((seen != signals)); do
    seen=$signals
    status=0
    wait "$child" || status=$?
  done
  child=
  return "$status"
}

# Runs a command with its output in the log.
run_logged() {
  # Out of reach of a terminal that gets closed.
  if [[ -n $finish_first ]]; then set -- setsid "$@"; fi
  printf '$ %s\n' "$*" >>"$log"
  "$@" </dev/null >>"$log" 2>&1 &
  child=$!
  await_child
}

# Runs an apt command, again while another apt has the lock: for its lists and
# archives apt-get does not wait by itself, and unattended upgrades hold them
# for minutes.
run_apt() {
  local tries status
  for tries in {1..60}; do
    status=0
    run_logged "$@" || status=$?
    if ((status == 0)) || [[ $(tail -n 4 "$log") != *"Could not get lock"* ]]; then break; fi
    if ((tries == 1)); then say "waiting for another apt to finish"; fi
    run_logged sleep 5
  done
  return "$status"
}

# The command line which runs the given one as root, for messages.
as_root_hint() {
  if ((EUID == 0)); then
    printf '%s' "$*"
  elif command -v sudo >/dev/null; then
    printf 'sudo %s' "$*"
  else
    printf "su -c '%s'" "$*"
  fi
}

can_be_root() { ((EUID == 0)) || sudo -n true 2>/dev/null; }
