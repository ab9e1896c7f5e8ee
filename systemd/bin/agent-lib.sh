# shellcheck shell=sh
# shellcheck disable=SC2154 # `here`, and `opt` and `run` of lib.sh
# What the scripts of smm-agent.service know of the agent's versions, and of the probation of a new one. Sourced, never run; the
# script that sources it has set `here`, the folder of the scripts. The names of files are those of src/versions: change both.

# shellcheck source=systemd/bin/lib.sh
. "$here/lib.sh"

state=$SMM_ROOT/var/lib/smm-agent/agent
# What the package brings, as dpkg left it.
payloads=$SMM_ROOT/usr/lib/smm-agent/payload/versions
# There while a version is on probation. Written by the agent before it switches, and by the guard; src/versions/probation.ts.
probation=$state/probation
# Of this boot only: the last start of the version on probation, and how that ended.
trial=$run/agent-trial
# Of this boot only: how many starts of the agent, one after the other, have failed, whichever version it was. The agent removes it once it
# has completed a turn; src/daemon/failed-starts.ts.
# shellcheck disable=SC2034 # used by the scripts that source this
failed=$run/agent-failed

# alone SECONDS: from here on nobody else changes versions or probation. A lock that does not come is no reason to leave a bad version.
alone() {
  [ -d "$opt" ] || return 0
  # Whoever can open it could hold the lock; a folder that was made again, on another disk say, is open to all.
  chmod go-rw "$opt" || say 4 "cannot keep others from opening $opt, and from locking it"
  exec 9<"$opt"
  flock -w "$1" 9 || say 4 "cannot lock $opt: another process holds it; going on without it"
}

is_version() {
  case $1 in
    '' | [!0-9]* | *[!0-9A-Za-z.+-]*) return 1 ;;
  esac
}

# usable VERSION: whether it is complete, as far as a start needs it.
usable() {
  is_version "$1" && [ -s "$opt/versions/$1/release.json" ] && [ -s "$opt/versions/$1/smm-agent.js" ] &&
    [ -x "$opt/versions/$1/node/bin/node" ]
}

# starts FOLDER: whether a version in it can be started, whatever else it lacks.
starts() {
  [ -s "$1/smm-agent.js" ] && [ -x "$1/node/bin/node" ]
}

# folder_of VERSION: where it lies: the package's own copy where agent-heal had to start that.
folder_of() {
  if ! usable "$1" && starts "$payloads/$1"; then echo "$payloads/$1"; else echo "$opt/versions/$1"; fi
}

# verdict VERSION: what came of it here, lately or once; a confirmation clears it.
verdict() {
  if [ -e "$state/rejected/$1" ] || [ -e "$state/expired/$1" ]; then echo rejected; else echo accepted; fi
}

# fall_back EXCEPT TEST: points `current` to the best version there is but that one, among those whose folder passes the test; status 1
# where there is none. One that was rejected is the last resort, after what the package brings: that runs from where dpkg put it.
fall_back() {
  if version=$(best_version accepted "$1" "$2"); then
    point_version current "$version"
  elif folder=$(payload_folder "$2"); then
    ln -sfn "$folder" "$opt/.current.new" && mv -fT "$opt/.current.new" "$opt/current" && sync "$opt"
  elif version=$(best_version rejected "$1" "$2"); then
    point_version current "$version"
  else
    return 1
  fi
}

payload_folder() {
  for folder in "$payloads"/*; do
    if "$1" "$folder"; then
      printf '%s\n' "$folder"
      return
    fi
  done
  return 1
}

# best_version VERDICT EXCEPT TEST: a usable version of that verdict: the one before, or else the one that was put in place last; status 1
# where there is none.
best_version() {
  # Names of versions hold no character that a listing would quote, and release.json is written once.
  # shellcheck disable=SC2012
  { version_of previous || :; ls -1t "$opt"/versions/*/release.json 2>/dev/null; } | while read -r version; do
    version=${version%/release.json}
    version=${version##*/}
    if [ "$version" != "$2" ] && [ "$(verdict "$version")" = "$1" ] && usable "$version" && "$3" "$opt/versions/$version"; then
      printf '%s\n' "$version"
      break
    fi
  done | grep .
}

# version_of LINK: the version that `current` or `previous` names; status 1 where there is none.
version_of() {
  link=$(readlink "$opt/$1") || return 1
  is_version "${link##*/}" && printf '%s\n' "${link##*/}"
}

# point_version LINK VERSION: switches a link in one step; it is on disk when this returns.
point_version() {
  ln -sfn "versions/$2" "$opt/.$1.new" && sync "$opt" && mv -fT "$opt/.$1.new" "$opt/$1" && sync "$opt"
}

# Sets the variables below; status 1 where no version is on probation. A damaged file puts none on it, and goes.
read_probation() {
  [ -e "$probation" ] || return 1
  id=$(field "$probation" id)
  from=$(field "$probation" from)
  to=$(field "$probation" to)
  if [ -z "$id" ] || ! is_version "$from" || ! is_version "$to"; then
    say 3 "$probation is damaged: it names no version, so none is on probation"
    remove_file "$probation"
    return 1
  fi
  previous=$(field "$probation" previous)
  begun=$(field "$probation" begun)
  boot=$(field "$probation" boot)
  deadline=$(number "$probation" deadline 0)
  span=$(number "$probation" span 50)
  power_cuts=$(number "$probation" power_cuts 0)
  ended=$(field "$probation" ended)
  extended=$(number "$probation" extended 0)
}

# number FILE KEY OTHERWISE: a damaged one must not end the script that reckons with it; with a leading 0 it would be octal.
number() {
  value=$(field "$1" "$2")
  case $value in '' | *[!0-9]* | 0?* | ?????????????*) value=$3 ;; esac
  printf '%s\n' "$value"
}

# Writes the variables back.
write_probation() {
  write_file "$probation" <<END
id=$id
from=$from
to=$to
previous=$previous
begun=$begun
boot=$boot
deadline=$deadline
span=$span
power_cuts=$power_cuts
ended=$ended
extended=$extended
END
}

# write_trial INVOCATION UPTIME END: which start of the version on probation this is; END is empty while it runs.
write_trial() {
  printf 'id=%s\ninvocation=%s\nuptime=%s\nend=%s\n' "$id" "$1" "$2" "$3" | write_file "$trial"
}

# Whether a start of the version on probation has no end yet.
is_open_trial() {
  [ "$(field "$trial" id)" = "$id" ] && [ -z "$(field "$trial" end)" ]
}

# arm SECONDS: a timer of systemd's, which outlives the agent, sees to the deadline. One that a later deadline made stale does nothing.
arm() {
  timeout 10 systemd-run --quiet --collect --unit="smm-agent-deadline-$(seconds_up 0)-$$" --on-active="$1" \
    --timer-property=AccuracySec=1s --property=Group=smm-agent --description="Deadline of the probation of smm-agent $to" \
    ${SMM_ROOT:+--setenv="SMM_ROOT=$SMM_ROOT"} "$here/agent-deadline" "$id" "$deadline" ||
    say 3 "cannot set a timer for the deadline of smm-agent $to: only its end, or the next start, can put it back"
}
