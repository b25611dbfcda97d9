import type { Stat } from '../disk/disk.ts'
import type { Litter } from './litter.ts'

/** Above these the oldest go. */
const awaitedMax = 1_000
const awaitedBytesMax = 256 * 1024 * 1024

/** What is in the trash only because a program watches it. */
export class AwaitedFiles {
  private readonly litter: Litter
  private readonly isWatched: ((inode: bigint) => boolean) | undefined
  /** Bytes by name; oldest first. */
  private readonly awaited = new Map<string, number>()
  private awaitedBytes = 0

  /** @param isWatched whether a program waits for changes of the file with this inode */
  constructor(litter: Litter, isWatched: ((inode: bigint) => boolean) | undefined) {
    this.litter = litter
    this.isWatched = isWatched
  }

  has(name: string): boolean {
    return this.awaited.has(name)
  }

  /** Whether it stays because a program watches it; to make room for it the oldest of those go. */
  takes(name: string, { kind, ino, size }: Stat): boolean {
    if (kind !== 'file' || size > awaitedBytesMax || !this.isWatched?.(ino)) return false
    this.forget(name)
    for (const oldest of this.awaited.keys()) {
      if (this.awaited.size < awaitedMax && this.awaitedBytes + size <= awaitedBytesMax) break
      this.forget(oldest)
      this.litter.remove(oldest)
    }
    this.awaited.set(name, size)
    this.awaitedBytes += size
    return true
  }

  forget(name: string): void {
    this.awaitedBytes -= this.awaited.get(name) ?? 0
    this.awaited.delete(name)
  }
}
