import { ApiClient } from './client.ts'
import type { Cluster } from './cluster.ts'
import { Credentials } from './credentials.ts'
import { KubeCluster } from './kube-cluster.ts'
import { type KubeAccessOptions, readKubeAccess } from './kubeconfig.ts'

export interface ConnectOptions extends KubeAccessOptions {
  /** For each call; so long an API server that does not answer is waited for. 8 s, so that `up` can say so within 10. */
  deadlineMs?: number
  /** In [0, 1); spreads reconnects. */
  random?: () => number
}

/**
 * Reads the kubeconfig; asks nothing of the cluster yet. Fails with `not-found` (no kubeconfig) or `usage` (no such
 * context).
 */
export async function connectCluster(options: ConnectOptions): Promise<Cluster> {
  const { deadlineMs = 8_000, random = Math.random } = options
  const access = await readKubeAccess(options)
  const where = { server: access.cluster.server, context: access.context, namespace: access.namespace }
  const credentials = new Credentials(access, options.env)
  const client = new ApiClient(where, credentials, { deadlineMs })
  return new KubeCluster({ where, client, credentials, deadlineMs, random })
}
