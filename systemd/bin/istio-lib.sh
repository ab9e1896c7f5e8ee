# shellcheck shell=sh
# What the scripts of istio.service share: paths, and reading and writing the small files of the agent.
# Sourced, never run. Reads no file as shell code: cluster.env and the rest come from elsewhere, and this runs as root.
# Every path is below SMM_ROOT, which is empty on a real machine; with it the tests bring their own programs on PATH.

SMM_ROOT=${SMM_ROOT:-}
# An operator's Environment=PATH for Istio must not choose the programs that root runs here.
[ -n "$SMM_ROOT" ] || PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export SMM_ROOT PATH LC_ALL
umask 022

istio=$SMM_ROOT/opt/smm-agent/istio
state=$SMM_ROOT/var/lib/smm-agent/istio
# shellcheck disable=SC2034 # used by the scripts that source this
run=$SMM_ROOT/run/smm-agent

# say PRIORITY SENTENCE: a line for the journal; 3 is an error, 4 a warning, 6 information.
say() {
  printf '<%s>smm-agent: %s\n' "$1" "$2" >&2
}

is_id() {
  case $1 in
    '' | [!0-9]* | *[!0-9A-Za-z.+~-]*) return 1 ;;
  esac
}

# linked LINK: the id of the release that `active` or `staged` names; status 1 where there is none.
linked() {
  link=$(readlink "$istio/$1") || return 1
  is_id "${link##*/}" && printf '%s\n' "${link##*/}"
}

# point LINK ID: switches a link in one step; it is on disk when this returns.
point() {
  ln -sfn "releases/$2" "$istio/.$1.new" && sync "$istio" &&
    mv -fT "$istio/.$1.new" "$istio/$1" && sync "$istio"
}

# is_complete ID: whether everything that a start needs is there, and executable by the user that runs Envoy.
is_complete() {
  release=$istio/releases/$1
  for file in release.json istio-start.sh bin/envoy bin/pilot-agent envoy_bootstrap_tmpl.json; do
    [ -s "$release/$file" ] || return 1
  done
  for file in cluster.env sidecar.env mesh; do
    [ -f "$release/$file" ] || return 1
  done
  [ -x "$release/istio-start.sh" ] && runs_as_proxy "$release/bin/envoy" && runs_as_proxy "$release/bin/pilot-agent"
}

# runs_as_proxy FILE: root may execute what nobody else may reach, so it is asked as istio-proxy where that can be done.
runs_as_proxy() {
  [ -x "$1" ] || return 1
  [ "$(id -u)" = 0 ] && uid=$(id -u istio-proxy 2>/dev/null) && command -v setpriv >/dev/null || return 0
  setpriv --reuid "$uid" --regid "$(id -g istio-proxy)" --clear-groups test -x "$1"
}

# confirmed ID: seen up by the agent once, or adopted while it ran.
confirmed() {
  [ -e "$state/confirmed/$1" ] || grep -Eqs '"origin": *"adopted"' "$istio/releases/$1/release.json"
}

# newest_confirmed TEST: the newest complete and confirmed release for which `TEST ID` holds; status 1 where there is none.
newest_confirmed() {
  # Ids hold no character that a listing would quote (is_id), and the manifest is written once.
  # shellcheck disable=SC2012
  ls -1t "$istio"/releases/*/release.json 2>/dev/null | while read -r manifest; do
    id=${manifest%/release.json}
    id=${id##*/}
    if is_id "$id" && confirmed "$id" && is_complete "$id" && "$1" "$id"; then
      printf '%s\n' "$id"
      break
    fi
  done | grep .
}

# field FILE KEY: the value of the line KEY=; empty where file or line is missing.
field() {
  sed -n "s/^$2=//p" "$1" 2>/dev/null | tail -n 1
}

# write_file FILE: makes a file of stdin in one step; it is on disk when this returns.
write_file() {
  mkdir -p "${1%/*}" && cat >"$1.new" && sync "$1.new" && mv -fT "$1.new" "$1" && sync "${1%/*}"
}

# remove_file FILE: it is gone on disk when this returns.
remove_file() {
  [ ! -e "$1" ] || { rm -f "$1" && sync "${1%/*}"; }
}

boot_id() {
  cat "$SMM_ROOT/proc/sys/kernel/random/boot_id"
}

# Whole seconds since the machine was booted, suspended time included (CLOCK_BOOTTIME): the wall clock jumps at boot.
seconds_up() {
  read -r up _ <"$SMM_ROOT/proc/uptime" && printf '%s\n' "${up%%.*}"
}

now() {
  date -u +%Y-%m-%dT%H:%M:%SZ
}
