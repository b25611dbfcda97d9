import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadAll } from 'js-yaml'
import type { Cluster, KubeObject } from '../src/cluster/cluster.ts'
import { connectCluster } from '../src/cluster/connect.ts'
import { type ProcessRuntime, startProcessRuntime } from '../src/sandbox/runtime/process-runtime.ts'
import { readRuntimePrograms } from '../src/sandbox/runtime/runtime-programs.ts'
import { Sandbox } from '../src/sandbox/sandbox.ts'
import { UserError } from '../syncer/base/errors.ts'
import { until } from './until.ts'

export interface DemoClusterOptions {
  /** Of the clone. */
  repository: string
  onWarning: (message: string) => void
}

const namespace = 'team'
const person = 'ann'

/** The embedded cluster with the demo application in it, and a person who holds `manifests/rbac.yml` there. */
export class DemoCluster implements AsyncDisposable {
  readonly runtime: ProcessRuntime
  readonly url: string
  /** Path of the person's. */
  readonly kubeconfig: string
  readonly namespace = namespace
  readonly #sandbox: Sandbox
  readonly #repository: string
  readonly #clients: Cluster[] = []
  /** Of `manifests/demo/k8s.yml`. */
  #objects: KubeObject[] = []

  private constructor(runtime: ProcessRuntime, sandbox: Sandbox, repository: string) {
    this.runtime = runtime
    this.#sandbox = sandbox
    this.#repository = repository
    this.url = sandbox.url
    this.kubeconfig = join(runtime.folder, 'kubeconfig')
    writeFileSync(this.kubeconfig, sandbox.kubeconfigs[person]!, { mode: 0o600 })
  }

  static async start({ repository, onWarning }: DemoClusterOptions): Promise<DemoCluster> {
    const programs = await readRuntimePrograms()
    if (programs.postgres === null) {
      throw new UserError('not-found', 'PGlite, the PostgreSQL of the embedded cluster, is not installed', {
        hint: 'run `npm ci`',
      })
    }
    const rbac = loadAll(readFileSync(join(repository, 'manifests/rbac.yml'), 'utf8')) as KubeObject[]
    const runtime = await startProcessRuntime({ programs })
    try {
      const people = [{ name: person, groups: ['developers'] }]
      const options = { runtime, namespaces: [namespace], people, rbac }
      const sandbox = await Sandbox.start({
        ...options,
        onWarning: ({ kind, metadata }, message) => onWarning(`${kind?.toLowerCase()}/${metadata.name}: ${message}`),
      })
      return new DemoCluster(runtime, sandbox, repository)
    } catch (error) {
      await runtime.close()
      throw error
    }
  }

  /** Applies the demo application, and returns when all pods of these workloads are Ready. */
  async deploy(workloads: string[], signal: AbortSignal): Promise<{ pods: number }> {
    this.#objects = loadAll(readFileSync(join(this.#repository, 'manifests/demo/k8s.yml'), 'utf8')) as KubeObject[]
    this.#sandbox.apply(this.#objects)
    const deployments = this.#objects.filter(({ kind, metadata }) => {
      return kind === 'Deployment' && workloads.includes(metadata.name ?? '')
    })
    const wanted = deployments.reduce((sum, { spec }) => sum + (spec.replicas ?? 1), 0)
    const cluster = await this.connect()
    const areReady = async () => {
      const found = await cluster.list('Pod', { signal, labelSelector: `app in (${workloads.join(',')})` })
      return (found.length === wanted && found.every(isReady)) || undefined
    }
    await until(`every pod of ${workloads.join(' and ')} is Ready`, areReady, { signal })
    return { pods: wanted }
  }

  /** The password that the demo's Secret has for PostgreSQL. */
  get databasePassword(): string {
    const secret = this.#objects.find(({ kind, metadata }) => kind === 'Secret' && metadata.name === 'postgres')
    const { stringData } = secret as KubeObject & { stringData: { password: string } }
    return stringData.password
  }

  /** What it has, as JSON: for somebody who looks for what went wrong. */
  async describe(): Promise<string> {
    const cluster = await this.connect()
    const kinds = ['Pod', 'Event', 'Deployment', 'Lease'] as const
    const lists = await Promise.all(kinds.map(kind => cluster.list(kind)))
    return JSON.stringify(lists.flat(), null, 2)
  }

  /** As the person. */
  async connect(): Promise<Cluster> {
    const client = await connectCluster({ kubeconfig: this.kubeconfig, namespace, env: {} })
    this.#clients.push(client)
    return client
  }

  /** Ends every pod and removes everything. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.close()
    await this.#sandbox.close()
  }
}

function isReady({ metadata, status }: KubeObject): boolean {
  const conditions: { type: string; status: string }[] = status?.conditions ?? []
  return !metadata.deletionTimestamp && conditions.some(({ type, status }) => type === 'Ready' && status === 'True')
}
