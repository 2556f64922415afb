# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # variables are shared between these files
#
# Part of tools/setup: which packages are needed, there, to be had; installing.

# Installed at exactly one version, the server's.
server_packages=(
  mariadb-server          # what belongs to mariadbd: plugins, scripts
  mariadb-server-core     # mariadbd itself
  mariadb-client          # mariadb-dump, mariadb-admin for the tests
  mariadb-client-core     # the mariadb shell
  mariadb-backup          # backups of a closed gate
  mariadb-common          # the configuration which all of them read
  mariadb-test            # mariadb-test-run
  mariadb-test-data       # the server's own test suites
  libmariadb3             # client library of the above
  libmariadb-dev          # client headers, libmysqlservices.a
  libmariadbd19           # what the next one depends on; see name_packages
  libmariadbd-dev         # the server's generated headers: my_config.h and so on
)
# Likewise, along with a server; not built for every architecture.
readonly optional_packages=(
  mariadb-plugin-rocksdb  # a second transactional engine to test with
)
# At whatever version the system has.
readonly build_packages=(
  cmake ninja-build g++   # the build
  pkg-config              # finds libraries for cmake
  dpkg-dev                # unpacks the server's source
  file                    # finds what the Debian packages depend on
  libssl-dev zlib1g-dev   # the server's private headers include these; so does the binary log reader
  libpcre2-dev            # likewise (regular expressions)
  libboost-dev            # header-only parts of Boost
  libboost-thread-dev     # Boost.Thread and what it links
  libfmt-dev              # text formatting
  libcli11-dev            # the tool's command line
  nlohmann-json3-dev      # its --json
  libgtest-dev libgmock-dev # unit tests
  python3 python3-pymysql # test scripts which talk to a server
  python3-mysqldb libdbd-mariadb-perl # drivers for servers.clients, which need little else
  clang-format clang-tidy   # lints
)

declare -A installed=() # package -> version
declare -A past_packages=() # package -> file, of a release that apt does not know any more
missing=()              # arguments for apt-get install

# One call for all packages: what makes a run with nothing to do quick.
read_installed() {
  local package status version
  installed=()
  while IFS='|' read -r package status version; do
    if [[ $status == installed ]]; then installed[$package]=$version; fi
  done < <(dpkg-query -W -f '${Package}|${db:Status-Status}|${Version}\n' \
    "${server_packages[@]}" libmariadbd19t64 "${optional_packages[@]}" "${build_packages[@]}" 2>/dev/null)
  name_packages
}

# A library has another name where time has 64 bits on all architectures: from Debian
# 13 and Ubuntu 24.04 on.
name_packages() {
  if [[ -n ${installed[libmariadbd19]:-} ]]; then return; fi
  if [[ -n ${installed[libmariadbd19t64]:-} ]] || apt-cache show libmariadbd19t64 >/dev/null 2>&1; then
    server_packages=("${server_packages[@]/%libmariadbd19/libmariadbd19t64}")
  fi
}

installed_server() { printf '%s' "${installed[mariadb-server-core]:-${installed[mariadb-server]:-}}"; }

# Fills `missing` with what server version $1 lacks.
find_missing() {
  local package
  missing=()
  for package in "${server_packages[@]}"; do
    if [[ -z ${installed[$package]:-} ]]; then missing+=("${past_packages[$package]:-$package=$1}"); fi
  done
  for package in "${build_packages[@]}"; do
    if [[ -z ${installed[$package]:-} ]]; then missing+=("$package"); fi
  done
}

# A new engine in a server of somebody's is not ours to add: only asked for
# when the server is new as well.
find_missing_optional() {
  local package
  for package in "${optional_packages[@]}"; do
    if [[ -n ${installed[$package]:-} ]]; then continue; fi
    if [[ -n ${past_packages[$package]:-} ]]; then
      missing+=("${past_packages[$package]}")
    elif binary_exists "$package" "$1"; then
      missing+=("$package=$1")
    fi
  done
}

# The packages at another version than the server's $1, as "name=$1".
other_versions() {
  local package
  for package in "${server_packages[@]}" "${optional_packages[@]}"; do
    if [[ ${installed[$package]:-$1} != "$1" ]]; then printf '%s ' "$package=$1"; fi
  done
}

check_one_version() {
  local others
  others=$(other_versions "$1")
  if [[ -n $others ]]; then
    die "MariaDB $1 is to be used, but some of its packages are installed at another version." \
      "Remove them, or bring them to that version, and run tools/setup again:" \
      "  $(as_root_hint "apt-get install --allow-downgrades $others")"
  fi
}

# Versions of binary package $1 which apt knows, newest first.
binary_versions() {
  apt-cache madison "$1" 2>/dev/null |
    awk -F' *[|] *' '$3 ~ /Packages$/ { sub(/ +$/, "", $2); if (!seen[$2]++) print $2 }'
}

binary_exists() { [[ " $(binary_versions "$1" | tr '\n' ' ')" == *" $2 "* ]]; }

# Prints those of the server's packages that are neither installed at version
# $1 nor to be had at it.
unobtainable() {
  local package
  for package in "${server_packages[@]}"; do
    if [[ ${installed[$package]:-} != "$1" ]] && ! binary_exists "$package" "$1"; then
      printf '%s ' "$package"
    fi
  done
}

