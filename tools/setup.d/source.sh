# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # variables are shared between these files
#
# Part of tools/setup: the source of the MariaDB server. A source is named by
# "package version" throughout, as in "mariadb 1:10.11.6-0+deb12u1".

cache=

# The source of mariadb-server=$1. Not always of the same version: a rebuild
# (+b1) is a version of the binary package only.
source_of() {
  local package known
  for package in mariadb-server-core mariadb-server; do
    known=$(dpkg-query -W -f '${Version} ${source:Package} ${source:Version}' "$package" 2>/dev/null || true)
    if [[ $known == "$1 "* ]]; then
      printf '%s' "${known#* }"
      return
    fi
  done
  apt-cache show "mariadb-server=$1" 2>/dev/null | awk -v version="$1" '
    $1 == "Source:" { name = $2; if (NF > 2) version = substr($3, 2, length($3) - 2) }
    END { print (name == "" ? "mariadb" : name), version }'
}

source_folder() {
  local version=${1#* }
  printf '%s/mariadb-%s' "$cache" "${version#*:}"
}

download_folder() { printf '%s.download' "$(source_folder "$1")"; }

# A folder gets its name only when it is complete; the changelog is a guard
# against one that somebody else put there.
source_is_unpacked() {
  local first=
  { read -r first <"$(source_folder "$1")/debian/changelog"; } 2>/dev/null || return 1
  [[ $first == *"(${1#* })"* ]]
}

# --- a private apt, as the system's does not know sources --------------------

source_apt=() # options for apt-get
official=     # URIs of the distribution's own sources

prepare_source_apt() {
  local folder=$cache/apt
  if ((${#source_apt[@]})); then return; fi
  find_official
  if [[ -z $official ]]; then
    refresh_index
    find_official
  fi
  rm -rf "$folder"
  cleanups+=(remove_source_apt)
  mkdir -p "$folder/lists/partial" "$folder/sources"
  write_source_list "$folder/sources"
  source_apt=(
    -o Acquire::Retries=3
    -o Dir::Etc::sourcelist=/dev/null
    -o Dir::Etc::sourceparts="$folder/sources"
    -o Dir::State::lists="$folder/lists"
    # These would be written where the system's are.
    -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
  )
  # Else apt fetches as a user of its own, who cannot enter root's home.
  if ((EUID == 0)); then source_apt+=(-o APT::Sandbox::User=root); fi
  say "fetching the index of sources"
  # A source that is missing for a failure of the network must not pass for one
  # that does not exist.
  if ! run_apt apt-get "${source_apt[@]}" -o APT::Update::Error-Mode=any update; then
    show_log_tail
    die "the index of sources could not be fetched." "Check the network and run tools/setup again."
  fi
}

remove_source_apt() { rm -rf "$cache/apt"; }

# Who offers what is known from the first apt-get update on.
find_official() {
  # shellcheck disable=SC2016 # $(ORIGIN) is apt's to expand
  official=$(apt-get indextargets --format '$(ORIGIN)|$(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
    awk -F'|' '$1 == "Debian" || $1 == "Ubuntu" || $1 == "Raspbian" { printf "%s ", $2 }' || true)
}

# Writes the system's sources, with deb turned into deb-src, to folder $1. Only
# those of the distribution: others have a server of their own packaging, or no
# sources at all.
write_source_list() {
  local list='' parts='' file
  eval "$(apt-config shell list Dir::Etc::sourcelist/f parts Dir::Etc::sourceparts/d)"
  for file in "$list" "$parts"*.list; do
    if [[ -f $file ]]; then one_line_to_source "$file"; fi
  done >"$1/system.list"
  for file in "$parts"*.sources; do
    if [[ -f $file ]]; then deb822_to_source "$file"; fi
  done >"$1/system.sources"
  cat "$1"/system.* >>"$log"
}

# Where that is not known every entry counts.
readonly awk_is_official='
  BEGIN { count = split(official, uris, " ") }
  function is_official(uri,   i) {
    sub(/\/*$/, "/", uri)
    for (i = 1; i <= count; i++) if (uris[i] == uri) return 1
    return count == 0
  }'

# deb [option=value] uri suite component...
one_line_to_source() {
  awk -v official="$official" "$awk_is_official"'
    $1 == "deb" {
      entry = uri = substr($0, index($0, "deb") + 3)
      sub(/^[ \t]*\[[^]]*\]/, "", uri)
      split(uri, words, " ")
      if (is_official(words[1])) print "deb-src" entry
    }' "$1"
}

# Paragraphs of "Field: value", continued on lines which begin with a blank.
deb822_to_source() {
  awk -v official="$official" "$awk_is_official"'
    function finish_paragraph(   i, n, words, wanted) {
      n = split(value["uris"], words, " ")
      for (i = 1; i <= n; i++) if (is_official(words[i])) wanted = 1
      if (tolower(value["enabled"]) ~ /^ *(no|false|without|off|disable) *$/) wanted = 0
      if (wanted && " " value["types"] " " ~ / deb /) printf "Types: deb-src\n%s\n", rest
      rest = field = value["uris"] = value["enabled"] = value["types"] = ""
    }
    /^#/ { next }
    { text = $0; gsub(/[ \t\r]+/, " ", text) }
    text == "" || text == " " { finish_paragraph(); next }
    text !~ /^ / {
      field = tolower(text)
      sub(/ ?:.*/, "", field)
      sub(/^[^:]*:/, "", text)
    }
    { value[field] = value[field] text }
    field != "types" { rest = rest $0 "\n" }
    END { finish_paragraph() }' "$1"
}

# --- fetching and unpacking --------------------------------------------------

# Fails when there is no such source (any more); any other trouble is the end.
# What an interrupted run fetched is kept: apt-get resumes it, and checks it.
download_source() {
  local folder
  folder=$(download_folder "$1")
  if [[ -e $folder/complete ]]; then return; fi
  prepare_source_apt
  say "fetching the source of ${1#* }"
  mkdir -p "$folder"
  if run_logged env -C "$folder" apt-get "${source_apt[@]}" \
    source --download-only --only-source "${1/ /=}"; then
    touch "$folder/complete"
    return
  fi
  if ! archive_lacks_it; then
    show_log_tail
    die "the source of ${1#* } could not be fetched." "Check the network and run tools/setup again."
  fi
  rm -rf "$folder"
  return 1
}

# What the last command in the log says: the index does not list the version, or
# the server has no such file.
archive_lacks_it() {
  awk '/^\$ / { lacks = 0 }
    /Can not find version|Unable to find a source package|File not found|^ +4(0[34]|10) / { lacks = 1 }
    END { exit !lacks }' "$log"
}

obtain_source() { source_is_unpacked "$1" || download_source "$1"; }

unpack_source() {
  local folder download
  folder=$(source_folder "$1")
  download=$(download_folder "$1")
  say "unpacking the source"
  rm -rf "$folder" "$download/unpacked"
  if ! run_logged dpkg-source -x "$download"/*.dsc "$download/unpacked"; then
    rm -rf "$download"
    show_log_tail
    die "the source could not be unpacked; run tools/setup again to fetch it anew."
  fi
  # On disk before it has its name: not even a power cut leaves half of it.
  sync -f "$download"
  mv -T "$download/unpacked" "$folder"
  rm -rf "$download"
}
