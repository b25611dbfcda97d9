import type { Token } from '../../core/content.ts'
import type { Path } from '../../core/path.ts'
import type { JournalRecord } from './journal.ts'

export interface EpochHistoryLimits {
  /** An epoch in which more paths change than this is over soon. */
  paths: number
  /** Of one path. */
  versions: number
  /** Beside one of each path, in all. */
  moreVersions: number
}

const usualLimits: EpochHistoryLimits = { paths: 100_000, versions: 1_000, moreVersions: 100_000 }

/**
 * What was agreed on, path by path, since the pod's copy got its present epoch. An agent without memory may stand on a
 * volume that came back from within the epoch: what it holds is then one of these, and no edit. What was too much to
 * remember costs a conflict copy: then nobody knows what the pod's version is based on.
 */
export class EpochHistory {
  private readonly limits: EpochHistoryLimits
  /** A set, oldest first, only where there is more than one: a first sync adds one for every path. */
  private readonly tokens = new Map<Path, Token | Set<Token>>()
  private moreVersions = 0

  constructor(limits = usualLimits) {
    this.limits = limits
  }

  add(path: Path, token: Token): void {
    const known = this.tokens.get(path)
    if (known === token) return
    if (known === undefined) {
      if (!this.isFull) this.tokens.set(path, token)
      return
    }
    const versions = typeof known === 'object' ? known : new Set([known])
    if (versions.has(token)) return
    versions.add(token)
    this.moreVersions += 1
    if (versions.size > this.limits.versions || this.moreVersions > this.limits.moreVersions) {
      const [oldest] = versions
      versions.delete(oldest!)
      this.moreVersions -= 1
    }
    this.tokens.set(path, versions)
  }

  has(path: Path, token: Token): boolean {
    const known = this.tokens.get(path)
    return typeof known === 'object' ? known.has(token) : known === token
  }

  /** True where something else was agreed on before in this epoch, or may have been. */
  moved(path: Path): boolean {
    return this.isFull || this.tokens.has(path)
  }

  clear(): void {
    this.tokens.clear()
    this.moreVersions = 0
  }

  *records(): Generator<JournalRecord> {
    for (const [path, tokens] of this.tokens) {
      for (const token of typeof tokens === 'object' ? tokens : [tokens]) yield { type: 'was', path, token }
    }
  }

  /** Others may have moved, too. */
  private get isFull(): boolean {
    return this.tokens.size >= this.limits.paths
  }
}
