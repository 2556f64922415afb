# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # variables are shared between these files
#
# Part of tools/setup: a guest, which is a Debian of another release in a folder, for
# a server that this machine's own release does not have. What runs in it sees this
# project in its usual place (tools/setup.d/enter), with a .deps and a build folder of
# its own; it has mounts, processes and ports of its own too.
#
# The host's packages stay as they are, but for debootstrap.

# The Debian that has a series.
declare -rA debian_with=([10.11]=bookworm [11.8]=trixie)

# Nothing is wrong, but it cannot be had here: with a status that others know.
readonly unavailable_status=3
unavailable() {
  warn "$1"
  exit "$unavailable_status"
}

has_series() {
  local version
  version=$(installed_server)
  if [[ -n $version ]]; then
    [[ ${version#*:} == "$1".* ]]
    return
  fi
  refresh_index
  for version in $(binary_versions mariadb-server); do
    if [[ ${version#*:} == "$1".* ]]; then return 0; fi
  done
  return 1
}

check_guests_are_possible() {
  if ((EUID != 0)); then
    unavailable "MariaDB $1 needs a Debian of its own (${debian_with[$1]}) in a folder, and only root can make one."
  fi
  if ! unshare --mount --net --pid --fork --kill-child sh -c 'mount --make-rprivate / && mount -t tmpfs none /mnt' \
    >>"$log" 2>&1; then
    unavailable "MariaDB $1 needs a Debian of its own (${debian_with[$1]}) in a folder, and mounts are not allowed here."
  fi
}

# Where this machine gets Debian from: lines of "URI suite". The security archive's
# suites have a name of their own.
archives_of() {
  # shellcheck disable=SC2016 # $(...) is apt's to expand
  apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(REPO_URI)' 'Created-By: Packages' |
    awk -F'|' -v suite="$1" '
      $1 != "Debian" || seen[$2]++ { next }
      $2 == "Debian" { print $3, suite; print $3, suite "-updates" }
      $2 == "Debian-Security" { print $3, suite "-security" }'
}

# make_guest SUITE FOLDER
make_guest() {
  local suite=$1 folder=$2 archives archive
  archives=$(archives_of "$suite")
  if [[ -z $archives ]]; then unavailable "apt has no archive of Debian here, to take $suite from."; fi
  if ! command -v debootstrap >/dev/null; then
    say "installing debootstrap"
    run_apt apt-get install -y --no-install-recommends -o Acquire::Retries=3 debootstrap ||
      unavailable "debootstrap cannot be installed; see $log."
  fi
  say "making a guest with Debian $suite"
  rm -rf --one-file-system "$folder.new"
  mkdir -p "$folder.new/etc/dpkg/dpkg.cfg.d" "$folder.new/etc/apt/apt.conf.d"
  # It is made anew if something cuts it off.
  printf 'force-unsafe-io\npath-exclude=/usr/share/man/*\n' >"$folder.new/etc/dpkg/dpkg.cfg.d/guest"
  read -r archive _ <<<"$archives"
  if ! run_logged debootstrap --variant=minbase "$suite" "$folder.new" "$archive"; then
    show_log_tail
    unavailable "debootstrap could not make a Debian $suite; see $log."
  fi
  # How to get there, as the host has it (a proxy, for one).
  apt-config dump | grep '^Acquire::' >"$folder.new/etc/apt/apt.conf.d/80host" || true
  while read -r archive suite; do printf 'deb %s %s main\n' "$archive" "$suite"; done \
    <<<"$archives" >"$folder.new/etc/apt/sources.list"
  printf '#!/bin/sh\nexit 101\n' >"$folder.new/usr/sbin/policy-rc.d"
  chmod 755 "$folder.new/usr/sbin/policy-rc.d"
  mv -T "$folder.new" "$folder"
}

# Makes the guest for series $1 if need be, and sets it up as a machine of its own.
setup_guest() {
  local series=$1 suite=${debian_with[$1]} folder status=0
  check_guests_are_possible "$series"
  mkdir -p "$cache/guests"
  exec 7<"$cache/guests"
  if ! flock -n 7; then
    say "waiting for another tools/setup to finish"
    flock 7
  fi
  folder=$cache/guests/$suite
  if [[ ! -d $folder ]]; then make_guest "$suite" "$folder"; fi
  mkdir -p "$deps/$series"
  ln -sfnT "$folder" "$deps/$series/guest"
  say "setting up the guest with Debian $suite"
  "$project/tools/setup.d/enter" --network "$series" \
    env RECOVERY_GATE_PAST_RELEASES=yes XDG_CACHE_HOME="${cache%/*}" "$project/tools/setup" --server "$series" ||
    status=$?
  if ((status > 128)); then exit "$status"; fi
  if ((status)); then unavailable "MariaDB $series cannot be set up in a guest with Debian $suite; see above."; fi
}
