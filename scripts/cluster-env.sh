#!/usr/bin/env bash
# Brings the test cluster up, loads the images that the tests use, and prints what they need to know:
#   eval "$(scripts/cluster-env.sh)" && npm run test:cluster
# PODSWAP_TEST_CLUSTER names the folder with the cluster's `up` and `image`; default: ../shared/cluster beside this clone.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
cluster=$(readlink -f "${PODSWAP_TEST_CLUSTER:-../shared/cluster}")
[ -x "$cluster/up" ] || { echo "cluster-env: there is no $cluster/up; set PODSWAP_TEST_CLUSTER" >&2; exit 1; }

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
