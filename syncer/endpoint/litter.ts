import type { Clock } from '../base/clock.ts'
import { errnoOf } from '../base/errors.ts'
import { type Disk, inOwn } from '../disk/disk.ts'

const retryMs = 5_000

/** Removes private files and folders; what the system refuses to remove is tried again later. */
export class Litter {
  private readonly disk: Disk
  private readonly clock: Clock
  private readonly names = new Set<string>()
  private readonly folders = new Set<string>()
  private dueMs = Number.POSITIVE_INFINITY

  constructor(disk: Disk, clock: Clock) {
    this.disk = disk
    this.clock = clock
  }

  due(): number {
    return this.dueMs
  }

  remove(name: string): void {
    this.attempt(name, this.names, () => this.disk.unlink(inOwn(name)))
  }

  /** A private folder with everything in it. */
  removeFolder(name: string): void {
    this.attempt(name, this.folders, () => this.disk.removeOwn(name))
  }

  private attempt(name: string, later: Set<string>, removal: () => void): void {
    try {
      removal()
    } catch (error) {
      const code = errnoOf(error)
      if (code === undefined) throw error
      if (code === 'ENOENT') return
      later.add(name)
      this.dueMs = this.clock.monotonic() + retryMs
    }
  }

  tick(nowMs: number): void {
    if (nowMs < this.dueMs) return
    this.dueMs = Number.POSITIVE_INFINITY
    const [names, folders] = [[...this.names], [...this.folders]]
    this.names.clear()
    this.folders.clear()
    for (const name of names) this.remove(name)
    for (const name of folders) this.removeFolder(name)
  }
}
