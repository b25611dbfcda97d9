import { expect } from 'vitest'
import type { KubeObject } from '../../../src/cluster/cluster.ts'
import { connectCluster } from '../../../src/cluster/connect.ts'
import type { Kubectl } from './kubectl.ts'
import { until } from './until.ts'

interface Condition {
  type: string
  status: string
  reason?: string
  lastTransitionTime?: string
}
interface ContainerStatus {
  state?: { waiting?: { reason?: string } }
  lastState?: { terminated?: { reason?: string; finishedAt?: string } }
}

/** 5 s are wanted, the cluster's stamps are cut to whole seconds, and the machine may be busy. */
const soonMs = 10_000
const conditionsOfTrouble = ['PodScheduled=False', 'DisruptionTarget=True', 'ReplicaFailure=True']

const labelSelector = 'podswap.dev/clone'

/** Since when the cluster has known of which trouble of a namespace's dev pods: by its own stamps where it has one, else by sight. */
export class ClusterStamps implements AsyncDisposable {
  readonly #stop = new AbortController()
  readonly #atMs = new Map<string, number>()
  /** Of each object; what one goes on saying is no news. */
  readonly #said = new Set<string>()
  #watching: Promise<unknown> = Promise.resolve()

  static async watch({ kubeconfig, namespace }: Kubectl): Promise<ClusterStamps> {
    const stamps = new ClusterStamps()
    const cluster = await connectCluster({ kubeconfig, namespace, env: {} })
    const { signal } = stamps.#stop
    const see = ({ object }: { object: KubeObject }) => stamps.#see(object)
    const watches = (['Pod', 'Deployment'] as const).map(kind => cluster.watch(kind, { labelSelector, signal }, see))
    stamps.#watching = Promise.all(watches).finally(() => cluster.close())
    return stamps
  }

  /** What was seen at `seenMs` (wall clock) is not older than a few seconds by then. */
  async expectSoon(reason: string, seenMs: number): Promise<void> {
    const sinceMs = await until(`the cluster says ${reason}`, () => this.#atMs.get(reason))
    console.info(`${reason}: shown ${seenMs - sinceMs} ms after the cluster’s stamp`)
    expect(seenMs - sinceMs, reason).toBeLessThan(soonMs)
  }

  /** What follows is about another trouble. */
  forget(): void {
    this.#atMs.clear()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#watching
  }

  #see({ status, metadata: { uid = '' } }: KubeObject): void {
    for (const { type, status: is, reason = type, lastTransitionTime } of (status?.conditions ?? []) as Condition[]) {
      if (conditionsOfTrouble.includes(`${type}=${is}`)) this.#note(uid, reason, lastTransitionTime)
    }
    const { containerStatuses = [], initContainerStatuses = [] } = status ?? {}
    for (const { state, lastState } of [...initContainerStatuses, ...containerStatuses] as ContainerStatus[]) {
      const ended = lastState?.terminated
      if (ended?.reason) this.#note(uid, ended.reason, ended.finishedAt)
      if (state?.waiting?.reason) this.#note(uid, state.waiting.reason)
    }
  }

  #note(uid: string, reason: string, stamp?: string): void {
    const saying = `${uid} ${reason} ${stamp}`
    if (this.#said.has(saying)) return
    this.#said.add(saying)
    const atMs = stamp === undefined ? Date.now() : Date.parse(stamp)
    if (!this.#atMs.has(reason)) this.#atMs.set(reason, atMs)
  }
}
