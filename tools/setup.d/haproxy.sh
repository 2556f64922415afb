# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2154 # variables are shared between these files
#
# Part of tools/setup: HAProxy, which servers.proxies runs, with those libraries that
# the system lacks. See unpacked.sh.

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
