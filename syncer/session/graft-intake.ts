import { folder } from '../core/content.ts'
import { granuleMs, isStampRacy } from '../disk/disk.ts'
import type { Graft, GraftNode } from '../endpoint/grafts.ts'
import type { Entry } from '../endpoint/tree.ts'
import type { RejReason } from '../wire/sync-message.ts'
import type { Exchange } from './exchange.ts'

/** A first sync is not slowed by reading again what it brought; a flush has it read at once. */
const rereadMs = 3_000

/**
 * Puts staged subtrees to their place. Only where nothing at all is known at and below the path, so that no rule of the
 * state table has to be asked about any path but the topmost; everything else goes path by path.
 */
export class GraftIntake {
  private readonly x: Exchange
  private readonly folderMade: (entry: Entry, withinMs: number) => void

  /** @param folderMade must watch the folder and have it read soon: somebody may have been in it before the watch */
  constructor(exchange: Exchange, folderMade: (entry: Entry, withinMs: number) => void) {
    this.x = exchange
    this.folderMade = folderMade
  }

  /** Moves it to `entry`'s path, where nothing stands. @returns why it was not done; the subtree is gone in any case */
  plant(entry: Entry, graft: Graft): RejReason | undefined {
    const { applier, grafts } = this.x.replica
    const outcome = this.isBlankBelow(entry) ? applier.plant(graft.path, graft) : undefined
    if (outcome?.result === 'done') {
      this.attach(entry, graft.root)
      return undefined
    }
    grafts.discard(graft)
    // Path by path the same trouble shows again, with a name and a reason.
    return outcome === undefined || outcome.result === 'changed' ? 'changed' : 'need'
  }

  /** Entries may be left of what once stood there; nothing about them may be open. */
  private isBlankBelow(entry: Entry): boolean {
    const { x } = this
    for (const below of x.replica.tree.walk(entry)) {
      if (below === entry) continue
      if (!x.isGone(below) || below.shadow || x.flights.has(below) || x.holds.has(below)) return false
    }
    return true
  }

  private attach(entry: Entry, { token, stat, children }: GraftNode): void {
    const { x } = this
    entry.current = token
    entry.key = stat
    entry.shadow = false
    x.agree(entry, token)
    if (token === folder) this.folderMade(entry, rereadMs)
    else {
      entry.racy = isStampRacy(x.replica.disk, stat)
      if (entry.racy) x.holds.later(entry, x.clock.monotonic(), granuleMs(x.replica.disk) + 1)
    }
    if (children === undefined) return
    for (const [name, node] of children) {
      const child = x.replica.tree.child(entry, name)
      this.attach(child, node)
      x.emit({ type: 'changed', path: child.path, direction: 'in' })
    }
  }
}
