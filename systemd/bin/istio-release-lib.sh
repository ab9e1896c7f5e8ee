# shellcheck shell=sh
# shellcheck disable=SC2154 # `istio` and `state` come from istio-lib.sh
# What the scripts of istio.service know of releases and of the links that name one. Sourced by istio-lib.sh, never run.
# The names of files are those of src/istio/release.ts: change both.

is_id() {
  case $1 in
    '' | [!0-9]* | *[!0-9A-Za-z.+~-]*) return 1 ;;
  esac
}

# linked LINK: the id of the release that `active` or `staged` names; status 1 where there is none.
linked() {
  link=$(readlink "$istio/$1") || return 1
  is_id "${link##*/}" && printf '%s\n' "${link##*/}"
}

# point LINK ID: switches a link in one step; it is on disk when this returns.
point() {
  ln -sfn "releases/$2" "$istio/.$1.new" && sync "$istio" && at link-temporary-made &&
    mv -fT "$istio/.$1.new" "$istio/$1" && at link-renamed && sync "$istio"
}

# is_complete ID: whether everything that a start needs is there, and executable by the user that runs Envoy.
is_complete() {
  release=$istio/releases/$1
  for file in release.json istio-start.sh bin/envoy bin/pilot-agent envoy_bootstrap_tmpl.json; do
    [ -s "$release/$file" ] || return 1
  done
  for file in cluster.env sidecar.env mesh; do
    [ -f "$release/$file" ] || return 1
  done
  # Every file that release.json lists, with its size: a second of digests for 250 MB is too long for a start.
  there=$(cd "$release" && stat -c ' %s %n ' -- * bin/*) || return 1
  for listed in $(listed_files "$release/release.json"); do
    case $there in *" ${listed%%:*} ${listed#*:} "*) ;; *) return 1 ;; esac
  done
  [ -x "$release/istio-start.sh" ] && run_as_proxy "$release/bin/envoy" "$release/bin/pilot-agent"
}

# listed_files MANIFEST: the files of a release.json as words `size:name`. JSON of the agent's own, whatever its blanks.
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

# run_as_proxy FILE FILE: root may execute what nobody else may reach, so it is asked as istio-proxy where that can be done.
run_as_proxy() {
  [ -x "$1" ] && [ -x "$2" ] && ! is_barred "$1" && ! is_barred "$2"
}

# is_barred FILE: whether istio-proxy, with its groups, as sudo starts it, cannot execute FILE, or get to it; not where nobody can tell.
is_barred() {
  uid=$(id -u istio-proxy 2>/dev/null) && [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null || return 1
  groups=$(id -G istio-proxy | tr ' ' ,)
  # shellcheck disable=SC2016 # the inner shell expands them
  answer=$(setpriv --reuid "$uid" --regid "$(id -g istio-proxy)" --groups "$groups" \
    sh -c '[ -x "$1" ] && echo may || echo barred' test "$1") || return 1
  [ "$answer" = barred ]
}

# confirmed ID: seen up by the agent once, or adopted while it ran.
confirmed() {
  [ -e "$state/confirmed/$1" ] || grep -Eqs '"origin": *"adopted"' "$istio/releases/$1/release.json"
}

# newest_confirmed TEST: the newest complete and confirmed release for which `TEST ID` holds; status 1 where there is none.
newest_confirmed() {
  # Ids hold no character that a listing would quote (is_id), and the manifest is written once.
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
