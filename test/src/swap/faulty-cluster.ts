import type {
  Cluster,
  ExecRequest,
  Kind,
  KubeObject,
  ListOptions,
  PortForwardRequest,
  WatchEvent,
  WatchOptions,
  WriteOptions,
} from '../../../src/cluster/cluster.ts'

/** A call of the port, counted from 1. */
export interface Call {
  index: number
  verb: 'get' | 'find' | 'list' | 'create' | 'patch' | 'replace' | 'delete' | 'watch'
  kind: Kind
  dryRun: boolean
}

/**
 * What befalls a call. `die`: the program is gone before it, or after it was done; nothing is asked any more.
 * `refuse`: it is answered with the error, undone. `lose`: it is done, and the answer is the error.
 */
export type Fault = { die: 'before' | 'after' } | { refuse: Error } | { lose: Error }

export class Died extends Error {}

/** A cluster on which each call may meet a fault. */
export class FaultyCluster implements Cluster {
  readonly calls: Call[] = []
  readonly #inner: Cluster
  readonly #fault: (call: Call) => Fault | undefined
  readonly #dead = new AbortController()

  constructor(inner: Cluster, fault: (call: Call) => Fault | undefined) {
    this.#inner = inner
    this.#fault = fault
  }

  get namespace() {
    return this.#inner.namespace
  }
  get context() {
    return this.#inner.context
  }
  get server() {
    return this.#inner.server
  }

  get(kind: Kind, name: string, options?: { signal?: AbortSignal }) {
    return this.#meet('get', kind, options, () => this.#inner.get(kind, name, options))
  }
  find(kind: Kind, name: string, options?: { signal?: AbortSignal }) {
    return this.#meet('find', kind, options, () => this.#inner.find(kind, name, options))
  }
  list(kind: Kind, options?: ListOptions) {
    return this.#meet('list', kind, options, () => this.#inner.list(kind, options))
  }
  create(kind: Kind, object: KubeObject, options?: WriteOptions) {
    return this.#meet('create', kind, options, () => this.#inner.create(kind, object, options))
  }
  patch(kind: Kind, name: string, patch: object, options?: WriteOptions) {
    return this.#meet('patch', kind, options, () => this.#inner.patch(kind, name, patch, options))
  }
  replace(kind: Kind, object: KubeObject, options?: WriteOptions) {
    return this.#meet('replace', kind, options, () => this.#inner.replace(kind, object, options))
  }
  delete(kind: Kind, name: string, preconditions?: { uid?: string }, options?: { signal?: AbortSignal }) {
    return this.#meet('delete', kind, options, () => this.#inner.delete(kind, name, preconditions, options))
  }
  async watch(kind: Kind, options: WatchOptions, on: (event: WatchEvent) => void) {
    const signal = AbortSignal.any([options.signal, this.#dead.signal])
    await this.#meet('watch', kind, {}, () => this.#inner.watch(kind, { ...options, signal }, on))
    if (this.#dead.signal.aborted && !options.signal.aborted) throw new Died()
  }
  exec(request: ExecRequest) {
    return this.#inner.exec(request)
  }
  portForward(request: PortForwardRequest) {
    return this.#inner.portForward(request)
  }
  logs(pod: string, options: { container: string }) {
    return this.#inner.logs(pod, options)
  }
  hasApiGroup(group: string) {
    return this.#inner.hasApiGroup(group)
  }
  serverTimeMs() {
    return this.#inner.serverTimeMs()
  }
  close() {
    this.#inner.close()
  }

  async #meet<T>(verb: Call['verb'], kind: Kind, options: WriteOptions = {}, work: () => Promise<T>): Promise<T> {
    if (this.#dead.signal.aborted) throw new Died()
    const call = { index: this.calls.length + 1, verb, kind, dryRun: options.dryRun ?? false }
    this.calls.push(call)
    const fault = this.#fault(call)
    if (fault && 'die' in fault && fault.die === 'before') this.#die()
    if (fault && 'refuse' in fault) throw fault.refuse
    if (fault && 'die' in fault) {
      // a watch is not done when it dies: it dies while it goes on
      if (verb !== 'watch') await work().catch(() => {})
      this.#die()
    }
    const result = await work()
    if (fault && 'lose' in fault) throw fault.lose
    return result
  }

  #die(): never {
    this.#dead.abort()
    throw new Died()
  }
}
