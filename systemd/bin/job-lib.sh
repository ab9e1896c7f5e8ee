# shellcheck shell=sh
# What the scripts that run after the end of a service ask of systemd. Sourced after lib.sh, never run.
# Every question has a deadline (ask_seconds; three of them have to fit into the time that a hook has), and "cannot tell" is an answer that starts nothing and counts against nobody.

# look_at_system UNIT: `job` is that of the unit (none, or unknown when systemd does not answer), `ending` says whether the
# machine is on its way down: no, shutdown, rescue or unknown.
look_at_system() {
  : "${ask_seconds:=5}"
  job=none ending=no
  if ! jobs=$(timeout "$ask_seconds" systemctl list-jobs --no-legend --no-pager --full 2>/dev/null); then
    job=unknown ending=unknown
    return
  fi
  name=$1
  case "
$jobs" in
    # Listed is each under the unit's own name. Asked for only where there is any other job.
    *" $1 "* | "
") ;;
    *) name=$(unit_id "$1") ;;
  esac
  while read -r _ unit type _; do
    case "$unit $type" in
      "$name "*) job=$type ;;
      'shutdown.target start' | 'reboot.target start' | 'poweroff.target start' | 'halt.target start' | \
        'kexec.target start' | 'soft-reboot.target start') ending=shutdown ;;
      'rescue.target start' | 'emergency.target start') [ "$ending" = shutdown ] || ending=rescue ;;
    esac
  done <<END
$jobs
END
  # A status other than 0 is usual here: the word is the answer.
  case $(timeout "$ask_seconds" systemctl is-system-running 2>/dev/null || :) in
    stopping) ending=shutdown ;;
    maintenance) [ "$ending" = shutdown ] || ending=rescue ;;
  esac
}

# Whose wish an end was, by what look_at_system saw: shutdown, rescue, stop, restart, own-end (nobody's) or unknown.
# The unit's Result cannot tell a stop by hand from a crash (a crashed Envoy ends with success); the job can.
kind_of_end() {
  case "$ending $job" in
    shutdown*) echo shutdown ;;
    rescue*) echo rescue ;;
    unknown* | *unknown) echo unknown ;;
    *' stop') echo stop ;;
    *restart) echo restart ;;
    # A job `start` means that the start itself failed.
    *) echo own-end ;;
  esac
}
