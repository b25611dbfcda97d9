import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadAll } from 'js-yaml'
import type { KubeObject } from '../../src/cluster/cluster.ts'
import { connectCluster } from '../../src/cluster/connect.ts'
import { startProcessRuntime } from '../../src/sandbox/runtime/process-runtime.ts'
import { readRuntimePrograms } from '../../src/sandbox/runtime/runtime-programs.ts'
import { Sandbox } from '../../src/sandbox/sandbox.ts'
import { CleanUp } from '../e2e/support/clean-up.ts'
import { repository } from '../e2e/support/environment.ts'
import { Laptop } from '../e2e/support/laptop.ts'
import { until } from '../e2e/support/until.ts'

export const namespace = 'team'
export const cli = join(repository, 'dist/podswap.cjs')

/** The workloads that the guides speak of, on an embedded cluster with two developers, ann and ben. */
export class Shop implements AsyncDisposable {
  /** Paths. */
  readonly kubeconfigs: { ann: string; ben: string; admin: string }
  readonly #stack: CleanUp

  private constructor(kubeconfigs: Shop['kubeconfigs'], stack: CleanUp) {
    this.kubeconfigs = kubeconfigs
    this.#stack = stack
  }

  static async open(): Promise<Shop> {
    const stack = new CleanUp()
    try {
      const sandbox = await Sandbox.start({
        runtime: await startProcessRuntime({ programs: await readRuntimePrograms() }),
        namespaces: [namespace],
        people: ['ann', 'ben'].map(name => ({ name, groups: ['developers'] })),
        rbac: loadAll(readFileSync(join(repository, 'manifests/rbac.yml'), 'utf8')) as KubeObject[],
      })
      stack.defer(() => sandbox.close())
      sandbox.apply(workloads())
      const folder = mkdtempSync(join(tmpdir(), 'podswap-shop-'))
      stack.defer(() => rmSync(folder, { recursive: true, force: true }))
      const write = (name: string) => {
        const path = join(folder, name)
        writeFileSync(path, sandbox.kubeconfigs[name]!)
        return path
      }
      const shop = new Shop({ ann: write('ann'), ben: write('ben'), admin: write('admin') }, stack)
      await shop.untilReady()
      return shop
    } catch (error) {
      await stack[Symbol.asyncDispose]()
      throw error
    }
  }

  /** Waits until every workload is there as it was applied, and its pods are ready. */
  async untilReady(): Promise<void> {
    await until(
      'all workloads are ready',
      async () => {
        const all = await this.#deployments()
        return all.length === names.length && all.every(({ spec, status }) => status?.readyReplicas === spec.replicas)
      },
      { deadlineMs: 120_000 },
    )
  }

  /** Puts everything back that is swapped, whoever has it. */
  async putBack(): Promise<void> {
    await using laptop = new Laptop({ kubeconfig: this.kubeconfigs.ann, agentImage: 'node:22', cli })
    await laptop.ok(['down', '--all', '-n', namespace])
  }

  /** What must be the same after each guide: names, labels and specs. */
  async state(): Promise<unknown> {
    return (await this.#deployments()).map(({ metadata: { name, labels = {} }, spec }) => ({ name, labels, spec }))
  }

  async #deployments(): Promise<KubeObject[]> {
    const cluster = await connectCluster({ kubeconfig: this.kubeconfigs.admin, namespace, env: {} })
    try {
      return (await cluster.list('Deployment')).sort((a, b) => (a.metadata.name! < b.metadata.name! ? -1 : 1))
    } finally {
      cluster.close()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack[Symbol.asyncDispose]()
  }
}

const names = ['api', 'postgres', 'web', 'worker']

/** What the cluster runs before anybody develops: says who it is. */
const server = `
  const { createServer } = require('node:http')
  const { hostname } = require('node:os')
  createServer((request, response) => response.end('original ' + process.env.APP + '\\n')).listen(8080)
  process.on('SIGTERM', () => process.exit(0))`
const idle = `setInterval(() => {}, 1e6); process.on('SIGTERM', () => process.exit(0))`

function workloads(): KubeObject[] {
  const httpProbe = { httpGet: { path: '/', port: 8080 }, periodSeconds: 1 }
  const databaseUrl = { name: 'DATABASE_URL', value: 'postgres://shop:secret@postgres:5432/shop' }
  const app = (name: string, replicas: number) => [
    deployment(name, replicas, {
      image: 'node:22',
      command: ['node', '-e', server],
      env: [{ name: 'APP', value: name }, databaseUrl],
      ports: [{ name: 'http', containerPort: 8080 }],
      readinessProbe: httpProbe,
    }),
    service(name, { port: 80, targetPort: 8080 }),
  ]
  const account = { POSTGRES_USER: 'shop', POSTGRES_PASSWORD: 'secret', POSTGRES_DB: 'shop' }
  return [
    ...app('web', 2),
    ...app('api', 1),
    deployment('worker', 1, { image: 'node:22', command: ['node', '-e', idle], env: [databaseUrl] }),
    deployment('postgres', 1, {
      image: 'postgres:17',
      env: Object.entries(account).map(([name, value]) => ({ name, value })),
      readinessProbe: { tcpSocket: { port: 5432 }, periodSeconds: 1 },
    }),
    service('postgres', { port: 5432 }),
  ]
}

function deployment(name: string, replicas: number, container: object): KubeObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { containers: [{ name: 'app', ...container }], terminationGracePeriodSeconds: 5 },
      },
    },
  }
}

function service(name: string, port: object): KubeObject {
  const spec = { selector: { app: name }, ports: [port] }
  return { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec }
}
