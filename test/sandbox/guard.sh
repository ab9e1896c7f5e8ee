#!/bin/sh
# guard.sh ROOT FOLDER...: cleans up after the process that made a machine, which cannot do so itself after SIGKILL.
# When its input is closed: ends the processes that still run in the machine below ROOT, and removes the folders.
set -eu
cat >/dev/null
root=$1
members() {
  grep -lzFx "SMM_SANDBOX=$root" /proc/[0-9]*/environ 2>/dev/null | sed 's|/proc/\([0-9]*\)/.*|\1|'
}
tries=0
while pids=$(members) && [ -n "$pids" ] && [ "$tries" -lt 50 ]; do
  # Unquoted, because each word is a process.
  # shellcheck disable=SC2086
  kill -KILL $pids 2>/dev/null || :
  sleep 0.1
  tries=$((tries + 1))
done
rm -rf "$@"
