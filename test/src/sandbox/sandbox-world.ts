import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadAll } from 'js-yaml'
import type { Cluster, KubeObject } from '../../../src/cluster/cluster.ts'
import { connectCluster } from '../../../src/cluster/connect.ts'
import { readKubeAccess } from '../../../src/cluster/kubeconfig.ts'
import type { SeenRequest } from '../../../src/sandbox/api/api-server.ts'
import { Sandbox, type SandboxOptions } from '../../../src/sandbox/sandbox.ts'
import { ask } from './ask-api.ts'
import { ScriptedRuntime } from './scripted-runtime.ts'

/** A sandbox with two people who hold manifests/rbac.yml, one who holds nothing, and a runtime that starts nothing. */
export class SandboxWorld {
  readonly namespace = 'team'
  readonly runtime: ScriptedRuntime
  readonly requests: SeenRequest[]
  readonly sandbox: Sandbox
  readonly folder: string
  readonly #clusters: Cluster[] = []

  private constructor(parts: { runtime: ScriptedRuntime; requests: SeenRequest[]; sandbox: Sandbox; folder: string }) {
    this.runtime = parts.runtime
    this.requests = parts.requests
    this.sandbox = parts.sandbox
    this.folder = parts.folder
  }

  static async make(options: Partial<SandboxOptions> = {}): Promise<SandboxWorld> {
    const runtime = new ScriptedRuntime()
    const requests: SeenRequest[] = []
    const sandbox = await Sandbox.start({
      runtime,
      namespaces: ['team', 'other'],
      people: [
        { name: 'ann', groups: ['developers'] },
        { name: 'ben', groups: ['developers'] },
        { name: 'eve', groups: [] },
      ],
      rbac: loadAll(await readFile('manifests/rbac.yml', 'utf8')) as KubeObject[],
      onRequest: request => requests.push(request),
      ...options,
    })
    const folder = await mkdtemp(join(tmpdir(), 'podswap-sandbox-'))
    for (const [name, text] of Object.entries(sandbox.kubeconfigs)) await writeFile(join(folder, name), text)
    return new SandboxWorld({ runtime, requests, sandbox, folder })
  }

  kubeconfig(person: string): string {
    return join(this.folder, person)
  }

  async connect(person: string, namespace = this.namespace): Promise<Cluster> {
    const cluster = await connectCluster({ kubeconfig: this.kubeconfig(person), namespace, env: {} })
    this.#clusters.push(cluster)
    return cluster
  }

  /** Bare HTTP, for what our adapter does not send. */
  async request(person: string, method: string, path: string, body?: object) {
    const { cluster, user } = await readKubeAccess({ kubeconfig: this.kubeconfig(person), env: {} })
    const authority = Buffer.from(cluster.caData ?? '', 'base64').toString()
    const api = { server: this.sandbox.url, namespace: this.namespace, authority, tokens: { admin: user.token ?? '' } }
    return ask(api, { name: path, method, path, ...(body && { body }) })
  }

  async close(): Promise<void> {
    for (const cluster of this.#clusters) cluster.close()
    await this.sandbox.close()
    await rm(this.folder, { recursive: true })
  }
}
