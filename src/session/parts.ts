import type { Duplex } from 'node:stream'
import type { Clock, Timers } from '../../syncer/base/clock.ts'
import type { Lane } from '../../syncer/engine/exchange/peer.ts'
import type { SyncEvent, SyncSession } from '../../syncer/session/sync-port.ts'
import type { ReverseForwards } from '../forward/reverse-forwards.ts'
import type { SyncFolder } from '../manifest/manifest.ts'
import type { DevPodNews } from '../swap/dev-pod-watcher.ts'
import type { ForwardLine, UiEvent } from '../ui/events.ts'
import type { PodRef } from './session-state.ts'

/** What a session is put together from; a test brings its own. */
export interface SessionParts {
  clock: Clock
  timers: Timers
  random: () => number
  /**
   * Listens on the laptop for every forward; `dial` is asked for each connection, and fails while there is no pod.
   * Throws `port-in-use`, and then listens nowhere.
   */
  bindForwards(dial: Dial, report: Report): Promise<BoundForwards>
  /**
   * Finds the workload and keeps it from others from here on; nothing of it is touched yet. Throws `held` where it is
   * somebody else's.
   */
  claimSwap(options: { signal: AbortSignal; report: Report }): Promise<ClaimedSwap>
  /** Puts the workload back; doing it twice does nothing. */
  revertSwap(options: { signal: AbortSignal; report: Report }): Promise<void>
  /** Resolves when the dev pod alone gets the workload's traffic. Throws `timeout`. */
  awaitAlone(options: { signal: AbortSignal; report: Report }): Promise<void>
  /** Tells of the clone's pod for as long as `signal` allows. Rejects where the clone is gone, or somebody else's. */
  watchPod(swap: AppliedSwap, options: { signal: AbortSignal; on: (news: DevPodNews) => void }): Promise<void>
  /** A raw connection to the agent in the pod; `starting` is called when the pod has begun with what it takes. */
  attach(pod: PodRef, lane: Lane, signal: AbortSignal, starting?: () => void): Promise<Duplex>
  /** Ports are forwarded. */
  readonly forwards: boolean
  /** Ports of the pod that lead here; absent: none. */
  readonly reverses?: Pick<ReverseForwards, 'attach' | 'serve' | 'states'>
  /** A connection to a port of the pod's loopback, past exec. */
  openPort(pod: PodRef, port: number, signal: AbortSignal): Promise<Duplex>
  openSync(folder: SyncFolder, swap: AppliedSwap, onEvent: (event: SyncEvent) => void): SyncSession
}

export type Report = (event: UiEvent) => void

/** What the pod dials. */
export interface DialTarget {
  host: string
  port: number
  /** Asks which host that is just now; absent: `host` itself. */
  resolve?: (signal: AbortSignal) => Promise<string>
}

/** Opens a TCP connection from inside the pod. */
export type Dial = (target: DialTarget, signal: AbortSignal) => Promise<Duplex>

export interface BoundForwards {
  /** In the order of the manifest. */
  lines: (ForwardLine & DialTarget)[]
  /** Shared ones whose port somebody has: `localPort` of the laptop. */
  waiting(): (ForwardLine & { localPort: number })[]
  close(): Promise<void>
}

export interface ClaimedSwap {
  /** Somebody else had it, and may still be letting go. */
  tookOver: boolean
  /** The original's own command, where it was asked for; null where only the dev pod knows it any more. */
  command?: string[] | null
  /** Swaps the workload, or finds it swapped. `touching` is called before the first write; what it throws stops it. */
  apply(options: { signal: AbortSignal; touching: () => void; report: Report }): Promise<AppliedSwap>
  /** Shows the others that this session lives, until aborted. Rejects with `held` when one of them has it. */
  keep(signal: AbortSignal): Promise<void>
  /** After sleep: shows it now. */
  renew(): void
  /** Gives it back, where nothing was swapped. */
  release(): Promise<void>
}

export interface AppliedSwap {
  /** `deployment/web` */
  workload: string
  /** Name of the clone. */
  clone: string
  /** What the workload had, and will have again. */
  replicas: number
  /** It was swapped already. */
  resumed: boolean
  /** See `SyncRequest`. */
  fence: number
}
