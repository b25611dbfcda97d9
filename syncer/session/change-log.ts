import type { Path } from '../core/path.ts'

const pathsMax = 20

/** Paths that came into step in a while: how many, and some of them. */
export interface Changes {
  count: number
  paths: Path[]
}

/** Gathers changes, which may come by the thousand, into one piece of news. */
export class ChangeLog {
  private sent: Changes = { count: 0, paths: [] }
  private received: Changes = { count: 0, paths: [] }

  add(path: Path, direction: 'out' | 'in'): void {
    const changes = direction === 'out' ? this.sent : this.received
    changes.count += 1
    if (changes.paths.length < pathsMax && !changes.paths.includes(path)) changes.paths.push(path)
  }

  /** What came together since the last time; undefined where that is nothing. */
  take(): { sent: Changes; received: Changes } | undefined {
    const { sent, received } = this
    if (sent.count + received.count === 0) return undefined
    this.sent = { count: 0, paths: [] }
    this.received = { count: 0, paths: [] }
    return { sent, received }
  }
}
