# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # variables are shared between these files
#
# Part of tools/setup: a release that apt's index does not list any more, while the
# archive still has its files. Where the newest release can not be had with its source,
# one before it often can.
#
# The changelog of the newest names those before it, and they are beside it. What is
# fetched in this way is signed by nobody: it is for a guest, and never installed on the
# machine itself.

past_folder() { printf '%s/past-%s' "$cache" "${1#*:}"; }

# Sets past_packages to what has been fetched of version $1.
use_past_release() {
  local package file
  past_packages=()
  for package in "${server_packages[@]}" "${optional_packages[@]}"; do
    for file in "$(past_folder "$1")/$package"_*.deb; do
      if [[ -f $file ]]; then past_packages[$package]=$file; fi
    done
  done
}

# fetch_file URL FILE: false where there is no such file.
fetch_file() {
  if [[ -s $2 ]]; then return; fi
  run_logged /usr/lib/apt/apt-helper -o APT::Sandbox::User=root -o Acquire::Retries=3 \
    download-file "$1" "$2.part" && mv "$2.part" "$2"
}

# Prints the versions before $1, newest first, as its changelog has them.
versions_before() {
  local folder=$cache/changelog
  rm -rf "$folder"
  mkdir -p "$folder"
  run_logged env -C "$folder" apt-get -o APT::Sandbox::User=root -o Acquire::Retries=3 \
    download "mariadb-common=$1" || return 0
  dpkg-deb --fsys-tarfile "$folder"/*.deb |
    tar -xO ./usr/share/doc/mariadb-common/changelog.Debian.gz | zcat |
    sed -nE 's/^mariadb \(([^)]*)\) .*/\1/p' | tail -n +2
  rm -rf "$folder"
}

# The folder of the archive that has version $1, as a URI.
archive_folder() {
  local line
  line=$(apt-get --print-uris download "mariadb-common=$1" 2>>"$log") || return
  line=${line#\'}
  printf '%s' "${line%%\'*}" | sed 's,/[^/]*$,,'
}

# fetch_past_release FOLDER-URI VERSION: its source, then its packages.
fetch_past_release() {
  local from=$1 version=$2 folder name architecture package file found checksum
  version=${version#*:}
  if ! source_is_unpacked "mariadb $2"; then
    folder=$(download_folder "mariadb $2")
    mkdir -p "$folder"
    if ! fetch_file "$from/mariadb_$version.dsc" "$folder/mariadb_$version.dsc"; then
      rm -rf "$folder"
      return 1
    fi
    say "fetching $2, which the archive has although its index does not list it"
    while read -r checksum _ name; do
      fetch_file "$from/$name" "$folder/$name" &&
        sha256sum --check --quiet - >>"$log" 2>&1 <<<"$checksum  $folder/$name" || return 1
    done < <(sed -n '/^Checksums-Sha256:/,/^[^ ]/ s/^ //p' "$folder/mariadb_$version.dsc")
    touch "$folder/complete"
  fi

  folder=$(past_folder "$version")
  mkdir -p "$folder"
  for package in "${server_packages[@]}" "${optional_packages[@]}"; do
    found=
    for architecture in "$(dpkg --print-architecture)" all; do
      file=${package}_${version}_$architecture.deb
      if fetch_file "$from/$file" "$folder/$file"; then
        found=yes
        break
      fi
    done
    if [[ -z $found && " ${optional_packages[*]} " != *" $package "* ]]; then return 1; fi
  done
}

# Sets `chosen` to the newest one before those in the index that can be had whole.
choose_past_release() {
  local newest=$1 from version
  from=$(archive_folder "$newest")
  if [[ -z $from ]]; then return; fi
  for version in $(versions_before "$newest"); do
    if ! series_is_supported "$version"; then break; fi
    if fetch_past_release "$from" "$version"; then
      chosen=$version
      use_past_release "$version"
      return
    fi
  done
}
