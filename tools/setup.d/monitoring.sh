# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # variables are shared between these files
#
# Part of tools/setup: Prometheus and its exporter for MariaDB, which
# servers.monitoring runs as a user's programs.
#
# Like HAProxy they are not installed, since their packages start and enable services.
# Each is one program without libraries of its own. Where they are installed, those are
# used as they are.

readonly monitoring_packages=(prometheus prometheus-mysqld-exporter)

monitoring_works() {
  local name
  for name in prometheus promtool prometheus-mysqld-exporter; do
    PATH=$deps/monitoring/usr/bin:$PATH "$name" --version >/dev/null 2>&1 || return 1
  done
}

download_monitoring() {
  local options=(-o Acquire::Retries=3)
  # Else apt fetches as a user of its own, who may not be let into the project.
  if ((EUID == 0)); then options+=(-o APT::Sandbox::User=root); fi
  run_logged env -C "$1" apt-get "${options[@]}" download "${monitoring_packages[@]}"
}

obtain_monitoring() {
  local folder=$deps/monitoring.new package
  if monitoring_works; then return; fi
  say "fetching Prometheus, for a test"
  rm -rf "$folder" "$deps/monitoring"
  mkdir -p "$folder"
  if ! download_monitoring "$folder"; then
    # An old index names versions that the archive has no more.
    refresh_index
    if ! download_monitoring "$folder"; then
      show_log_tail
      die "Prometheus could not be fetched." "Check the network and run tools/setup again."
    fi
  fi
  for package in "$folder"/*.deb; do
    run_logged dpkg-deb -x "$package" "$folder" || die "$package could not be unpacked; see $log"
    rm -f "$package"
  done
  mv -T "$folder" "$deps/monitoring"
  if ! monitoring_works; then
    die "Prometheus does not run: $deps/monitoring/usr/bin/prometheus" \
      "Another way is to install ${monitoring_packages[*]} yourself; the tests use installed ones."
  fi
}
