#!/bin/sh
# guard.sh ROOT FOLDER...: outlives the process that made a machine, however that one ends; SIGKILL lets nobody tidy up.
# Ends what still runs in the machine below ROOT, and removes the folders. Does nothing while its input is open.
set -eu
cat >/dev/null
root=$1
members() {
  grep -lzFx "SMM_SANDBOX=$root" /proc/[0-9]*/environ 2>/dev/null | sed 's|/proc/\([0-9]*\)/.*|\1|'
}
tries=0
while pids=$(members) && [ -n "$pids" ] && [ "$tries" -lt 50 ]; do
  # Unquoted: one word for each process.
  # shellcheck disable=SC2086
  kill -KILL $pids 2>/dev/null || :
  sleep 0.1
  tries=$((tries + 1))
done
rm -rf "$@"
