#!/usr/bin/env bash
# Brings the test cluster up, loads the images that the tests use, and prints what they need to know:
#   eval "$(scripts/cluster-env.sh)" && npm run test:cluster
# With --missing: only prints what this machine lacks for that, if anything.
# PODSWAP_TEST_CLUSTER names the folder with the cluster's `up` and `image`; default: ../shared/cluster beside this clone.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
folder=${PODSWAP_TEST_CLUSTER:-../shared/cluster}

missing() {
  [ -x "$folder/up" ] || { echo "there is no $folder/up; set PODSWAP_TEST_CLUSTER"; return; }
  [ "$(id -u)" = 0 ] || { echo "it needs root"; return; }
  for tool in go kubectl; do command -v $tool >/dev/null || { echo "it needs $tool"; return; }; done
  # the terminal tests hold their terminals with it
  command -v python3 >/dev/null || command -v apt-get >/dev/null || echo "it needs python3"
}

lacks=$(missing)
if [ "${1:-}" = --missing ]; then echo "$lacks"; exit; fi
[ -z "$lacks" ] || { echo "cluster-env: $lacks" >&2; exit 1; }
command -v python3 >/dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends python3; } >&2

cluster=$(readlink -f "$folder")
admin=$("$cluster/up" | tail -n 1)
for image in busybox static node postgres; do "$cluster/image" "$image" >&2; done

people=$(dirname "$admin")
cat <<ENV
export PODSWAP_E2E_ADMIN_KUBECONFIG='$admin'
export PODSWAP_E2E_KUBECONFIG='$people/kubeconfig.ann'
export PODSWAP_E2E_COLLEAGUE_KUBECONFIG='$people/kubeconfig.ben'
export PODSWAP_E2E_EVE_KUBECONFIG='$people/kubeconfig.eve'
export PODSWAP_AGENT_IMAGE='podswap.test/node:1'
ENV
