# shellcheck shell=sh
# What the scripts that run after the end of a service ask systemd. Sourced after lib.sh, never run.
# Every question has a deadline of ask_seconds; three questions must fit into the time limit of the hook. Without an
# answer of systemd the result is "unknown": then nothing is started, and no failure is counted.

# look_at_system UNIT: sets `job` to the job of the unit (none, or unknown when systemd does not answer), and `ending`
# to how the machine is going down: no, shutdown, rescue or unknown.
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
    # systemd lists jobs under the unit's own name. Asked for only if there are jobs and none has the name UNIT.
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
  # The printed word is the answer. An exit status other than 0 is normal here.
  case $(timeout "$ask_seconds" systemctl is-system-running 2>/dev/null || :) in
    stopping) ending=shutdown ;;
    maintenance) [ "$ending" = shutdown ] || ending=rescue ;;
  esac
}

# Why the service ended, from what look_at_system saw: shutdown, rescue, stop, restart, own-end (the service ended by
# itself) or unknown. The Result of the unit is the same for a stop by an operator and for a crash, because a crashed
# Envoy ends with success. The job of the unit differs.
kind_of_end() {
  case "$ending $job" in
    shutdown*) echo shutdown ;;
    rescue*) echo rescue ;;
    unknown* | *unknown) echo unknown ;;
    *' stop') echo stop ;;
    *restart) echo restart ;;
    # With a job `start`, the start itself has failed.
    *) echo own-end ;;
  esac
}