index_refreshed=
refresh_index() {
  if [[ -n $index_refreshed ]]; then return; fi
  index_refreshed=yes
  local elevate=()
  if ((EUID != 0)); then
    if ! can_be_root; then return; fi
    elevate=(sudo -n)
  fi
  say "updating the package index"
  if ! run_apt "${elevate[@]}" apt-get -o Acquire::Retries=3 update; then
    warn "apt-get update failed; going on with the package index there is"
  fi
  name_packages
}

# --- what needs root ---------------------------------------------------------

# Debian starts a server when its package gets installed and at every boot from
# then on, and restarts a running one when plugins come. The project needs the
# program, not a database which listens on port 3306 of a developer's machine:
# no server is started, enabled, stopped or restarted because of us.
#
# Package scripts (invoke-rc.d, deb-systemd-invoke) know one way to be told: the
# file policy-rc.d, whose place the environment cannot change. Ours is about
# this one service, there only while packages are installed, and without effect
# once this process is gone, should a kill -9 leave it behind. One that is
# there already is the administrator's (or a container image's) and stays.
readonly policy=/usr/sbin/policy-rc.d
readonly policy_mark='# Written by tools/setup of recovery-gate; safe to delete.'

forbid_server_actions() {
  if [[ -e $policy ]] && ! our_policy_exists; then return; fi
  cat >"$policy.recovery-gate" <<END
#!/bin/sh
$policy_mark
grep -q tools/setup /proc/$$/cmdline 2>/dev/null || exit 0
case \$1 in mariadb* | mysql*) exit 101 ;; esac
exit 0
END
  chmod 755 "$policy.recovery-gate"
  mv "$policy.recovery-gate" "$policy"
}

# It is there: an earlier run's that was killed, or this one's.
our_policy_exists() { [[ -f $policy ]] && [[ $(<"$policy") == *"$policy_mark"* ]]; }

allow_server_actions() {
  rm -f "$policy.recovery-gate"
  if our_policy_exists; then rm -f "$policy"; fi
}

readonly units=(mariadb.service mariadb.socket)

# The socket is a unit of its own, enabled just as well, and would start the
# server at the first connection. The helper is what package scripts enable
# units with, and for them only; it does without a running systemd.
disable_server() {
  run_logged update-rc.d mariadb disable || true
  run_logged env DPKG_MAINTSCRIPT_PACKAGE=mariadb-server \
    deb-systemd-helper disable "${units[@]}" || true
}

# Only for the server of the system: the init script may end all there are.
stop_server() {
  if [[ -d /run/systemd/system ]]; then
    run_logged systemctl daemon-reload || true
    run_logged systemctl stop "${units[@]}" || true
  else
    run_logged invoke-rc.d mariadb stop || true
  fi
}

# Whatever came of the installation. The policy goes after the disabling: until
# then it tells the next run what is to be done, should this one be killed.
server_is_new=
may_have_started= # dpkg outlived our policy, or somebody else's was in force
settle_server() {
  finish_first=yes
  if [[ -n $server_is_new ]]; then disable_server; fi
  allow_server_actions
  if [[ -n $server_is_new && -n $may_have_started ]]; then stop_server; fi
}

install_packages() {
  local version=$1
  local options=(-y --no-install-recommends --no-remove
    -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3
    -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold)

  # One at a time, whoever the users are: they share policy-rc.d. A folder that
  # exists anyway serves as the lock, so that no file is left behind.
  exec 8</usr/sbin
  flock 8
  read_installed
  if [[ -z ${installed[mariadb-server]:-} ]]; then server_is_new=yes; fi
  if our_policy_exists; then server_is_new=yes may_have_started=yes; fi
  check_one_version "$version"
  refresh_index

  finish_first=yes
  cleanups+=(settle_server)
  forbid_server_actions
  if ! our_policy_exists; then may_have_started=yes; fi
  repair_dpkg
  finish_first=
  if ((interrupted)); then exit "$interrupted"; fi

  read_installed
  find_missing "$version"
  if [[ -n $server_is_new ]]; then find_missing_optional "$version"; fi
  if ((${#missing[@]} == 0)); then return; fi
  # Downloading can be stopped at any time; dpkg had better not.
  say "downloading packages"
  run_apt apt-get install "${options[@]}" --download-only "${missing[@]}" || return
  say "installing packages"
  finish_first=yes
  run_apt apt-get install "${options[@]}" "${missing[@]}" || return
  finish_first=
  if ((interrupted)); then exit "$interrupted"; fi
}

# Brings to an end what was cut off, be it by a power failure.
repair_dpkg() {
  if [[ -z $(dpkg --audit) ]]; then return; fi
  say "repairing an installation that was cut off"
  # Without our locks: a package's script may start a daemon, which would keep
  # them. (apt-get closes them itself.)
  run_logged dpkg --configure -a 8<&- 9<&- || true
  if [[ -z $(dpkg --audit) ]]; then return; fi
  run_apt apt-get install --fix-broken "${options[@]}" || true
}
