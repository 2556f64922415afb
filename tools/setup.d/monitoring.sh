# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2154 # variables are shared between these files
#
# Part of tools/setup: Prometheus and its exporter for MariaDB, which
# servers.monitoring runs. Each is one program without libraries of its own. See
# unpacked.sh.

monitoring_works() {
  local name
  for name in prometheus promtool prometheus-mysqld-exporter; do
    PATH=$deps/monitoring/usr/bin:$PATH "$name" --version >/dev/null 2>&1 || return 1
  done
}

# promtool is a package of its own from Debian 13 on.
monitoring_packages() {
  printf '%s\n' prometheus prometheus-mysqld-exporter
  if apt-cache show promtool >/dev/null 2>&1; then echo promtool; fi
}
