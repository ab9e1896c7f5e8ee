# shellcheck shell=sh
# What the scripts of istio.service share. Sourced, never run. The script that sources it has set `here`, the folder of
# the scripts.
# shellcheck disable=SC2154 # `here`, and `opt` of lib.sh

# shellcheck source=systemd/bin/lib.sh
. "$here/lib.sh"

istio=$opt/istio
# shellcheck disable=SC2034 # used by the scripts that source this
state=$SMM_ROOT/var/lib/smm-agent/istio

# shellcheck source=systemd/bin/istio-release-lib.sh
. "$here/istio-release-lib.sh"
