import { afterAll } from 'vitest'
import { EmbeddedCluster, team, useEmbeddedCluster } from './embedded-cluster.ts'

/** Set-up of each test file of the vitest project `embedded`: what scripts/cluster-env.sh says of a real cluster. */
const cluster = await EmbeddedCluster.start()
useEmbeddedCluster(cluster)
Object.assign(process.env, {
  PODSWAP_E2E_KUBECONFIG: cluster.kubeconfig('ann'),
  PODSWAP_E2E_COLLEAGUE_KUBECONFIG: cluster.kubeconfig('ben'),
  PODSWAP_E2E_ADMIN_KUBECONFIG: cluster.kubeconfig('admin'),
  PODSWAP_E2E_EVE_KUBECONFIG: cluster.kubeconfig('eve'),
  PODSWAP_E2E_NAMESPACE: team,
  PODSWAP_AGENT_IMAGE: 'podswap.test/node:1',
  KUBECACHEDIR: cluster.folder,
})
afterAll(() => cluster[Symbol.asyncDispose]())
