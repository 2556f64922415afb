# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # variables are shared between these files
#
# Part of tools/setup: HAProxy, which servers.proxies runs as a user's program.
#
# Its package is not installed: it starts and enables a service, makes a user
# and hooks into rsyslog and logrotate, none of which a developer's machine
# needs for a test. The program does without: it is unpacked into .deps, with
# those libraries that the system lacks, and needs no root for that. Where
# HAProxy is installed, that one is used as it is.

# Runs the HAProxy that the tests use (tools/rigs/proxies/haproxy.py does the same).
haproxy_works() {
  local folder=$deps/haproxy libraries
  if [[ ! -x $folder/usr/sbin/haproxy ]]; then
    PATH=$PATH:/usr/sbin haproxy -v >/dev/null 2>&1
    return
  fi
  libraries=$(printf '%s:' "$folder"/usr/lib/*-linux-*)
  LD_LIBRARY_PATH=${libraries%:} "$folder/usr/sbin/haproxy" -v >/dev/null 2>&1
}

# What installing it would install, as "name=version".
haproxy_packages() {
  apt-get --simulate --no-install-recommends install haproxy 2>>"$log" |
    sed -n 's/^Inst \([^ ]*\) \(\[[^]]*\] \)\{0,1\}(\([^ ]*\) .*/\1=\3/p'
}

download_haproxy() {
  local folder=$1 packages options=(-o Acquire::Retries=3)
  # Else apt fetches as a user of its own, who may not be let into the project.
  if ((EUID == 0)); then options+=(-o APT::Sandbox::User=root); fi
  mapfile -t packages < <(haproxy_packages)
  if ((${#packages[@]} == 0)); then return 1; fi
  run_logged env -C "$folder" apt-get "${options[@]}" download "${packages[@]}"
}

obtain_haproxy() {
  local folder=$deps/haproxy.new package
  if haproxy_works; then return; fi
  say "fetching HAProxy, for a test"
  rm -rf "$folder" "$deps/haproxy"
  mkdir -p "$folder"
  if ! download_haproxy "$folder"; then
    # An old index names versions that the archive has no more.
    refresh_index
    if ! download_haproxy "$folder"; then
      show_log_tail
      die "HAProxy could not be fetched." "Check the network and run tools/setup again."
    fi
  fi
  for package in "$folder"/*.deb; do
    run_logged dpkg-deb -x "$package" "$folder" || die "$package could not be unpacked; see $log"
    rm -f "$package"
  done
  mv -T "$folder" "$deps/haproxy"
  if ! haproxy_works; then
    die "HAProxy does not run: $deps/haproxy/usr/sbin/haproxy" \
      "Another way is to install it yourself; the tests use an installed one."
  fi
}
