import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadAll } from 'js-yaml'
import type { KubeObject } from '../../../src/cluster/cluster.ts'
import { startProcessRuntime } from '../../../src/sandbox/runtime/process-runtime.ts'
import { readRuntimePrograms } from '../../../src/sandbox/runtime/runtime-programs.ts'
import { Sandbox } from '../../../src/sandbox/sandbox.ts'
import { repository } from './environment.ts'
import { withoutLeases } from './without-leases.ts'

/** Its rights are fixed when it starts: each test's namespace is one of these. */
const namespaces = Array.from({ length: 8 }, (_, index) => `e2e-${index + 1}`)
const withoutLeasesName = 'e2e-without-leases'
/** As the manifests of the repository name it. */
export const team = 'team'
/** Besides `admin`. */
const people = [
  { name: 'ann', groups: ['developers'] },
  { name: 'ben', groups: ['developers'] },
  { name: 'eve', groups: [] },
]

/** The embedded cluster in the place of a real one, for the end-to-end tests of one file. */
export class EmbeddedCluster implements AsyncDisposable {
  readonly sandbox: Sandbox
  /** With the kubeconfigs, and what kubectl keeps of what it discovered. */
  readonly folder: string
  readonly #free = [...namespaces]

  private constructor(sandbox: Sandbox, folder: string) {
    this.sandbox = sandbox
    this.folder = folder
  }

  static async start(): Promise<EmbeddedCluster> {
    const runtime = await startProcessRuntime({ programs: await readRuntimePrograms() })
    const roles = loadAll(readFileSync(join(repository, 'manifests/rbac.yml'), 'utf8')) as KubeObject[]
    const all = [team, ...namespaces, withoutLeasesName]
    const rbac = all.flatMap(namespace =>
      roles
        .map(role => (namespace === withoutLeasesName ? withoutLeases(role) : role))
        .map(role => ({ ...role, metadata: { ...role.metadata, namespace } })),
    )
    const sandbox = await Sandbox.start({ runtime, namespaces: all, people, rbac })
    const folder = mkdtempSync(join(tmpdir(), 'podswap-e2e-cluster-'))
    const cluster = new EmbeddedCluster(sandbox, folder)
    for (const [name, text] of Object.entries(sandbox.kubeconfigs)) writeFileSync(cluster.kubeconfig(name), text)
    return cluster
  }

  kubeconfig(person: string): string {
    return join(this.folder, `kubeconfig.${person}`)
  }

  /** One that no test had yet, with the developers' roles. */
  takeNamespace(hasLeases: boolean): string {
    const name = hasLeases ? this.#free.shift() : withoutLeasesName
    if (name === undefined)
      throw new Error('a test file has more namespaces than the embedded cluster was started with')
    return name
  }

  /** As `kubectl apply --server-side`. */
  apply(objects: object[], namespace: string): void {
    const all = objects as KubeObject[]
    this.sandbox.apply(all.map(each => ({ ...each, metadata: { ...each.metadata, namespace } })))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.sandbox.close()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

let running: EmbeddedCluster | undefined

/** undefined: the tests run on a real cluster. */
export function embeddedCluster(): EmbeddedCluster | undefined {
  return running
}

export function useEmbeddedCluster(cluster: EmbeddedCluster): void {
  running = cluster
}
