import { UserError } from '../base/errors.ts'
import type { Role } from '../core/sync-policy.ts'
import type { SyncEngine } from '../engine/engine.ts'
import { FlushWaits } from './flush-waits.ts'
import type { LiveRules } from './rules/live-rules.ts'
import { haltedError, type SessionProblems } from './session-problems.ts'
import type { SyncLoop } from './sync-loop.ts'

/** What a flush and a fetch work with. */
export interface LaptopFlushesParts {
  engine: SyncEngine
  loop: SyncLoop
  rules: LiveRules
  problems: SessionProblems
}

/** Asks both ends to come into step, and knows who waits for that: all of it (flush), or what the pod has (fetch). */
export class LaptopFlushes {
  private readonly engine: SyncEngine
  private readonly loop: SyncLoop
  private readonly rules: LiveRules
  private readonly problems: SessionProblems
  private readonly flushes = new FlushWaits()
  private readonly fetches = new FlushWaits()
  private lastId = 0

  constructor({ engine, loop, rules, problems }: LaptopFlushesParts) {
    this.engine = engine
    this.loop = loop
    this.rules = rules
    this.problems = problems
  }

  /** See `SyncSession.fetch`. */
  async fetch(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    this.requireFlow()
    this.lastId += 1
    const id = this.lastId
    const fetched = this.fetches.add(id, signal)
    this.engine.askFlush(id)
    this.loop.wake()
    await fetched
  }

  /** See `SyncSession.flush`. */
  async flush(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    // Events of what was written before this call are queued in the kernel: two turns of the loop drain them.
    for (let turns = 0; turns < 2; turns++) await new Promise<void>(resolve => setImmediate(resolve))
    this.requireFlow()
    this.rules.flush()
    this.lastId += 1
    const id = this.lastId
    const flushed = this.flushes.add(id, signal)
    // What is held back here goes out now; it is waited for in `flushed`, when the pod has said that its own is here:
    // that may have become a conflict copy, which must reach the pod.
    this.engine.flush(0)
    this.engine.askFlush(id)
    this.loop.wake()
    await flushed
  }

  private requireFlow(): void {
    if (!this.engine.live)
      throw new UserError('sync-halted', 'sync is not connected', {
        hint: 'try again when `podswap status` says ready',
      })
    if (this.problems.halted) throw haltedError()
  }

  /** What waited when the connection went waits on the new one. */
  askAgain(): void {
    for (const id of [...this.flushes.ids, ...this.fetches.ids]) this.engine.askFlush(id)
  }

  halted(): void {
    for (const waits of [this.flushes, this.fetches]) waits.failAll(haltedError())
  }

  /** That end has come into step. */
  flushed(side: Role, id: number): void {
    if (side === 'laptop') this.flushes.done(id)
    else if (this.fetches.has(id)) this.fetches.done(id)
    else if (this.flushes.has(id)) {
      this.engine.flush(id)
      this.loop.wake()
    }
  }
}
