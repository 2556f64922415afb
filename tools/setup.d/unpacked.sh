# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2154 # variables are shared between these files
#
# Part of tools/setup: programs that a test runs as a user's, unpacked from their
# packages into .deps. They are not installed: that would start and enable services,
# make users, and hook into rsyslog and logrotate, none of which a developer's machine
# needs for a test. So this needs no root. Where they are installed, those are used.

download_packages() {
  local folder=$1 list=$2 packages options=(-o Acquire::Retries=3)
  # Else apt fetches as a user of its own, who may not be let into the project.
  if ((EUID == 0)); then options+=(-o APT::Sandbox::User=root); fi
  mapfile -t packages < <("$list")
  if ((${#packages[@]} == 0)); then return 1; fi
  run_logged env -C "$folder" apt-get "${options[@]}" download "${packages[@]}"
}

# obtain_unpacked WHAT FOLDER: unless FOLDER_works says that it is there, unpacks what
# FOLDER_packages names into .deps/FOLDER.
obtain_unpacked() {
  local what=$1 folder=$2 new=$deps/$2.new package
  if "${folder}_works"; then return; fi
  say "fetching $what, for a test"
  rm -rf "$new" "${deps:?}/$folder"
  mkdir -p "$new"
  if ! download_packages "$new" "${folder}_packages"; then
    # An old index names versions that the archive has no more.
    refresh_index
    if ! download_packages "$new" "${folder}_packages"; then
      show_log_tail
      die "$what could not be fetched." "Check the network and run tools/setup again."
    fi
  fi
  for package in "$new"/*.deb; do
    run_logged dpkg-deb -x "$package" "$new" || die "$package could not be unpacked; see $log"
    rm -f "$package"
  done
  mv -T "$new" "$deps/$folder"
  if ! "${folder}_works"; then
    die "$what does not run: see $deps/$folder/usr" \
      "Another way is to install it yourself; the tests use an installed one."
  fi
}
