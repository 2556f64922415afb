#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Tests what of tools/setup can be tested without installing anything: turning
# apt's sources into sources of source, and telling a source that is not there
# from a network that fails. Needs no network and no root.

# shellcheck source-path=SCRIPTDIR
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=run.sh
source "$here/run.sh"
# shellcheck source=source.sh
source "$here/source.sh"

failures=0
scratch=$(mktemp -d)
remove_scratch() { rm -rf "$scratch"; }
cleanups+=(remove_scratch)

# expect WHAT EXPECTED ACTUAL
expect() {
  if [[ $2 == "$3" ]]; then return; fi
  failures=$((failures + 1))
  printf 'FAILED: %s\n--- expected\n%s\n--- actual\n%s\n' "$1" "$2" "$3"
}

official="http://a.example/debian/ http://b.example/security/ "

cat >"$scratch/sources.list" <<'END'
# deb http://a.example/debian commented main
deb http://a.example/debian stable main
deb	[arch=amd64 signed-by=/k.gpg]	http://b.example/security/ stable/updates main contrib # why
deb-src http://a.example/debian stable main
deb [trusted=yes] http://other.example/apt ./
END
expect "one-line format" "deb-src http://a.example/debian stable main
deb-src	[arch=amd64 signed-by=/k.gpg]	http://b.example/security/ stable/updates main contrib # why" \
  "$(one_line_to_source "$scratch/sources.list")"

cat >"$scratch/debian.sources" <<'END'
# a comment
Types: deb deb-src
URIs: http://a.example/debian
Suites: stable
 stable-updates
# another
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mQINB
 -----END PGP PUBLIC KEY BLOCK-----

Enabled: no
Types: deb
URIs: http://a.example/debian
Suites: disabled

types: deb
uris:
 http://other.example/x
 http://b.example/security
suites: two-places

Types: deb-src
URIs: http://a.example/debian
Suites: source-only

Types: deb
URIs: http://other.example/apt
Suites: other
END
expect "deb822 format" "Types: deb-src
URIs: http://a.example/debian
Suites: stable
 stable-updates
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mQINB
 -----END PGP PUBLIC KEY BLOCK-----

Types: deb-src
uris:
 http://other.example/x
 http://b.example/security
suites: two-places" "$(deb822_to_source "$scratch/debian.sources")"

official=
expect "every entry counts when none is known to be official" 3 \
  "$(one_line_to_source "$scratch/sources.list" | wc -l)"

log=$scratch/log
lacks() {
  printf '%s\n' "$@" >"$log"
  if archive_lacks_it; then echo yes; else echo no; fi
}
expect "not found" yes "$(lacks "$ apt-get source" "  404  Not Found [IP: 192.0.2.1 80]")"
expect "not listed" yes "$(lacks "$ apt-get source" "E: Can not find version '1' of package 'mariadb'")"
expect "server error" no "$(lacks "$ apt-get source" "  502  Bad Gateway [IP: 192.0.2.1 80]")"
expect "an earlier command's" no "$(lacks "$ apt-get source" "  404  Not Found" "$ apt-get source" "  Connection failed")"

cache=$scratch/cache
mkdir -p "$cache/mariadb-10.11.6-0+deb12u1/debian"
echo "mariadb (1:10.11.6-0+deb12u1) bookworm; urgency=medium" >"$cache/mariadb-10.11.6-0+deb12u1/debian/changelog"
unpacked() { if source_is_unpacked "$1"; then echo yes; else echo no; fi; }
expect "unpacked" yes "$(unpacked "mariadb 1:10.11.6-0+deb12u1")"
expect "another epoch" no "$(unpacked "mariadb 2:10.11.6-0+deb12u1")"
expect "nothing there" no "$(unpacked "mariadb 1:10.11.7-0+deb12u1")"

if ((failures)); then exit 1; fi
echo "all passed"
