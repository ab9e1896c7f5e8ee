# shellcheck shell=sh
# shellcheck disable=SC2154 # `state`, `run` and `here` come from istio-lib.sh, `ending` from look_at_system
# Whether a stopped Istio is started again, and with what: shared by the stop hook and the delayed start. Sourced after
# istio-lib.sh, never run.

# shellcheck source=systemd/bin/job-lib.sh
. "$here/job-lib.sh"

# degree_off WORD: how far the unit is switched off, by a word of `systemctl is-enabled`.
degree_off() {
  case $1 in
    masked | masked-runtime | not-found | bad) echo 2 ;;
    disabled) echo 1 ;;
    *) echo 0 ;;
  esac
}

# Why Istio, stopped by an operator, must stay stopped; empty if it is started again. Needs `ending` of look_at_system.
reason_to_stay_stopped() {
  if [ "$ending" != no ]; then
    echo "the machine is going down ($ending)"
    return
  fi
  if [ -e "$state/hold" ]; then
    echo 'this machine is held'
    return
  fi
  word=$(timeout 5 systemctl is-enabled "$(unit_id istio.service)" 2>/dev/null) || :
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
  # Many machines run Istio from a unit that was never enabled. Only a change since the start means that Istio must stay
  # stopped.
  if [ "$degree" -gt "$(degree_off "${before:-$word}")" ]; then
    echo "istio.service became $word since its last start"
    return
  fi
  reason_not_to_switch
}

# Why the next start of Istio does not switch to another release; empty if it does.
reason_not_to_switch() {
  staged=$(linked staged) || staged=
  if [ -z "$staged" ] || [ "$staged" = "$(linked active || :)" ]; then
    echo 'nothing is pending'
  elif [ -e "$state/rejected/$staged" ]; then
    echo "the staged release $staged was rejected"
  elif ! is_complete "$staged"; then
    echo "the staged release $staged is not complete"
  fi
}

# The end of a sentence about the next start: empty if that start does not switch. With istio.startWhenStopped=always,
# Istio is started again even if nothing is staged.
with_staged() {
  [ -n "$(reason_not_to_switch)" ] || echo ', with the staged release'
}
