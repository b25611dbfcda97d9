import { createHash, type Hash, hash } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import { errnoOf } from '../base/errors.ts'
import { absent, fileToken, folder, isExecutable, linkToken, type Token, unreadFile } from '../core/content.ts'
import type { Path } from '../core/path.ts'
import { type Disk, inTree, type OpenFile, type Stat } from '../disk/disk.ts'
import { sameKey } from './stat-columns.ts'
import type { Entry } from './tree.ts'

/** Files up to this size are read and hashed in one step; larger ones in slices, one for each call. */
export const wholeReadBytesMax = 8 * 1024 * 1024
const sliceBytes = 4 * 1024 * 1024
const ownerExecute = 0o100

export type Look =
  | { state: 'known'; token: Token; bytes?: Buffer }
  /** It is being written, or a large file is still being hashed: look again. */
  | { state: 'busy' }
  /** Nothing that can travel: a socket, a mount point, a file that may not be read. */
  | { state: 'barred'; code: string }

interface Job {
  file: OpenFile
  key: Stat
  hash: Hash
  offset: number
  startedNs: bigint
}

/**
 * Tells what stands at a path now. A hash is taken from the entry while the disk shows the same inode, size and times;
 * otherwise the file is read, with its stat before and after compared, so that a file that changes meanwhile is never
 * taken for whole.
 */
export class Looker {
  /** Bytes read to hash, since the start. */
  hashedBytes = 0
  private readonly disk: Disk
  private readonly clock: Clock
  private readonly sawFolder: (entry: Entry) => void
  private readonly jobs = new Map<Entry, Job>()

  /** @param sawFolder told of each folder that was looked at */
  constructor(disk: Disk, clock: Clock, sawFolder: (entry: Entry) => void) {
    this.disk = disk
    this.clock = clock
    this.sawFolder = sawFolder
  }

  /** @param wantBytes also give the content where the file had to be read anyway (small files only) */
  look(entry: Entry, path: Path, wantBytes = false): Look {
    let stat: Stat | null
    try {
      stat = this.disk.stat(inTree(path))
    } catch (error) {
      return barred(error)
    }
    return this.lookFrom(entry, path, stat, wantBytes)
  }

  /** Like {@link Looker.look}, from a stat that was taken just now. */
  lookFrom(entry: Entry, path: Path, stat: Stat | null, wantBytes = false): Look {
    if (stat === null) return this.learn(entry, absent, null)
    if (stat.mount) return { state: 'barred', code: 'mount-point' }
    try {
      switch (stat.kind) {
        case 'dir':
          this.learn(entry, entry.shadow ? absent : folder, stat)
          this.sawFolder(entry)
          return known(entry.current)
        case 'link':
          return this.lookAtLink(entry, path, stat)
        case 'file':
          if (entry.current !== unreadFile && !entry.racy && entry.isKey(stat)) return known(entry.current)
          return stat.size > wholeReadBytesMax
            ? this.lookInSlices(entry, path, stat)
            : this.lookWhole(entry, path, stat, wantBytes)
        default:
          return { state: 'barred', code: 'unsupported-type' }
      }
    } catch (error) {
      const code = errnoOf(error)
      if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EINVAL' || code === 'ELOOP') return { state: 'busy' }
      return barred(error)
    }
  }

  /** Takes note of a file without reading it: {@link unreadFile}. */
  note(entry: Entry, stat: Stat): void {
    this.learn(entry, unreadFile, stat)
  }

  /** Frees what a look in slices holds. */
  forget(entry: Entry): void {
    const job = this.jobs.get(entry)
    if (job === undefined) return
    this.jobs.delete(entry)
    job.file.close()
  }

  close(): void {
    for (const job of this.jobs.values()) job.file.close()
    this.jobs.clear()
  }

  /** Was the change so recent that another could follow with the same time stamps? */
  isRacy(stat: Stat, readStartedNs: bigint): boolean {
    return stat.ctimeNs >= readStartedNs - this.disk.timestampGranuleNs
  }

  nowNs(): bigint {
    return BigInt(Math.floor(this.clock.now() * 1000)) * 1000n
  }

  private lookAtLink(entry: Entry, path: Path, stat: Stat): Look {
    if (!entry.racy && entry.isKey(stat)) return known(entry.current)
    const startedNs = this.nowNs()
    const look = this.learn(entry, linkToken(this.disk.readlink(inTree(path))), stat)
    // Another link may get its inode number, and its times.
    entry.racy = this.isRacy(stat, startedNs)
    return look
  }

  private lookWhole(entry: Entry, path: Path, before: Stat, wantBytes: boolean): Look {
    const startedNs = this.nowNs()
    const { bytes, stat: after } = this.disk.read(inTree(path), before.size)
    if (!sameKey(before, after) || bytes.length !== before.size) return { state: 'busy' }
    this.hashedBytes += bytes.length
    this.learn(entry, fileToken(hash('sha256', bytes, 'hex'), this.isExecutable(entry, after)), after)
    entry.racy = this.isRacy(after, startedNs)
    return wantBytes ? { state: 'known', token: entry.current, bytes } : known(entry.current)
  }

  private lookInSlices(entry: Entry, path: Path, stat: Stat): Look {
    let job = this.jobs.get(entry)
    if (job !== undefined && !sameKey(job.key, stat)) {
      this.forget(entry)
      job = undefined
    }
    if (job === undefined) {
      const startedNs = this.nowNs()
      const file = this.disk.open(inTree(path))
      job = { file, key: file.opened, hash: createHash('sha256'), offset: 0, startedNs }
      this.jobs.set(entry, job)
    }
    const bytes = job.file.read(job.offset, sliceBytes)
    job.hash.update(bytes)
    job.offset += bytes.length
    this.hashedBytes += bytes.length
    if (bytes.length === sliceBytes && job.offset < job.key.size) return { state: 'busy' }
    const after = job.file.stat()
    const whole = sameKey(job.key, after) && job.offset === job.key.size
    this.forget(entry)
    if (!whole) return { state: 'busy' }
    this.learn(entry, fileToken(job.hash.digest('hex'), this.isExecutable(entry, after)), after)
    entry.racy = this.isRacy(after, job.startedNs)
    return known(entry.current)
  }

  /** Where files have no such bit it is what both ends agreed on: an edit here does not take it away there. */
  private isExecutable(entry: Entry, stat: Stat): boolean {
    return this.disk.modesKept ? (stat.mode & ownerExecute) !== 0 : isExecutable(entry.agreed)
  }

  private learn(entry: Entry, token: Token, stat: Stat | null): Look {
    entry.current = token
    entry.key = stat
    entry.racy = false
    return known(token)
  }
}

function known(token: Token): Look {
  return { state: 'known', token }
}

function barred(error: unknown): Look {
  const code = errnoOf(error)
  if (code === undefined) throw error
  return { state: 'barred', code }
}
