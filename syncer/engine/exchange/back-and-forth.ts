import type { Token } from '../../core/content.ts'
import type { Entry } from '../../endpoint/tree.ts'

/** So many times the same two contents in turn, within so long, in ms: no person does that. */
const turnsMax = 5
const withinMs = 10_000
const entriesMax = 1_000

interface Turns {
  /** What the other end made of it, and what it became here then. */
  theirs: Token
  ours: Token | undefined
  count: number
  sinceMs: number
  /** Theirs came after ours went. */
  isOurTurn: boolean
}

/** Notices that programs at both ends undo each other's change of a file again and again: formatters that disagree. */
export class BackAndForth {
  private readonly turns = new Map<Entry, Turns>()

  /** The other end's change was taken. */
  came(entry: Entry, token: Token): void {
    const turns = this.turns.get(entry)
    if (turns?.theirs === token) {
      turns.isOurTurn = true
      return
    }
    this.turns.delete(entry)
    this.turns.set(entry, { theirs: token, ours: undefined, count: 0, sinceMs: 0, isOurTurn: true })
    if (this.turns.size > entriesMax) this.turns.delete(this.turns.keys().next().value!)
  }

  /** @returns whether this change is to wait: it would be one turn more than a person would take */
  isTooMuch(entry: Entry, token: Token, nowMs: number): boolean {
    const turns = this.turns.get(entry)
    if (turns === undefined || !turns.isOurTurn) return false
    turns.isOurTurn = false
    if (turns.ours !== token || nowMs - turns.sinceMs > withinMs) {
      turns.ours = token
      turns.count = 0
      turns.sinceMs = nowMs
    }
    turns.count += 1
    return turns.count > turnsMax
  }
}
