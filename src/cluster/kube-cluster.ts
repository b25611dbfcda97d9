import type { Duplex } from 'node:stream'
import type { ApiClient } from './client.ts'
import type {
  Cluster,
  ExecRequest,
  ExecStream,
  Kind,
  KubeObject,
  ListOptions,
  PortForwardRequest,
  WatchEvent,
  WatchOptions,
  WriteOptions,
  Written,
} from './cluster.ts'
import type { Authority, Credentials } from './credentials.ts'
import { openExecSocket } from './exec-socket.ts'
import { openPortStream } from './port-stream.ts'
import { type Asked, clusterErrorOf, refusalOf, silenceOf, type Where } from './refusal.ts'
import { apiVersionOf, pathOf, resourceOf } from './resources.ts'
import { unlessAborted } from './unless-aborted.ts'
import { watchLoop } from './watch.ts'

export interface KubeClusterParts {
  where: Where
  client: ApiClient
  credentials: Credentials
  deadlineMs: number
  /** In [0, 1). */
  random: () => number
}

/** As a Role names them. */
const writeVerbs = { POST: 'create', PUT: 'update', PATCH: 'patch' } as const
/** Name under which our writes stand in `managedFields`. */
const fieldManager = 'podswap'
const pageItemsMax = 500
/** The server ends a watch by itself after so long; its own default is 30 to 60 minutes. */
const watchSeconds = 290
const watchSilenceMs = 150_000

/** The port over HTTP; see `connectCluster`. */
export class KubeCluster implements Cluster {
  readonly namespace: string
  readonly context: string
  readonly server: string
  readonly #where: Where
  readonly #client: ApiClient
  readonly #credentials: Credentials
  readonly #deadlineMs: number
  readonly #random: () => number

  constructor({ where, client, credentials, deadlineMs, random }: KubeClusterParts) {
    this.namespace = where.namespace
    this.context = where.context
    this.server = where.server
    this.#where = where
    this.#client = client
    this.#credentials = credentials
    this.#deadlineMs = deadlineMs
    this.#random = random
  }

  async get(kind: Kind, name: string, options: { signal?: AbortSignal } = {}): Promise<KubeObject> {
    const path = pathOf(kind, this.namespace, name)
    const { text } = await this.#client.request({ method: 'GET', path, asked: asked('get', kind, name), ...options })
    return JSON.parse(text) as KubeObject
  }

  async find(kind: Kind, name: string, options: { signal?: AbortSignal } = {}): Promise<KubeObject | null> {
    try {
      return await this.get(kind, name, options)
    } catch (error) {
      if (clusterErrorOf(error)?.status === 404) return null
      throw error
    }
  }

  async list(kind: Kind, options: ListOptions = {}): Promise<KubeObject[]> {
    return (await this.#listAll(kind, options)).items
  }

  async create(kind: Kind, object: KubeObject, options: WriteOptions = {}): Promise<Written> {
    return this.#send('POST', kind, undefined, { apiVersion: apiVersionOf(kind), kind, ...object }, options)
  }

  async patch(kind: Kind, name: string, patch: object, options: WriteOptions = {}): Promise<Written> {
    return this.#send('PATCH', kind, name, patch, options)
  }

  async replace(kind: Kind, object: KubeObject, options: WriteOptions = {}): Promise<Written> {
    const { name = '' } = object.metadata
    return this.#send('PUT', kind, name, { apiVersion: apiVersionOf(kind), kind, ...object }, options)
  }

  async delete(
    kind: Kind,
    name: string,
    preconditions: { uid?: string; resourceVersion?: string } = {},
    options: { signal?: AbortSignal } = {},
  ): Promise<void> {
    const body = {
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      propagationPolicy: 'Background',
      ...(Object.keys(preconditions).length > 0 && { preconditions }),
    }
    const path = pathOf(kind, this.namespace, name)
    try {
      await this.#client.request({ method: 'DELETE', path, body, asked: asked('delete', kind, name), ...options })
    } catch (error) {
      if (clusterErrorOf(error)?.status !== 404) throw error
    }
  }

  watch(kind: Kind, options: WatchOptions, on: (event: WatchEvent) => void): Promise<void> {
    const source = {
      list: () => this.#listAll(kind, options),
      open: (resourceVersion: string) =>
        this.#client.stream({
          method: 'GET',
          path: pathOf(kind, this.namespace),
          query: {
            ...selectors(options),
            watch: 'true',
            allowWatchBookmarks: 'true',
            resourceVersion,
            timeoutSeconds: String(watchSeconds),
          },
          asked: asked('watch', kind),
          signal: options.signal,
        }),
    }
    const { signal, listed } = options
    const loop = { signal, random: this.#random, silenceMsMax: watchSilenceMs, ...(listed && { listed }) }
    return watchLoop(source, loop, on)
  }

