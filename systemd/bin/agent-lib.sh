# shellcheck shell=sh
# shellcheck disable=SC2154 # `here`, and `opt` and `run` of lib.sh
# What the scripts of smm-agent.service share: the versions of the agent on disk, and the probation of a new version.
# Sourced, never run. The script that sources it has set `here`, the folder of the scripts. src/versions uses the same
# file names: change both.

# shellcheck source=systemd/bin/lib.sh
. "$here/lib.sh"

state=$SMM_ROOT/var/lib/smm-agent/agent
# The version that the package contains, where dpkg has put it.
payloads=$SMM_ROOT/usr/lib/smm-agent/payload/versions
# Exists while a version is on probation. Written by the agent before a switch (src/versions/probation.ts) and by the
# guard.
probation=$state/probation
# For this boot only: the last start of the version on probation, and how that start ended.
trial=$run/agent-trial
# For this boot only: how many starts of the agent in a row have failed, of any version. The agent removes the file
# after it has completed a turn (src/daemon/failed-starts.ts).
# shellcheck disable=SC2034 # used by the scripts that source this
failed=$run/agent-failed

# alone SECONDS: takes the lock, so that no other process changes versions or the probation. Continues without the lock
# after SECONDS, because a bad version must be rolled back all the same.
alone() {
  [ -d "$opt" ] || return 0
  # Every user that can open the folder can lock it. A folder that was created again, for example on another disk, is
  # open to all users.
  chmod go-rw "$opt" || say 4 "cannot close $opt to other users (chmod go-rw): any user could hold its lock"
  exec 9<"$opt"
  flock -w "$1" 9 || say 4 "cannot lock $opt: another process holds the lock; continuing without it"
}

is_version() {
  case $1 in
    '' | [!0-9]* | *[!0-9A-Za-z.+-]*) return 1 ;;
  esac
}

# usable VERSION: whether everything that a start needs is there, including release.json, which is written last.
usable() {
  is_version "$1" && [ -s "$opt/versions/$1/release.json" ] && [ -s "$opt/versions/$1/smm-agent.js" ] &&
    [ -x "$opt/versions/$1/node/bin/node" ]
}

# starts FOLDER: whether the version in it can be started, even if other files are missing.
starts() {
  [ -s "$1/smm-agent.js" ] && [ -x "$1/node/bin/node" ]
}

# folder_of VERSION: the folder of the version. It is the copy of the package if agent-heal had to start that copy.
folder_of() {
  if ! usable "$1" && starts "$payloads/$1"; then echo "$payloads/$1"; else echo "$opt/versions/$1"; fi
}

# verdict VERSION: whether the version was rejected on this machine, even if the rejection has expired. A confirmation
# clears the rejection.
verdict() {
  if [ -e "$state/rejected/$1" ] || [ -e "$state/expired/$1" ]; then echo rejected; else echo accepted; fi
}

# fall_back EXCEPT TEST: points `current` to the best version whose folder passes TEST; never to EXCEPT. Status 1 if
# there is none. The order: accepted versions, the version of the package (run from where dpkg has put it), rejected
# versions.
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

# best_version VERDICT EXCEPT TEST: a usable version with that verdict: the version that `previous` names, or else the
# one that was installed last. Status 1 if there is none.
best_version() {
  # A listing quotes no character that a version name can have. release.json is written once, so its time is the time of
  # the installation.
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

# version_of LINK: the version that `current` or `previous` names. Status 1 if there is none.
version_of() {
  link=$(readlink "$opt/$1") || return 1
  is_version "${link##*/}" && printf '%s\n' "${link##*/}"
}

# point_version LINK VERSION: switches a link in one step. The link is on disk when this returns.
point_version() {
  ln -sfn "versions/$2" "$opt/.$1.new" && sync "$opt" && mv -fT "$opt/.$1.new" "$opt/$1" && sync "$opt"
}

# Sets the variables below. Status 1 if no version is on probation. A damaged file is removed, and no version is on
# probation then.
read_probation() {
  [ -e "$probation" ] || return 1
  id=$(field "$probation" id)
  from=$(field "$probation" from)
  to=$(field "$probation" to)
  if [ -z "$id" ] || ! is_version "$from" || ! is_version "$to"; then
    say 3 "$probation is damaged and is removed: it does not name two versions, so no version is on probation"
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

# number FILE KEY OTHERWISE: the number in a field; OTHERWISE if it is damaged, because the script that calculates with
# it would end. A number with a leading 0 is refused too: it would be octal.
number() {
  value=$(field "$1" "$2")
  case $value in '' | *[!0-9]* | 0?* | ?????????????*) value=$3 ;; esac
  printf '%s\n' "$value"
}

# Writes the variables that read_probation has set.
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

# write_trial INVOCATION UPTIME END: records a start of the version on probation. END is empty while the version runs.
write_trial() {
  printf 'id=%s\ninvocation=%s\nuptime=%s\nend=%s\n' "$id" "$1" "$2" "$3" | write_file "$trial"
}

# Whether the recorded start of the version on probation has no end yet.
is_open_trial() {
  [ "$(field "$trial" id)" = "$id" ] && [ -z "$(field "$trial" end)" ]
}

# arm SECONDS: starts a systemd timer for the deadline. The timer outlives the agent. A timer of an earlier deadline
# does nothing when it fires.
arm() {
  timeout 10 systemd-run --quiet --collect --unit="smm-agent-deadline-$(seconds_up 0)-$$" --on-active="$1" \
    --timer-property=AccuracySec=1s --property=Group=smm-agent --description="Deadline of the probation of smm-agent $to" \
    ${SMM_ROOT:+--setenv="SMM_ROOT=$SMM_ROOT"} "$here/agent-deadline" "$id" "$deadline" ||
    say 3 "cannot set a timer for the deadline of smm-agent $to: only its end, or its next start, can roll it back"
}
