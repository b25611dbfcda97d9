import { randomBytes, randomUUID } from 'node:crypto'
import { type Clock, systemClock, systemTimers, type Timers } from '../../syncer/base/clock.ts'
import type { KubeObject } from '../cluster/cluster.ts'
import { Access, adminGroup, grantsOf, type User } from './api/access.ts'
import { ApiServer, type SeenRequest } from './api/api-server.ts'
import type { Warn } from './api/write-objects.ts'
import { makeCertificate } from './certificate.ts'
import type { Work } from './controllers/control-loop.ts'
import { Controllers } from './controllers/controllers.ts'
import { EventRecorder } from './controllers/event-recorder.ts'
import { kubeconfigFor } from './kubeconfig-text.ts'
import { Kubelet } from './kubelet/kubelet.ts'
import { type KubeletTimes, kubeletTimes } from './kubelet/pod-desk.ts'
import { unsupportedByKubelet } from './kubelet/unsupported.ts'
import type { PodRuntime } from './pod-runtime.ts'
import { Registry } from './registry/registry.ts'
import { ServiceNames } from './service-names.ts'
import type { ApiObject } from './store/api-object.ts'
import { ObjectStore } from './store/object-store.ts'
import { resourceTypes, typeOfKind } from './store/resource-types.ts'

export interface SandboxOptions {
  runtime: PodRuntime
  /** The first is the one that kubeconfigs name. */
  namespaces?: string[]
  /** Besides `admin`, who may do everything. */
  people?: { name: string; groups: string[] }[]
  /** Roles and RoleBindings, as `manifests/rbac.yml` has them; those without a namespace hold in the first one. */
  rbac?: KubeObject[]
  /** 0: any free one. */
  port?: number
  clock?: Clock
  timers?: Timers
  /** In [0, 1). */
  random?: () => number
  times?: Partial<KubeletTimes> & { bookmarkMs?: number }
  /** More `Warning` headers for a write than what the runtime does not enforce. */
  warn?: Warn
  /** What {@link Sandbox.apply} would say as a `Warning`. */
  onWarning?: (object: KubeObject, message: string) => void
  onRequest?: (request: SeenRequest) => void
  /** Of the API; more are closed at once. Default: 1,000. */
  connectionsMax?: number
  /** Of all kinds, Events too; more are refused. Default: 20,000. */
  objectsMax?: number
  onControllerError?: (work: Work, error: unknown) => void
}

const bookmarkMs = 60_000

/** A small Kubernetes in this process, over HTTPS on the loopback interface. Everything of it is in memory. */
export class Sandbox {
  readonly url: string
  /** A kubeconfig (YAML) for each person and for `admin`. */
  readonly kubeconfigs: Readonly<Record<string, string>>
  readonly #server: ApiServer
  readonly #registry: Registry
  readonly #controllers: Controllers
  readonly #kubelet: Kubelet
  readonly #runtime: PodRuntime
  readonly #namespace: string
  readonly #onWarning: NonNullable<SandboxOptions['onWarning']>
  #closing: Promise<void> | undefined

  private constructor(
    parts: { server: ApiServer; registry: Registry; controllers: Controllers; kubelet: Kubelet; runtime: PodRuntime },
    kubeconfigs: Record<string, string>,
    namespace: string,
    onWarning: SandboxOptions['onWarning'] = () => {},
  ) {
    this.url = parts.server.url
    this.kubeconfigs = kubeconfigs
    this.#server = parts.server
    this.#registry = parts.registry
    this.#controllers = parts.controllers
    this.#kubelet = parts.kubelet
    this.#runtime = parts.runtime
    this.#namespace = namespace
    this.#onWarning = onWarning
  }