  async exec(request: ExecRequest): Promise<ExecStream> {
    const asked: Asked = { verb: 'get', group: '', resource: 'pods/exec', name: request.pod }
    const authority = await unlessAborted(this.#credentials.authority(), request.signal)
    const url = new URL(this.server.replace(/^http/, 'ws'))
    url.pathname = url.pathname.replace(/\/$/, '') + pathOf('Pod', this.namespace, request.pod, 'exec')
    const query = new URLSearchParams({ container: request.container, stdin: 'true', stdout: 'true', stderr: 'true' })
    for (const part of request.command) query.append('command', part)
    url.search = query.toString()
    const { signal } = request
    return openExecSocket({ url, ...(signal && { signal }), ...this.#upgrade(authority, asked) })
  }

  async portForward({ pod, port, signal }: PortForwardRequest): Promise<Duplex> {
    const asked: Asked = { verb: 'create', group: '', resource: 'pods/portforward', name: pod }
    const authority = await unlessAborted(this.#credentials.authority(), signal)
    const url = new URL(this.server)
    url.pathname = url.pathname.replace(/\/$/, '') + pathOf('Pod', this.namespace, pod, 'portforward')
    return openPortStream({ url, port, ...(signal && { signal }), ...this.#upgrade(authority, asked) })
  }

  async logs(
    pod: string,
    options: { container: string; tailLines?: number; previous?: boolean; signal?: AbortSignal },
  ): Promise<string> {
    const { text } = await this.#client.request({
      method: 'GET',
      path: pathOf('Pod', this.namespace, pod, 'log'),
      query: {
        container: options.container,
        ...(options.tailLines !== undefined && { tailLines: String(options.tailLines) }),
        ...(options.previous && { previous: 'true' }),
      },
      asked: { verb: 'get', group: '', resource: 'pods/log', name: pod },
      ...(options.signal && { signal: options.signal }),
    })
    return text
  }

  async hasApiGroup(group: string, options: { signal?: AbortSignal } = {}): Promise<boolean> {
    const path = `/apis/${encodeURIComponent(group)}`
    try {
      await this.#client.request({ method: 'GET', path, asked: { verb: 'get', group, resource: 'apis' }, ...options })
      return true
    } catch (error) {
      const status = clusterErrorOf(error)?.status
      if (status === 404 || status === 403) return false
      throw error
    }
  }

  serverTimeMs(): number {
    return this.#client.serverTimeMs()
  }

  close(): void {
    this.#client.close()
  }

  /** What the two ways to upgrade a connection have in common. */
  #upgrade(authority: Authority, asked: Asked) {
    return {
      headers: authority.headers,
      agent: authority.agent,
      connectTimeoutMs: this.#deadlineMs,
      refused: (status: number, body: string) => {
        if (status === 401) this.#credentials.renew(authority)
        return refusalOf(status, body, asked, this.#where)
      },
      failed: (error: unknown, timedOut: boolean) => silenceOf(error, false, timedOut, this.#where),
    }
  }

  async #send(
    method: keyof typeof writeVerbs,
    kind: Kind,
    name: string | undefined,
    body: object,
    options: WriteOptions,
  ): Promise<Written> {
    const { text, warnings } = await this.#client.request({
      method,
      path: pathOf(kind, this.namespace, name),
      query: { fieldManager, ...(options.dryRun && { dryRun: 'All' }) },
      body,
      contentType: method === 'PATCH' ? 'application/merge-patch+json' : 'application/json',
      asked: asked(writeVerbs[method], kind, name),
      ...(options.signal && { signal: options.signal }),
    })
    return { object: JSON.parse(text) as KubeObject, warnings }
  }

  async #listAll(kind: Kind, options: ListOptions): Promise<{ items: KubeObject[]; resourceVersion: string }> {
    const identity = { apiVersion: apiVersionOf(kind), kind }
    const items: KubeObject[] = []
    let next = ''
    for (;;) {
      const { text } = await this.#client.request({
        method: 'GET',
        path: pathOf(kind, this.namespace),
        query: { ...selectors(options), limit: String(pageItemsMax), ...(next && { continue: next }) },
        asked: asked('list', kind),
        ...(options.signal && { signal: options.signal }),
      })
      const page = JSON.parse(text) as {
        items?: KubeObject[]
        metadata: { resourceVersion: string; continue?: string }
      }
      // a list's items come without their kind
      for (const item of page.items ?? []) items.push({ ...identity, ...item })
      next = page.metadata.continue ?? ''
      if (next === '') return { items, resourceVersion: page.metadata.resourceVersion }
    }
  }
}

function asked(verb: string, kind: Kind, name?: string): Asked {
  const { group, plural } = resourceOf(kind)
  return { verb, group, resource: plural, ...(name !== undefined && { name }) }
}

function selectors(options: ListOptions): Record<string, string> {
  return {
    ...(options.labelSelector && { labelSelector: options.labelSelector }),
    ...(options.fieldSelector && { fieldSelector: options.fieldSelector }),
  }
}
