import type { Clock } from '../base/clock.ts'
import { errnoOf } from '../base/errors.ts'
import { type Disk, inOwn } from '../disk/disk.ts'

const retryMs = 5_000

/** Removes private files; what the system refuses to remove is tried again later. */
export class Litter {
  private readonly disk: Disk
  private readonly clock: Clock
  private readonly names = new Set<string>()
  private dueMs = Number.POSITIVE_INFINITY

  constructor(disk: Disk, clock: Clock) {
    this.disk = disk
    this.clock = clock
  }

  due(): number {
    return this.dueMs
  }

  remove(name: string): void {
    try {
      this.disk.unlink(inOwn(name))
    } catch (error) {
      const code = errnoOf(error)
      if (code === undefined) throw error
      if (code === 'ENOENT') return
      this.names.add(name)
      this.dueMs = this.clock.monotonic() + retryMs
    }
  }

  tick(nowMs: number): void {
    if (nowMs < this.dueMs) return
    this.dueMs = Number.POSITIVE_INFINITY
    const names = [...this.names]
    this.names.clear()
    for (const name of names) this.remove(name)
  }
}
