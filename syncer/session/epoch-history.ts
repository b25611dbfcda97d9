import type { Token } from '../core/content.ts'
import type { Path } from '../core/path.ts'
import type { JournalRecord } from './journal.ts'

/** Entries that are remembered; an epoch with more changes than this is over soon. */
const pathsMax = 100_000

/**
 * What was agreed on, path by path, since the pod's copy got its present epoch. An agent without memory may stand on a
 * volume that came back from within the epoch: what it holds is then one of these, and no edit.
 */
export class EpochHistory {
  private readonly tokens = new Map<Path, Set<Token>>()

  add(path: Path, token: Token): void {
    const known = this.tokens.get(path)
    if (known !== undefined) known.add(token)
    else if (this.tokens.size < pathsMax) this.tokens.set(path, new Set([token]))
  }

  has(path: Path, token: Token): boolean {
    return this.tokens.get(path)?.has(token) === true
  }

  /** True where something else was agreed on before in this epoch. */
  moved(path: Path): boolean {
    return this.tokens.has(path)
  }

  clear(): void {
    this.tokens.clear()
  }

  *records(): Generator<JournalRecord> {
    for (const [path, tokens] of this.tokens) for (const token of tokens) yield { type: 'was', path, token }
  }
}
