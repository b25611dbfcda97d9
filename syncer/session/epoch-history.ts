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
  /** A set only where there is more than one: a first sync adds one for every path. */
  private readonly tokens = new Map<Path, Token | Set<Token>>()

  add(path: Path, token: Token): void {
    const known = this.tokens.get(path)
    if (typeof known === 'object') known.add(token)
    else if (known !== undefined) this.tokens.set(path, new Set([known, token]))
    else if (this.tokens.size < pathsMax) this.tokens.set(path, token)
  }

  has(path: Path, token: Token): boolean {
    const known = this.tokens.get(path)
    return typeof known === 'object' ? known.has(token) : known === token
  }

  /** True where something else was agreed on before in this epoch. */
  moved(path: Path): boolean {
    return this.tokens.has(path)
  }

  clear(): void {
    this.tokens.clear()
  }

  *records(): Generator<JournalRecord> {
    for (const [path, tokens] of this.tokens) {
      for (const token of typeof tokens === 'object' ? tokens : [tokens]) yield { type: 'was', path, token }
    }
  }
}
