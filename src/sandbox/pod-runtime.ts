import type { Duplex, Readable, Writable } from 'node:stream'
import type { KubeObject } from '../cluster/cluster.ts'

/**
 * What runs containers. The kubelet (`kubelet/`) decides what runs when: the order of init containers, restarts and
 * their back-off, probes, conditions, phases, Events. It resolves what a pod takes from the API: environment, config
 * maps, secrets, claims. The runtime makes a pod's place, starts processes in it, connects to them, and ends them.
 */
export interface PodRuntime {
  /**
   * What of a pod's spec this runtime cannot do, as paths with a reason (`hostNetwork: pods here have …`). Asked before
   * a pod or a workload is accepted: the API refuses those with 501 and these words. Isolation that is asked for and
   * cannot be given (`privileged`, `hostPath`) belongs here; what only goes unenforced (cpu limits) does not.
   */
  unsupported(podSpec: KubeObject['spec']): string[]
  /**
   * What of a pod's spec it takes and does nothing for (cpu limits, read-only mounts), as names of fields, each once.
   * The API says so in a `Warning`.
   */
  unenforced(podSpec: KubeObject['spec']): string[]
  /** Makes the pod's folder, address and volumes. Fails with a {@link RuntimeRefusal}; an aborted signal with its reason. */
  openPod(request: PodRequest, signal: AbortSignal): Promise<PodPlace>
  /** The claim is deleted: its folder goes. One that never had a pod is no error. */
  removeClaim(uid: string): Promise<void>
  /** Ends every process and removes everything. Idempotent. */
  close(): Promise<void>
}

export interface PodRequest {
  /** As the API has it: name, namespace, uid, labels, hostname, subdomain, security context. Not to be changed. */
  pod: KubeObject
  /** Every volume of the spec, in its order. */
  volumes: PodVolume[]
  names: ClusterNames
}

export interface PodVolume {
  name: string
  source: VolumeSource
}

export type VolumeSource =
  | { type: 'emptyDir' }
  /** The same folder for each pod that names it; kept until {@link PodRuntime.removeClaim}. */
  | { type: 'claim'; uid: string; claimName: string; readOnly: boolean }
  /** A config map, a secret, the downward API or several of them. Read-only for the pod. */
  | { type: 'files'; files: VolumeFile[] }

export interface VolumeFile {
  /** Relative, joined by `/`, without `.` and `..`. */
  path: string
  content: Uint8Array
  /** Permission bits. */
  mode: number
}

/** Name service and Service routing as a pod sees them. Both are asked anew each time: endpoints come and go. */
export interface ClusterNames {
  /**
   * Addresses of a host name seen from a namespace: a Service's ClusterIP; of a headless Service its ready pods; a
   * pod's `hostname.subdomain`. Short and full names (`web`, `web.team`, `web.team.svc`, `web.team.svc.cluster.local`).
   * Empty: the cluster knows the name and nobody is behind it. null: no name of the cluster, ask the machine's DNS.
   */
  lookup(host: string, namespace: string): string[] | null
  /**
   * Where a connection to this address and port goes. For a Service's ClusterIP: ready endpoints (pod address and
   * target port) in an order to try; empty means refuse (`ECONNREFUSED`). null: not a Service's address, dial it as it is.
   */
  route(address: string, port: number): { address: string; port: number }[] | null
}

/** One pod's place on this machine: folder, address, volumes, and the processes in it. */
export interface PodPlace {
  /** `status.podIP`. Where pods share an address and have remapped ports, an address that only stands for this pod. */
  readonly ip: string
  /**
   * Starts one run of a container; resolves when its process runs. Fails with a {@link RuntimeRefusal}. Every restart
   * is a new call: the container's own files start anew, volumes stay.
   */
  start(request: ContainerRequest, signal: AbortSignal): Promise<ContainerRun>
  /** A TCP connection to a container port (probes). Fails as `net.connect` does; an aborted signal destroys it. */
  dial(port: number, signal: AbortSignal): Promise<Duplex>
  /** Ends what still runs, at once, and removes everything but claims. Idempotent, never rejects. */
  close(): Promise<void>
}

export interface ContainerRequest {
  name: string
  image: string
  /** `$(NAME)` is already replaced. Absent: the image's own entry point. */
  command?: string[]
  /** Absent with a command: none. Absent without: the image's own. */
  args?: string[]
  workingDir?: string
  /** Complete but for the image's own, which this overrides: valueFrom, envFrom, Service variables. */
  env: Record<string, string>
  mounts: ContainerMount[]
  /** How often it was started before. */
  restartCount: number
}

export interface ContainerMount {
  /** Name of one of the pod's volumes. */
  volume: string
  /** Absolute, as the container sees it. */
  path: string
  /** Below the volume; made where it is missing. */
  subPath?: string
  readOnly: boolean
}

/** One run of a container: a process tree, from its start to its end. */
export interface ContainerRun {
  /** Unique for each run; goes into `status.containerStatuses[].containerID`. */
  readonly id: string
  /** Settles when the first process has ended and its output was read. The rest of the tree is ended with it. Never rejects. */
  readonly exited: Promise<ContainerExit>
  /** SIGTERM now, SIGKILL to the whole tree after `graceMs`. Resolves with the end. 0: SIGKILL at once. */
  stop(graceMs: number): Promise<void>
  /** Runs a command beside the first process. Fails with a {@link RuntimeRefusal} where it cannot be started. */
  exec(request: ExecCommand): Promise<RunningCommand>
  /**
   * What the first process printed, stdout and stderr together. Bounded: the oldest goes first. Stays readable after the
   * end, until the pod's `close` or `forget`. Ends at the end of what there is; with `follow` at the end of the run.
   */
  log(options: LogOptions): AsyncIterable<Uint8Array>
  /** A later run has taken its place as the previous one: its log may go. */
  forget(): void
}

export interface ContainerExit {
  /** 128 + signal number where a signal ended it. */
  exitCode: number
  signal?: number
  startedAtMs: number
  finishedAtMs: number
}

export interface ExecCommand {
  command: string[]
  /** null: no stdin, the command reads an end at once. Its end half-closes the command's stdin; its error closes it too. */
  stdin: Readable | null
  /** The runtime respects their back-pressure and ends them after the command's last output. */
  stdout: Writable
  stderr: Writable
  /** The connection is gone: stdin ends, output is read and dropped; the command goes on, as in a real cluster. */
  signal: AbortSignal
}

export interface RunningCommand {
  /** After the last output was taken. Never rejects. */
  readonly exited: Promise<{ exitCode: number }>
}

export interface LogOptions {
  /** Only the last lines. */
  tailLines?: number
  follow: boolean
  signal: AbortSignal
}

/** Why a pod or container cannot be had, in the real kubelet's words. */
export class RuntimeRefusal extends Error {
  /**
   * Goes into Events and `state.waiting.reason`: `FailedCreatePodSandBox`, `FailedMount`; of `start` `ErrImagePull`,
   * `ErrImageNeverPull`, `InvalidImageName`, `CreateContainerError`, `RunContainerError`; of `exec` `StartError`.
   */
  readonly reason: RefusalReason

  constructor(reason: RefusalReason, message: string, options: { cause?: unknown } = {}) {
    super(message, options)
    this.name = 'RuntimeRefusal'
    this.reason = reason
  }
}

export type RefusalReason =
  | 'FailedCreatePodSandBox'
  | 'FailedMount'
  | 'ErrImagePull'
  | 'ErrImageNeverPull'
  | 'InvalidImageName'
  | 'CreateContainerError'
  | 'RunContainerError'
  | 'StartError'
