# shellcheck shell=sh
# shellcheck disable=SC2154 # `here`
# What all scripts share: the paths, and reading and writing the small files of the agent.
# Sourced, never run. Never runs a file as shell code: cluster.env and others come from elsewhere, and the scripts run
# as root.
# Every path is below SMM_ROOT, which is empty on a real machine. Tests set it and put their own programs on PATH.

# While a package is being installed, this file may be in place before environment-lib.sh is.
# shellcheck source=systemd/bin/environment-lib.sh
[ ! -r "$here/environment-lib.sh" ] || . "$here/environment-lib.sh"
SMM_ROOT=${SMM_ROOT:-}
# An operator's Environment=PATH must not decide which programs run as root here.
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

# field FILE KEY: the value of the last line KEY=; empty if the file or the line is missing. Runs no other program,
# because a start reads dozens of fields.
field() {
  [ -f "$1" ] && [ -r "$1" ] || return 0
  found=
  while IFS= read -r line || [ -n "$line" ]; do
    case $line in "$2="*) found=${line#*=} ;; esac
  done <"$1"
  printf '%s\n' "$found"
}

# at NAME: a kill point between two writes, for the tests. When SMM_TEST_KILL_AT names it, all processes of the script
# are killed here, as by a power cut. Does nothing when SMM_TEST_KILL_AT is unset.
at() {
  [ "${SMM_TEST_KILL_AT:-}" != "$1" ] || { say 7 "killed at $1" && kill -s "${SMM_TEST_KILL_BY:-KILL}" 0; }
}

# write_file FILE: writes stdin to FILE in one step. The file is on disk when this returns. If the disk is full, no
# temporary file stays behind.
write_file() {
  # The name begins with a dot, so that no reader takes it for an entry: in some folders every file name is a version
  # or a release.
  temporary=${1%/*}/.${1##*/}.new
  if mkdir -p "${1%/*}" && cat >"$temporary" && sync "$temporary" && at file-temporary-written &&
    mv -fT "$temporary" "$1" && at file-renamed && sync "${1%/*}"; then return 0; fi
  rm -f "$temporary"
  return 1
}

# remove_file FILE: removes FILE. The removal is on disk when this returns.
remove_file() {
  [ ! -e "$1" ] || { rm -f "$1" && sync "${1%/*}"; }
}

# unit_id UNIT: the unit's own name. systemd lists jobs under that name, and UNIT can be an alias. If systemd does not
# answer, UNIT itself.
unit_id() {
  own_name=$(timeout "${ask_seconds:-5}" systemctl show --property=Id --value "$1" 2>/dev/null) || own_name=
  case $own_name in *.service) printf '%s\n' "$own_name" ;; *) printf '%s\n' "$1" ;; esac
}

boot_id() {
  read -r this_boot <"$SMM_ROOT/proc/sys/kernel/random/boot_id" && printf '%s\n' "$this_boot"
}

# seconds_up OTHERWISE: whole seconds since the boot, including suspended time; OTHERWISE if they cannot be read. Not
# the wall clock, which jumps at boot. In a container, lxcfs gives the uptime of the container. When lxcfs ends, the
# file cannot be read, or has the uptime of the host from then on. So it is only compared with times that these scripts
# have noted. A noted time that lies in the future comes from the other clock.
seconds_up() {
  up=
  { read -r up _ <"$SMM_ROOT/proc/uptime"; } 2>/dev/null || :
  up=${up%%.*}
  case $up in '' | *[!0-9]* | 0?* | ?????????????*) up=$1 ;; esac
  printf '%s\n' "$up"
}

# seconds_since UP: the seconds since the noted time UP; empty if they are unknown.
seconds_since() {
  case $1 in '' | *[!0-9]* | 0?* | ?????????????*) return 0 ;; esac
  now_up=$(seconds_up 0)
  [ "$now_up" -lt "$1" ] || printf '%s\n' "$((now_up - $1))"
}

now() {
  date -u +%Y-%m-%dT%H:%M:%SZ
}
