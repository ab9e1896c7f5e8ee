# shellcheck shell=sh
# shellcheck disable=SC2154 # `istio` and `state` come from istio-lib.sh
# What the scripts of istio.service share about releases and the links to them. Sourced by istio-lib.sh, never run.
# src/istio/release.ts uses the same file names: change both.

is_id() {
  case $1 in
    '' | [!0-9]* | *[!0-9A-Za-z.+~-]*) return 1 ;;
  esac
}

# linked LINK: the id of the release that `active` or `staged` names. Status 1 if there is none.
linked() {
  link=$(readlink "$istio/$1") || return 1
  is_id "${link##*/}" && printf '%s\n' "${link##*/}"
}

# point LINK ID: switches a link in one step. The link is on disk when this returns.
point() {
  ln -sfn "releases/$2" "$istio/.$1.new" && sync "$istio" && at link-temporary-made &&
    mv -fT "$istio/.$1.new" "$istio/$1" && at link-renamed && sync "$istio"
}

# is_complete ID: whether everything that a start needs is there, and the user that runs Envoy can execute it.
is_complete() {
  release=$istio/releases/$1
  for file in release.json istio-start.sh bin/envoy bin/pilot-agent envoy_bootstrap_tmpl.json; do
    [ -s "$release/$file" ] || return 1
  done
  for file in cluster.env sidecar.env mesh; do
    [ -f "$release/$file" ] || return 1
  done
  # Compares the size of every file in release.json, not the digest: digests of 250 MB take a second, which is too long
  # for a start.
  there=$(cd "$release" && stat -c ' %s %n ' -- * bin/*) || return 1
  for listed in $(listed_files "$release/release.json"); do
    case $there in *" ${listed%%:*} ${listed#*:} "*) ;; *) return 1 ;; esac
  done
  [ -x "$release/istio-start.sh" ] && run_as_proxy "$release/bin/envoy" "$release/bin/pilot-agent"
}

# listed_files MANIFEST: the files of a release.json as words `size:name`. Reads only JSON that the agent has written,
# with any white space.
listed_files() {
  awk 'BEGIN { RS = "}" }
    {
      gsub(/[ \n]/, "")
      sub(/.*"files":\{/, "")
      if (!/"size":[0-9]/) next
      name = size = $0
      sub(/^,*"/, "", name)
      sub(/".*/, "", name)
      sub(/.*"size":/, "", size)
      sub(/[^0-9].*/, "", size)
      print size ":" name
    }' "$1"
}

# run_as_proxy FILE FILE: whether istio-proxy can execute both files. Root can execute files that istio-proxy cannot
# reach, so the test is made as istio-proxy if possible.
run_as_proxy() {
  [ -x "$1" ] && [ -x "$2" ] && ! is_barred "$1" && ! is_barred "$2"
}

# is_barred FILE: whether the user istio-proxy, with its groups as under sudo, cannot reach or execute FILE. No if that
# cannot be tested.
is_barred() {
  uid=$(id -u istio-proxy 2>/dev/null) && [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null || return 1
  groups=$(id -G istio-proxy | tr ' ' ,)
  # shellcheck disable=SC2016 # the inner shell expands them
  answer=$(setpriv --reuid "$uid" --regid "$(id -g istio-proxy)" --groups "$groups" \
    sh -c '[ -x "$1" ] && echo may || echo barred' test "$1") || return 1
  [ "$answer" = barred ]
}

# confirmed ID: whether the agent has seen the release up, the release ran for an hour, or it was adopted while it ran.
confirmed() {
  [ -e "$state/confirmed/$1" ] || grep -Eqs '"origin": *"adopted"' "$istio/releases/$1/release.json"
}

# newest_confirmed TEST: the newest complete and confirmed release that passes `TEST ID`. Status 1 if there is none.
newest_confirmed() {
  # A listing quotes no character that an id can have (is_id). The manifest is written once, so its time is the age of
  # the release.
  # shellcheck disable=SC2012
  ls -1t "$istio"/releases/*/release.json 2>/dev/null | while read -r manifest; do
    id=${manifest%/release.json}
    id=${id##*/}
    if is_id "$id" && confirmed "$id" && is_complete "$id" && "$1" "$id"; then
      printf '%s\n' "$id"
      break
    fi
  done | grep .
}
