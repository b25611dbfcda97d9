import { UserError } from '../../syncer/base/errors.ts'
import type { Cluster, KubeObject } from '../cluster/cluster.ts'
import type { Resources } from '../manifest/manifest.ts'
import { CloneMender } from './clone-mender.ts'
import {
  containerStatus,
  currentPod,
  lastEnd,
  oneLine,
  type PodTrouble,
  podEnd,
  podTrouble,
  replicaFailure,
  sidecarTrouble,
} from './pod-trouble.ts'
import { readRecord, type WorkloadKind } from './record.ts'

/** What the watcher needs of an `AppliedSwap`. */
export interface DevPodTarget {
  /** `deployment/web` */
  workload: string
  kind: WorkloadKind
  name: string
  clone: string
  container: string
  session: string
  adapt?(seen: Resources, signal: AbortSignal): Promise<void>
}

/** A running dev container; another `incarnation` is another container, even in the same pod. */
export interface DevPod {
  name: string
  uid: string
  container: string
  incarnation: string
}

export type DevPodNews =
  | { state: 'running'; pod: DevPod }
  | { state: 'pending'; name: string; message: string; hint?: string }
  /** Deleted, or being deleted. */
  | { state: 'gone'; name: string }
  /** It cannot come up as it is; told once for each cause. It may still come up when somebody mends it. */
  | { state: 'failed'; name: string; error: UserError }
  /** Something to know of it; whether it runs is told apart from this. */
  | { state: 'warning'; name: string; message: string; hint?: string }

export interface WatchDevPodOptions {
  signal: AbortSignal
  on: (news: DevPodNews) => void
  /** What will not mend by itself is a failure when it stays so long. */
  stuckMs?: number
  /** No pod runs for so long, whatever the cause: a failure. */
  startMs?: number
}

const eventsAfterMs = 3_000

/** The clone was deleted, or is being deleted; why is not for the watcher to say. */
export class CloneGone extends Error {}

/** Turns what is seen of the clone and its pods into news; see `watchDevPod`. */
export class DevPodWatcher {
  readonly #cluster: Cluster
  readonly #target: DevPodTarget
  readonly #on: (news: DevPodNews) => void
  readonly #signal: AbortSignal
  readonly #stuckMs: number
  readonly #startMs: number
  readonly #mender: CloneMender
  #told = ''
  #toldName: string | undefined
  /** The dev container that was told last. */
  #ran: { uid: string; incarnation: string } | undefined
  /** uid of the pod of which another container's trouble was told. */
  #toldSidecarOf: string | undefined
  /** What was said to do about the trouble; once is enough. */
  #hinted: string | undefined
  #trouble: { key: string; name: string; trouble: PodTrouble } | undefined
  #troubleTimer: NodeJS.Timeout | undefined
  #startTimer: NodeJS.Timeout | undefined
  #eventsTimer: NodeJS.Timeout | undefined
  #unblocking: 'no' | 'waiting' | 'done' = 'no'

  constructor(cluster: Cluster, target: DevPodTarget, options: WatchDevPodOptions, signal: AbortSignal) {
    this.#cluster = cluster
    this.#target = target
    this.#on = options.on
    this.#signal = signal
    this.#stuckMs = options.stuckMs ?? 8_000
    this.#startMs = options.startMs ?? 300_000
    this.#mender = new CloneMender(cluster, target, signal)
  }

