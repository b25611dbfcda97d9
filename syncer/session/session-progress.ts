import type { Clock } from '../base/clock.ts'
import { isFile } from '../core/content.ts'
import type { Tree } from '../endpoint/tree.ts'
import type { SyncEvent, SyncStatus } from './sync-port.ts'

/** Counting the files takes at most this part of the time. */
const countingCostFactor = 100

/** Where a session stands, as its parts say it. */
export interface Standing {
  attached: boolean
  halted: boolean
  live: boolean
  /** Paths that differ or are under way, here and in the pod. */
  pendingHere: number
  pendingInPod: number
  /** The pod has said that nothing of its own is on its way, on this connection. */
  podSettled: boolean
  bytesSent: number
}

/** How far a session is: its state, its first sync, its files. */
export class SessionProgress {
  state: SyncStatus['state'] = 'paused'
  firstSyncSeconds: number | undefined
  private readonly clock: Clock
  private readonly tree: Tree
  private readonly onEvent: (event: SyncEvent) => void
  private firstSync: { startedMs: number; bytes: number } | undefined
  private wasInStep = false
  private counted = { files: 0, untilMs: 0 }

  constructor(clock: Clock, tree: Tree, onEvent: (event: SyncEvent) => void) {
    this.clock = clock
    this.tree = tree
    this.onEvent = onEvent
  }

  /** A connection is there. @param bytesSent so far */
  attached(bytesSent: number): void {
    if (this.firstSync === undefined) this.firstSync = { startedMs: this.clock.monotonic(), bytes: bytesSent }
  }

  /** Tells what is new. */
  update(standing: Standing): void {
    this.noticeFirstSync(standing)
    const state = this.stateOf(standing)
    if (state === this.state) return
    this.state = state
    this.onEvent({ type: 'state', state })
  }

  /** Files of the folder. In a large one counted at most once a second, and seldom enough: somebody may ask often. */
  files(): number {
    const { files, untilMs } = this.counted
    return files > 5_000 && this.clock.monotonic() < untilMs ? files : this.count()
  }

  private count(): number {
    const startedMs = this.clock.monotonic()
    let files = 0
    for (const { current } of this.tree.walk()) if (isFile(current)) files += 1
    const nowMs = this.clock.monotonic()
    this.counted = { files, untilMs: nowMs + Math.max(1_000, (nowMs - startedMs) * countingCostFactor) }
    return files
  }

  private stateOf({ attached, halted, live, pendingHere, pendingInPod }: Standing): SyncStatus['state'] {
    if (!attached) return 'paused'
    if (halted) return 'halted'
    if (!live) return 'scanning'
    if (!this.wasInStep) return 'first-sync'
    return pendingHere + pendingInPod === 0 ? 'ready' : 'syncing'
  }

  /** The first time that nothing differs; from then on only changes move. */
  private noticeFirstSync({ live, halted, podSettled, pendingHere, bytesSent }: Standing): void {
    if (this.wasInStep || this.firstSync === undefined || !live || halted || !podSettled || pendingHere > 0) return
    this.wasInStep = true
    const seconds = (this.clock.monotonic() - this.firstSync.startedMs) / 1000
    this.firstSyncSeconds = seconds
    const bytes = bytesSent - this.firstSync.bytes
    this.onEvent({ type: 'first-sync-done', files: this.count(), bytes, seconds })
  }
}
