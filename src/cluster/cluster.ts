import type { Duplex } from 'node:stream'

/** A Kubernetes object as the API gives it; only what a reader checks is typed. */
export interface KubeObject {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
  // biome-ignore lint/suspicious/noExplicitAny: the rest of an object is the cluster's, passed on untouched
  spec?: any
  // biome-ignore lint/suspicious/noExplicitAny: likewise
  status?: any
}

export interface ObjectMeta {
  name?: string
  generateName?: string
  namespace?: string
  uid?: string
  resourceVersion?: string
  generation?: number
  creationTimestamp?: string
  deletionTimestamp?: string
  labels?: Record<string, string>
  annotations?: Record<string, string>
  ownerReferences?: OwnerReference[]
  managedFields?: ManagedField[]
}

export interface OwnerReference {
  apiVersion: string
  kind: string
  name: string
  uid: string
  controller?: boolean
  blockOwnerDeletion?: boolean
}

export interface ManagedField {
  manager?: string
  operation?: string
  apiVersion?: string
  time?: string
  fieldsType?: string
  fieldsV1?: object
  subresource?: string
}

/** The kinds that podswap reads or writes; the last four only to say that it cannot swap them. */
export type Kind =
  | 'Deployment'
  | 'StatefulSet'
  | 'ReplicaSet'
  | 'Pod'
  | 'Event'
  | 'Service'
  | 'EndpointSlice'
  | 'PersistentVolumeClaim'
  | 'Lease'
  | 'HorizontalPodAutoscaler'
  | 'DaemonSet'
  | 'Job'
  | 'CronJob'
  | 'Rollout'

export interface WriteOptions {
  dryRun?: boolean
  signal?: AbortSignal
}

/** What a write answered: the object, and the `Warning` headers (Pod Security speaks through them). */
export interface Written {
  object: KubeObject
  warnings: string[]
}

export interface ListOptions {
  labelSelector?: string
  fieldSelector?: string
  signal?: AbortSignal
}

export interface WatchOptions extends ListOptions {
  signal: AbortSignal
  /** After each list: everything that is there has been told. */
  listed?: () => void
}

export interface WatchEvent {
  type: 'ADDED' | 'MODIFIED' | 'DELETED'
  object: KubeObject
}

export interface ExecRequest {
  pod: string
  /** Always named: an injected sidecar may come first. */
  container: string
  command: string[]
  /** Cuts the connection, also once it is open. */
  signal?: AbortSignal
}

export interface PortForwardRequest {
  pod: string
  /** As seen from inside the pod, on `localhost`. */
  port: number
  /** Cuts the connection, also once it is open. */
  signal?: AbortSignal
}

/** How a remote command ended. */
export interface ExecExit {
  /** The command's exit code; null where the connection went before it ended. */
  code: number | null
  /** The cluster's own words where the command could not run or the connection failed. */
  message?: string
}

/** A command running in a container, without a terminal. */
export interface ExecStream {
  /**
   * stdin and stdout, with back-pressure both ways. `destroy()` cuts the connection; one that was cut elsewhere ends in
   * an error. What is written after the command's end goes nowhere.
   */
  readonly io: Duplex
  /** The last 16 KiB of stderr. */
  stderr(): string
  /** Never rejects. It comes after stdout: as long as nobody reads that, neither does this settle. */
  readonly exit: Promise<ExecExit>
  /** v4 cannot half-close stdin. */
  readonly protocol: 'v5.channel.k8s.io' | 'v4.channel.k8s.io'
}

/**
 * Our only Kubernetes vocabulary. Every call fails with a `UserError` whose code says why (`not-found`, `forbidden`,
 * `unauthorized`, `unreachable`, `rejected`, `conflict`, `timeout`), the cluster's own message in its text, and the
 * {@link ClusterError} as cause.
 */
export interface Cluster {
  readonly namespace: string
  readonly context: string
  readonly server: string

  get(kind: Kind, name: string, options?: { signal?: AbortSignal }): Promise<KubeObject>
  /** null where it is not there; every other failure throws. */
  find(kind: Kind, name: string, options?: { signal?: AbortSignal }): Promise<KubeObject | null>
  list(kind: Kind, options?: ListOptions): Promise<KubeObject[]>
  create(kind: Kind, object: KubeObject, options?: WriteOptions): Promise<Written>
  /** JSON merge patch with `fieldManager=podswap`. uid and resourceVersion in its metadata are checked by the server. */
  patch(kind: Kind, name: string, patch: object, options?: WriteOptions): Promise<Written>
  /** Puts an object in the place of one. uid and resourceVersion in its metadata are checked: `conflict`, also where it is gone. */
  replace(kind: Kind, object: KubeObject, options?: WriteOptions): Promise<Written>
  /** Deletes in the background, with preconditions. Already gone is not an error. */
  delete(
    kind: Kind,
    name: string,
    preconditions?: { uid?: string; resourceVersion?: string },
    options?: { signal?: AbortSignal },
  ): Promise<void>
  /**
   * List, then watch, for as long as `signal` allows: reconnects by itself, lists again after 410. The list arrives as
   * ADDED; after a new list, what vanished meanwhile arrives as DELETED. Resolves when aborted; rejects only for what
   * will not mend (`forbidden`, `unauthorized`, `not-found`), and with what `on` or `listed` throws.
   */
  watch(kind: Kind, options: WatchOptions, on: (event: WatchEvent) => void): Promise<void>
  exec(request: ExecRequest): Promise<ExecStream>
  /**
   * One TCP connection to a port of the pod, with back-pressure both ways. A port that refuses ends it in an error. The
   * node cuts both directions soon after one of them ended: what it carries must tell its own end.
   */
  portForward(request: PortForwardRequest): Promise<Duplex>
  logs(
    pod: string,
    options: { container: string; tailLines?: number; previous?: boolean; signal?: AbortSignal },
  ): Promise<string>
  /** Whether the API server serves the group; OpenShift is known by `security.openshift.io`. */
  hasApiGroup(group: string, options?: { signal?: AbortSignal }): Promise<boolean>
  /**
   * The API server's wall clock, in milliseconds: by the `Date` of its last answer, to a second. Before the first answer
   * it is the laptop's.
   */
  serverTimeMs(): number
  /** Closes idle connections; exec streams and watches end by themselves or by their signal. */
  close(): void
}

/** A refusal as the API server put it. */
export class ClusterError extends Error {
  /** HTTP status; 0 where there was no answer. */
  readonly status: number
  /** `reason` of the Status object: `NotFound`, `Conflict`, `AlreadyExists`, `Invalid`, `Forbidden`, … */
  readonly reason: string

  constructor(status: number, reason: string, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'ClusterError'
    this.status = status
    this.reason = reason
  }
}