  close(): void {
    for (const timer of [this.#troubleTimer, this.#startTimer, this.#eventsTimer]) clearTimeout(timer)
  }

  see(pods: KubeObject[], clone: KubeObject | undefined): void {
    this.#refuseOther(clone)
    this.#tellEnds(pods)
    const pod = currentPod(pods)
    if (pod) this.#podThere(pod, clone as KubeObject)
    else this.#noPod(clone)
  }

  /** Of the pod that ran: who took it away is in no other place. */
  #tellEnds(pods: KubeObject[]): void {
    const ran = pods.find(({ metadata }) => metadata.uid === this.#ran?.uid)
    const why = ran && podEnd(ran)
    if (!why) return
    this.#ran = undefined
    this.#on({ state: 'warning', name: ran.metadata.name ?? '', message: `${why}; another pod takes its place` })
  }

  #podThere(pod: KubeObject, clone: KubeObject): void {
    this.#unblocking = 'no'
    this.#mender.adapt(pod, clone, message => this.#on({ state: 'warning', name: pod.metadata.name ?? '', message }))
    const trouble = podTrouble(pod, this.#target.container)
    if (trouble) {
      this.#pending(pod.metadata.name ?? '', pod.metadata.uid ?? '', trouble)
      return
    }
    this.#running(pod)
    this.#tellSidecar(pod)
  }

  /** Once in each pod: it comes and goes between its restarts. */
  #tellSidecar(pod: KubeObject): void {
    const { name = '', uid } = pod.metadata
    const trouble = sidecarTrouble(pod, this.#target.container)
    if (!trouble || this.#toldSidecarOf === uid) return
    this.#toldSidecarOf = uid
    const { hint } = trouble
    this.#on({ state: 'warning', name, message: textOf(trouble), ...(hint && { hint }) })
  }

  #refuseOther(clone: KubeObject | undefined): void {
    const { workload, session } = this.#target
    if (!clone || clone.metadata.deletionTimestamp) throw new CloneGone()
    const record = readRecord(clone)
    if (record && record.session !== session) {
      throw new UserError('held', `${workload} was taken over by ${record.owner}`, { hint: 'agree with them first' })
    }
  }

  #noPod(clone: KubeObject | undefined): void {
    if (this.#toldName) this.#tell({ state: 'gone', name: this.#toldName })
    this.#toldName = undefined
    const refusal = replicaFailure(clone)
    if (refusal) this.#unblock(clone as KubeObject)
    const patience = this.#unblocking === 'done' ? 'short' : 'long'
    const trouble = refusal ? { ...refusal, patience } : { reason: 'Pending', message: '', patience: 'none' }
    this.#pending(this.#target.clone, '', trouble as PodTrouble)
  }

  #running(pod: KubeObject): void {
    this.#mended()
    clearTimeout(this.#startTimer)
    this.#startTimer = undefined
    const { name = '', uid = '' } = pod.metadata
    const { container } = this.#target
    const status = containerStatus(pod, container)
    const incarnation = status?.containerID ?? uid
    const last = this.#ran?.uid === uid && this.#ran.incarnation !== incarnation ? lastEnd(status) : undefined
    if (last) {
      const { text, hint } = last
      this.#on({ state: 'warning', name, message: `${container} was restarted: ${text}`, ...(hint && { hint }) })
    }
    this.#ran = { uid, incarnation }
    this.#hinted = undefined
    this.#toldName = name
    this.#tell({ state: 'running', pod: { name, uid, container, incarnation } })
  }

  #pending(name: string, uid: string, trouble: PodTrouble): void {
    if (uid) this.#toldName = name
    const { hint } = trouble
    this.#tell({ state: 'pending', name, message: textOf(trouble), ...(hint && hint !== this.#hinted && { hint }) })
    this.#hinted = hint
    this.#startTimer ??= setTimeout(() => this.#fail(), this.#startMs)
    // causes take turns (ErrImagePull, ImagePullBackOff): that is no progress
    const key = `${uid} ${trouble.patience}`
    const isSame = this.#trouble?.key === key
    this.#trouble = { key, name, trouble }
    if (isSame) return
    clearTimeout(this.#troubleTimer)
    clearTimeout(this.#eventsTimer)
    if (trouble.patience === 'short') this.#troubleTimer = setTimeout(() => this.#fail(), this.#stuckMs)
    if (trouble.patience === 'none' && uid) this.#askEventsLater(uid, key)
  }

  #mended(): void {
    this.#trouble = undefined
    clearTimeout(this.#troubleTimer)
    clearTimeout(this.#eventsTimer)
  }

  #tell(news: DevPodNews): void {
    const { hint: _saidOnce, ...lasting } = news as DevPodNews & { hint?: string }
    const key = JSON.stringify(lasting)
    if (key === this.#told || this.#signal.aborted) return
    this.#told = key
    this.#on(news)
  }

  async #fail(): Promise<void> {
    const failed = this.#trouble
    if (!failed) return
    const { name, trouble } = failed
    const log = trouble.log && (await this.#lastWords(name, trouble.log))
    if (this.#signal.aborted || this.#trouble?.key !== failed.key) return
    const message = `${name} does not start: ${textOf(trouble)}${log ? `: ${log}` : ''}`
    const error = new UserError('pod-failed', message, trouble.hint ? { hint: trouble.hint } : {})
    this.#on({ state: 'failed', name, error })
  }

  async #lastWords(pod: string, { container, previous }: NonNullable<PodTrouble['log']>): Promise<string> {
    const ask = (previous: boolean) =>
      this.#cluster.logs(pod, { container, tailLines: 5, previous, signal: this.#signal }).catch(() => '')
    return oneLine((previous && (await ask(true))) || (await ask(false)))
  }

  /** What keeps a pod from getting its volumes and its network is only in its events. */
  #askEventsLater(uid: string, key: string): void {
    this.#eventsTimer = setTimeout(async () => {
      const fieldSelector = `involvedObject.uid=${uid},type=Warning`
      const events = await this.#cluster.list('Event', { fieldSelector, signal: this.#signal }).catch(() => [])
      if (this.#signal.aborted || this.#trouble?.key !== key) return
      const newest = (events as (KubeObject & { reason?: string; message?: string; lastTimestamp?: string })[])
        .sort((a, b) => (a.lastTimestamp ?? '').localeCompare(b.lastTimestamp ?? ''))
        .at(-1)
      if (newest) {
        const trouble: PodTrouble = {
          reason: newest.reason ?? '',
          message: oneLine(newest.message ?? ''),
          patience: 'none',
        }
        this.#trouble = { ...this.#trouble, trouble }
        this.#tell({ state: 'pending', name: this.#trouble.name, message: textOf(trouble) })
      }
      this.#askEventsLater(uid, key)
    }, eventsAfterMs)
  }

  /** What the namespace refused while an old pod stood in the way is asked for again when that is gone. */
  #unblock(clone: KubeObject): void {
    if (this.#unblocking !== 'no') return
    this.#unblocking = 'waiting'
    const nudged = () => {
      if (this.#signal.aborted || this.#unblocking !== 'waiting') return
      this.#unblocking = 'done'
      this.#noPod(clone)
    }
    // a nudge that fails costs time only: the controller tries again by itself
    this.#mender.nudge(clone, this.#startMs).then(nudged, nudged)
  }
}

function textOf({ reason, message }: PodTrouble): string {
  return message ? `${reason}: ${message}` : reason
}