  /** Listens when it resolves. Fails with the system error where the port is taken. */
  static async start(options: SandboxOptions): Promise<Sandbox> {
    const { runtime, namespaces = ['default'], people = [], rbac = [], random = Math.random } = options
    const { clock = systemClock, timers = systemTimers, port = 0, times = {} } = options
    const now = () => clock.now()
    const namespace = namespaces[0] ?? 'default'
    const store = new ObjectStore(options)
    const unsupported = (spec: ApiObject['spec']) => [...unsupportedByKubelet(spec), ...runtime.unsupported(spec)]
    const registry = new Registry({ store, now, random, uuid: randomUUID, unsupported })
    const events = new EventRecorder(registry, now)
    const failed = options.onControllerError
    const controllers = new Controllers({ registry, events, timers, now, ...(failed && { failed }) })
    const warn: Warn = (type, object, isNew) => [
      ...(isNew ? unenforcedWarnings(runtime, object) : []),
      ...(options.warn?.(type, object, isNew) ?? []),
    ]
    const names = new ServiceNames(store, random)
    const kubeletParts = { registry, runtime, names, events, timers, now, times: { ...kubeletTimes, ...times } }
    const kubelet = new Kubelet(kubeletParts)
    for (const name of namespaces)
      registry.create(resourceTypes.Namespace, { metadata: { name } }, { manager: 'podswap' })
    const users: User[] = [{ name: 'admin', groups: [adminGroup] }, ...people]
    const tokens = new Map(users.map(user => [randomBytes(24).toString('base64url'), user]))
    const certificate = makeCertificate(now())
    const server = await ApiServer.start(
      {
        registry,
        access: new Access(grantsOf(rbac, namespace)),
        runs: kubelet,
        watchTimes: { timers, bookmarkMs: times.bookmarkMs ?? bookmarkMs },
        warn,
        certificate,
        tokens,
        ...(options.onRequest && { onRequest: options.onRequest }),
        ...(options.connectionsMax !== undefined && { connectionsMax: options.connectionsMax }),
      },
      port,
    ).catch(error => {
      controllers.stop()
      throw error
    })
    const kubeconfigs = [...tokens].map(([token, { name }]) => {
      return [name, kubeconfigFor({ name, token, namespace, url: server.url, authority: certificate.certificate })]
    })
    const parts = { server, registry, controllers, kubelet, runtime }
    return new Sandbox(parts, Object.fromEntries(kubeconfigs), namespace, options.onWarning)
  }

  /**
   * Server-side apply of objects, in their order, as the manager `kubectl`; in the first namespace where they name none.
   * Fails with an `ApiError` where the API would refuse them, or on a conflict. Other kinds than the API serves are 501.
   */
  apply(objects: KubeObject[], manager = 'kubectl'): KubeObject[] {
    return objects.map(object => {
      const type = typeOfKind(object.kind ?? '')
      if (!type) throw new Error(`the podswap sandbox does not serve ${object.kind}`)
      const namespace = type.namespaced ? { namespace: object.metadata.namespace ?? this.#namespace } : {}
      const placed = { ...object, metadata: { ...object.metadata, ...namespace } } as ApiObject
      const applied = this.#registry.apply(type, placed, { manager })
      for (const message of unenforcedWarnings(this.#runtime, applied)) this.#onWarning(applied, message)
      return applied
    })
  }

  /** Forgets the past: every watch that comes back with an older version is answered 410. */
  forgetHistory(): void {
    this.#registry.store.forget()
  }

  /** Every connection breaks, as when an API server is restarted; it listens on. */
  cutConnections(): void {
    this.#server.cutConnections()
  }

  /** Cuts every connection, ends every pod at once, removes everything. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#controllers.stop()
    await this.#server.close()
    await this.#kubelet.close()
    await this.#runtime.close()
  }
}

/** What a pod, or a workload's pods, ask for and do not get. */
function unenforcedWarnings(runtime: PodRuntime, { kind, spec }: KubeObject): string[] {
  const found = runtime.unenforced(kind === 'Pod' ? spec : spec?.template?.spec)
  return found.length > 0 ? [`not enforced in the sandbox: ${found.join(', ')}`] : []
}
