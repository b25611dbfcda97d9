import type { Clock } from '../base/clock.ts'
import type { SyncEngine } from '../engine/engine.ts'
import type { SyncLoop } from './sync-loop.ts'

const probeMs = 5_000
/** Between two while the first answer of a connection is waited for that says that the pod is settled. */
const unsettledProbeMs = 10

/** Asks the pod for signs of life, and knows from them what of its own is still on its way. */
export class PodProbes {
  /** When the pod was heard of last; wall clock, ms. */
  lastAtMs: number | undefined
  /** Paths that differ or are under way there. */
  pending = 0
  /** The pod has said on this connection that nothing of its own is on its way. */
  settled = false
  private readonly clock: Clock
  private readonly engine: SyncEngine
  private readonly loop: SyncLoop
  private readonly timer: NodeJS.Timeout
  private next: NodeJS.Timeout | undefined
  private lastId = 0

  constructor(clock: Clock, engine: SyncEngine, loop: SyncLoop) {
    this.clock = clock
    this.engine = engine
    this.loop = loop
    this.timer = setInterval(() => this.ask(), probeMs)
  }

  ask(): void {
    if (!this.engine.live) return
    this.lastId += 1
    this.engine.probe(this.lastId)
    this.loop.flush()
  }

  heard(): void {
    this.lastAtMs = this.clock.now()
  }

  /** What the pod said at a connection has come when it has answered and is settled. @returns whether nothing is pending */
  answered(pending: number): boolean {
    this.heard()
    this.pending = pending
    if (pending === 0) this.settled = true
    else if (!this.settled) {
      clearTimeout(this.next)
      this.next = setTimeout(() => this.ask(), unsettledProbeMs)
    }
    return pending === 0
  }

  podGone(): void {
    this.pending = 0
    this.settled = false
    clearTimeout(this.next)
  }

  close(): void {
    clearInterval(this.timer)
    clearTimeout(this.next)
  }
}
