# shellcheck shell=sh
# shellcheck disable=SC2154 # `here`
# What all scripts share: where things are, and reading and writing the small files of the agent.
# Sourced, never run. Reads no file as shell code: cluster.env and the rest come from elsewhere, and this runs as root.
# Every path is below SMM_ROOT, which is empty on a real machine; with it the tests bring their own programs on PATH.

# While a package is being put in place, this may be there before that.
# shellcheck source=systemd/bin/environment-lib.sh
[ ! -r "$here/environment-lib.sh" ] || . "$here/environment-lib.sh"
SMM_ROOT=${SMM_ROOT:-}
# An operator's Environment=PATH must not choose the programs that root runs here.
[ -n "$SMM_ROOT" ] || PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export SMM_ROOT PATH LC_ALL
umask 022

# shellcheck disable=SC2034 # used by the scripts that source this
opt=$SMM_ROOT/opt/smm-agent
# shellcheck disable=SC2034
run=$SMM_ROOT/run/smm-agent

# say PRIORITY SENTENCE: a line for the journal; 3 is an error, 4 a warning, 6 information.
say() {
  printf '<%s>smm-agent: %s\n' "$1" "$2" >&2
}

# field FILE KEY: the value of the last line KEY=; empty where file or line is missing. Without a program: a start reads dozens.
field() {
  [ -f "$1" ] && [ -r "$1" ] || return 0
  found=
  while IFS= read -r line || [ -n "$line" ]; do
    case $line in "$2="*) found=${line#*=} ;; esac
  done <"$1"
  printf '%s\n' "$found"
}

# at NAME: a point between two writes, for the tests: when SMM_TEST_KILL_AT names it, all processes of this hook end here as in
# a power cut. Nothing when it is unset.
at() {
  [ "${SMM_TEST_KILL_AT:-}" != "$1" ] || { say 7 "killed at $1" && kill -s "${SMM_TEST_KILL_BY:-KILL}" 0; }
}

# write_file FILE: makes a file of stdin in one step; it is on disk when this returns. One that the disk had no room for leaves nothing.
write_file() {
  # A name that is taken for nothing else: some folders have a file for each of their things.
  temporary=${1%/*}/.${1##*/}.new
  if mkdir -p "${1%/*}" && cat >"$temporary" && sync "$temporary" && at file-temporary-written &&
    mv -fT "$temporary" "$1" && at file-renamed && sync "${1%/*}"; then return 0; fi
  rm -f "$temporary"
  return 1
}

# remove_file FILE: it is gone on disk when this returns.
remove_file() {
  [ ! -e "$1" ] || { rm -f "$1" && sync "${1%/*}"; }
}

# unit_id UNIT: the unit's own name, by which systemd lists its jobs; UNIT can be an alias of another one. UNIT itself where nobody tells.
unit_id() {
  own_name=$(timeout "${ask_seconds:-5}" systemctl show --property=Id --value "$1" 2>/dev/null) || own_name=
  case $own_name in *.service) printf '%s\n' "$own_name" ;; *) printf '%s\n' "$1" ;; esac
}

boot_id() {
  read -r this_boot <"$SMM_ROOT/proc/sys/kernel/random/boot_id" && printf '%s\n' "$this_boot"
}

# seconds_up OTHERWISE: whole seconds since the machine was booted, suspended time included: the wall clock jumps at boot. In a container
# lxcfs tells the container's own; when lxcfs ends, the file cannot be read, or is the host's from then on. So only what these scripts
# have noted themselves is compared with it, and a time that has not come yet was noted by another clock.
seconds_up() {
  up=
  { read -r up _ <"$SMM_ROOT/proc/uptime"; } 2>/dev/null || :
  up=${up%%.*}
  case $up in '' | *[!0-9]* | 0?* | ?????????????*) up=$1 ;; esac
  printf '%s\n' "$up"
}

# seconds_since UP: how long ago that was; empty where it cannot be told.
seconds_since() {
  case $1 in '' | *[!0-9]* | 0?* | ?????????????*) return 0 ;; esac
  now_up=$(seconds_up 0)
  [ "$now_up" -lt "$1" ] || printf '%s\n' "$((now_up - $1))"
}

now() {
  date -u +%Y-%m-%dT%H:%M:%SZ
}
