import { folder } from '../../core/content.ts'
import { joinPath, type Path } from '../../core/path.ts'
import { granuleMs, isStampRacy } from '../../disk/disk.ts'
import type { Graft, GraftNode } from '../../endpoint/grafts.ts'
import type { Entry } from '../../endpoint/tree.ts'
import type { RejReason } from '../../wire/change-message.ts'
import type { Exchange } from '../exchange/exchange.ts'

/** Watches folders that are made here. */
export interface NewFolders {
  /** It must be watched, and what a person put there before it was must be found soon. */
  made(entry: Entry): void
  /** A private folder that is about to become the folder `path`: watched from before, it needs no reading afterwards. */
  ahead(path: Path, own: string): void
  /** It did not become that. */
  failed(path: Path): void
}

/**
 * Puts staged subtrees to their place. Only where nothing at all is known at and below the path, so that no rule of the
 * state table has to be asked about any path but the topmost; everything else goes path by path.
 */
export class GraftIntake {
  private readonly x: Exchange
  private readonly folders: NewFolders

  constructor(exchange: Exchange, folders: NewFolders) {
    this.x = exchange
    this.folders = folders
  }

  /** Moves it to `entry`'s path, where nothing stands. @returns why it was not done; the subtree is gone in any case */
  plant(entry: Entry, graft: Graft): RejReason | undefined {
    const { applier, grafts } = this.x.replica
    const isBlank = this.isBlankBelow(entry)
    if (isBlank) this.watchAhead(graft)
    const outcome = isBlank ? applier.plant(graft.path, graft) : undefined
    if (outcome?.result === 'done') {
      this.attach(entry, graft.root)
      // The one that was moved: its watch would have told of the move under its private name.
      this.folders.made(entry)
      return undefined
    }
    if (isBlank) for (const [name] of foldersIn(graft.root)) this.folders.failed(joinPath(graft.path, name))
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

  /** Those below the topmost. What is in them stands for itself: in private nobody else was there. */
  private watchAhead(graft: Graft): void {
    const watch = (path: Path, own: string, node: GraftNode) => {
      for (const [name, child] of foldersIn(node)) {
        const [below, ownBelow] = [joinPath(path, name), `${own}/${name}`]
        this.folders.ahead(below, ownBelow)
        watch(below, ownBelow, child)
      }
    }
    watch(graft.path, graft.name, graft.root)
  }

  private attach(entry: Entry, { token, stat, children }: GraftNode): void {
    const { x } = this
    entry.current = token
    entry.key = stat
    entry.shadow = false
    x.agree(entry, token)
    if (token === folder) x.replica.renamed.note(entry)
    else {
      entry.racy = isStampRacy(x.replica.disk, stat)
      if (entry.racy) x.holds.later(entry, x.clock.monotonic(), granuleMs(x.replica.disk) + 1)
    }
    if (children === undefined) return
    for (const [name, node] of children) {
      const child = x.replica.tree.child(entry, name)
      this.attach(child, node)
    }
  }
}

function foldersIn({ children }: GraftNode): [string, GraftNode][] {
  return [...(children ?? [])].filter(([, { token }]) => token === folder)
}
