import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import type { Cluster } from '../../src/cluster/cluster.ts'
import { connectCluster } from '../../src/cluster/connect.ts'

/** Kubeconfigs of a real cluster: a person who holds our Role and no more, and the admin who sets tests up. */
export interface RealCluster {
  person: string
  admin: string
}

/** undefined, said loudly, where no cluster is given. */
export function realCluster(): RealCluster | undefined {
  const { PODSWAP_E2E_KUBECONFIG: person, PODSWAP_E2E_ADMIN_KUBECONFIG: admin } = process.env
  if (person && admin) return { person, admin }
  console.warn('SKIPPED, no cluster: set PODSWAP_E2E_KUBECONFIG and PODSWAP_E2E_ADMIN_KUBECONFIG')
  return undefined
}

/** A namespace where the person holds `manifests/rbac.yml` and nothing else; deleted at the end. */
export class RealNamespace {
  readonly name: string
  readonly #real: RealCluster
  readonly #clusters: Cluster[] = []

  private constructor(name: string, real: RealCluster) {
    this.name = name
    this.#real = real
  }

  static async make(real: RealCluster, purpose: string, labels: string[] = []): Promise<RealNamespace> {
    const namespace = new RealNamespace(`podswap-${purpose}-${process.pid}`, real)
    await namespace.kubectl(['create', 'namespace', namespace.name])
    if (labels.length > 0) await namespace.kubectl(['label', 'namespace', namespace.name, ...labels])
    await namespace.apply(await readFile('manifests/rbac.yml', 'utf8'))
    return namespace
  }

  /** As the admin; its stdout. */
  kubectl(args: string[], stdin = ''): Promise<string> {
    const flags = ['--kubeconfig', this.#real.admin, '--namespace', this.name]
    return new Promise((resolve, reject) => {
      const child = execFile('kubectl', [...flags, ...args], { maxBuffer: 16 * 1024 * 1024 }, (error, stdout) =>
        error ? reject(error) : resolve(stdout),
      )
      child.stdin?.end(stdin)
    })
  }

  async apply(manifest: string, args: string[] = []): Promise<void> {
    await this.kubectl(['apply', ...args, '-f', '-'], manifest)
  }

  /** As the person. */
  async connect(options: { deadlineMs?: number } = {}): Promise<Cluster> {
    const cluster = await connectCluster({
      kubeconfig: this.#real.person,
      namespace: this.name,
      env: process.env,
      ...options,
    })
    this.#clusters.push(cluster)
    return cluster
  }

  async dispose(): Promise<void> {
    for (const cluster of this.#clusters) cluster.close()
    await this.kubectl(['delete', 'namespace', this.name, '--wait=false'])
  }
}
