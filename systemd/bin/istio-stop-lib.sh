# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # `job` is for the scripts that source this, `state` and `run` come from istio-lib.sh
# What the stop hook and the delayed start ask of systemd. Sourced after istio-lib.sh, never run.
# Every question has a deadline, and "cannot tell" is an answer that starts nothing and counts against nobody.

# Reads systemd's jobs: `job` is that of istio.service (none, or unknown when systemd does not answer), `ending` says
# whether the machine is on its way down: no, shutdown, rescue or unknown.
look_at_system() {
  job=none ending=no
  if ! jobs=$(timeout 5 systemctl list-jobs --no-legend --no-pager --full 2>/dev/null); then
    job=unknown ending=unknown
    return
  fi
  while read -r _ unit type _; do
    case "$unit $type" in
      'istio.service '*) job=$type ;;
      'shutdown.target start' | 'reboot.target start' | 'poweroff.target start' | 'halt.target start' | \
        'kexec.target start' | 'soft-reboot.target start') ending=shutdown ;;
      'rescue.target start' | 'emergency.target start') [ "$ending" = shutdown ] || ending=rescue ;;
    esac
  done <<END
$jobs
END
  # A status other than 0 is usual here: the word is the answer.
  case $(timeout 5 systemctl is-system-running 2>/dev/null || :) in
    stopping) ending=shutdown ;;
    maintenance) [ "$ending" = shutdown ] || ending=rescue ;;
  esac
}

# How much is switched off, of a word of `systemctl is-enabled`.
degree_off() {
  case $1 in
    masked | masked-runtime | not-found | bad) echo 2 ;;
    disabled) echo 1 ;;
    *) echo 0 ;;
  esac
}

# Why Istio, stopped by hand, is not to be started again; empty when it is. Needs `ending` of look_at_system.
reason_to_stay_stopped() {
  if [ "$ending" != no ]; then
    echo "the machine is on its way down ($ending)"
    return
  fi
  if [ -e "$state/hold" ]; then
    echo 'this machine is held'
    return
  fi
  word=$(timeout 5 systemctl is-enabled istio.service 2>/dev/null) || :
  degree=$(degree_off "$word")
  if [ "$degree" = 2 ]; then
    echo "istio.service is $word"
    return
  fi
  policy=$(head -n 1 "$state/start-when-stopped" 2>/dev/null) || policy=
  case $policy in
    always) return ;;
    never)
      echo 'istio.startWhenStopped is never'
      return
      ;;
  esac
  before=$(field "$run/istio-started" unit_file_state)
  # Many machines run Istio from a unit that was never enabled: only what changed since the start is a wish.
  if [ "$degree" -gt "$(degree_off "${before:-$word}")" ]; then
    echo "istio.service became $word since its last start"
    return
  fi
  staged=$(linked staged) || staged=
  if [ -z "$staged" ] || [ "$staged" = "$(linked active || :)" ]; then
    echo 'nothing is pending'
  elif [ -e "$state/rejected/$staged" ]; then
    echo "the staged release $staged was rejected"
  elif ! is_complete "$staged"; then
    echo "the staged release $staged is not complete"
  fi
}
