import type { Entry } from '../../endpoint/tree.ts'

/**
 * Subtrees that have not taken their place at the other end, and paths in them: fewer than it holds. Their PUTs travel on
 * the other lane, which may be late by any time.
 */
const graftsMax = 500
const membersMax = 250_000

/** Counts the subtrees that were sent and have no place yet. */
export class UnplacedGrafts {
  /** Paths of each, by its topmost folder. */
  private readonly byTop = new Map<Entry, number>()
  private members = 0

  get isFull(): boolean {
    return this.byTop.size >= graftsMax || this.members >= membersMax
  }

  sent(top: Entry, members: number): void {
    this.placed(top)
    this.byTop.set(top, members)
    this.members += members
  }

  /** It stands at its place, or is given up: the other end holds nothing of it any more. */
  placed(top: Entry): void {
    this.members -= this.byTop.get(top) ?? 0
    this.byTop.delete(top)
  }

  clear(): void {
    this.byTop.clear()
    this.members = 0
  }
}
