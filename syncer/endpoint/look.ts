import type { Clock } from '../base/clock.ts'
import { errnoOf } from '../base/errors.ts'
import type { BlockMarks } from '../core/block-marks.ts'
import { absent, fileToken, folder, hashOf, isExecutable, linkToken, type Token, unreadFile } from '../core/content.ts'
import { contentHash, type Grain, grainOfFiles } from '../core/content-sum.ts'
import type { Path } from '../core/path.ts'
import { type Disk, inTree, type Stat } from '../disk/disk.ts'
import { KnownBlocks } from './known-blocks.ts'
import { LargeFiles } from './large-files.ts'
import { type FileBlocks, SlicedSum, SliceMemory } from './sliced-sum.ts'
import { Stamps } from './stamps.ts'
import { sameKey } from './stat-columns.ts'
import type { Entry } from './tree.ts'

const ownerExecute = 0o100

export type Look =
  | { state: 'known'; token: Token; bytes?: Buffer }
  /** It is being written, or, `isReading`, a large file is still being hashed: look again, then at once. */
  | { state: 'busy'; isReading?: true }
  /** Nothing that can travel: a socket, a mount point, a file that may not be read, of which the disk showed `stat`. */
  | { state: 'barred'; code: string; stat?: Stat }

interface Job {
  sum: SlicedSum
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
  private readonly sawFolder: (entry: Entry) => void
  private readonly jobs = new Map<Entry, Job>()
  private readonly grain: Grain
  private readonly blocks = new KnownBlocks()
  readonly large = new LargeFiles()
  readonly stamps: Stamps
  /** For a slice of a large file, while one is read. */
  private readonly memory: SliceMemory
  /** What blocks of large files are told by to the other end. */
  readonly measure: BlockMarks | undefined

  /** @param sawFolder told of each folder that was looked at */
  constructor(
    disk: Disk,
    clock: Clock,
    sawFolder: (entry: Entry) => void,
    grain = grainOfFiles,
    measure: BlockMarks | undefined = undefined,
  ) {
    this.disk = disk
    this.grain = grain
    this.memory = new SliceMemory(grain)
    this.measure = measure
    this.stamps = new Stamps(disk, clock)
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
          if (this.isLarge(stat)) this.large.note(entry)
          if (!entry.racy && entry.isKey(stat)) {
            const token = entry.current
            if (token !== unreadFile) return known(token)
          }
          return this.isLarge(stat)
            ? this.lookInSlices(entry, path, stat)
            : this.lookWhole(entry, path, stat, wantBytes)
        default:
          return { state: 'barred', code: 'unsupported-type' }
      }
    } catch (error) {
      const code = errnoOf(error)
      if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EINVAL' || code === 'ELOOP') return { state: 'busy' }
      return barred(error, stat)
    }
  }

  /** Reads a small file that may be written to yet, and learns nothing of it: what it holds if it stays as `stat` tells. */
  peek(entry: Entry, path: Path, stat: Stat): { token: Token; bytes: Buffer } | undefined {
    try {
      const { bytes, stat: after } = this.disk.read(inTree(path), stat.size)
      if (!sameKey(stat, after) || bytes.length !== stat.size) return undefined
      return { token: fileToken(contentHash(bytes, this.grain), this.isExecutable(entry, after)), bytes }
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      return undefined
    }
  }

  /** Takes note of a file without reading it: {@link unreadFile}. */
  note(entry: Entry, stat: Stat): void {
    this.learn(entry, unreadFile, stat)
  }

  /**
   * Reads and hashes a file of which only a {@link Looker.note} was taken, into memory of the caller's of that size.
   * @returns whether it is known now; else it changes just now, is large, or cannot be read
   */
  readNoted(entry: Entry, path: Path, target: Buffer): boolean {
    const startedNs = this.stamps.nowNs()
    let after: Stat | undefined
    try {
      after = this.disk.readInto(inTree(path), target)
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
    }
    if (after === undefined || !entry.isKey(after) || this.isLarge(after) || this.stamps.isRacy(after, startedNs))
      return false
    this.hashedBytes += target.length
    entry.current = fileToken(contentHash(target, this.grain), this.isExecutable(entry, after))
    return true
  }

  isLarge(stat: Stat): boolean {
    return stat.kind === 'file' && stat.size > this.grain.smallBytesMax
  }

  get isReading(): boolean {
    return this.jobs.size > 0
  }

  /** Goes on with what is being read in slices, until `isOver`. @returns true when nothing is left of it */
  readOn(isOver: () => boolean): boolean {
    for (const entry of [...this.jobs.keys()]) {
      while (this.jobs.has(entry)) {
        if (isOver()) return false
        const look = this.look(entry, entry.path)
        if (look.state !== 'busy' || !look.isReading) this.forget(entry)
      }
    }
    return true
  }

  /** What a file was when its reading began, while it is being read in slices. */
  openedOf(entry: Entry): Stat | undefined {
    return this.jobs.get(entry)?.sum.opened
  }

  /** What its blocks are told by, if it is being read. */
  marksOf(entry: Entry): BlockMarks | undefined {
    return this.jobs.has(entry) ? this.measure : undefined
  }

  /** The blocks of a large file's content that was read here not long ago. */
  blocksOf(token: Token): FileBlocks | undefined {
    return this.blocks.of(hashOf(token))
  }

  /** Frees what a look in slices holds. */
  forget(entry: Entry): void {
    const job = this.jobs.get(entry)
    if (job === undefined) return
    this.jobs.delete(entry)
    if (this.jobs.size === 0) this.memory.giveBack()
    job.sum.close()
  }

  close(): void {
    for (const { sum } of this.jobs.values()) sum.close()
    this.jobs.clear()
    this.memory.giveBack()
  }

  /** The wall clock was set back: what was learnt of these entries counts as long as their stamps cannot come again. */
  clockWentBack(entries: Iterable<Entry>): void {
    const presentNs = this.stamps.presentNs()
    for (const job of this.jobs.values()) job.startedNs = this.stamps.nowNs()
    for (const entry of entries) {
      const { key } = entry
      if (key !== null && key.kind !== 'dir' && key.ctimeNs >= presentNs) entry.racy = true
    }
  }

  private lookAtLink(entry: Entry, path: Path, stat: Stat): Look {
    if (!entry.racy && entry.isKey(stat)) return known(entry.current)
    const startedNs = this.stamps.nowNs()
    const look = this.learn(entry, linkToken(this.disk.readlink(inTree(path))), stat)
    // Another link may get its inode number, and its times.
    entry.racy = this.stamps.isRacy(stat, startedNs)
    return look
  }

  private lookWhole(entry: Entry, path: Path, before: Stat, wantBytes: boolean): Look {
    const startedNs = this.stamps.nowNs()
    const { bytes, stat: after } = this.disk.read(inTree(path), before.size)
    if (!sameKey(before, after) || bytes.length !== before.size) return { state: 'busy' }
    this.hashedBytes += bytes.length
    this.learn(entry, fileToken(contentHash(bytes, this.grain), this.isExecutable(entry, after)), after)
    entry.racy = this.stamps.isRacy(after, startedNs)
    return wantBytes ? { state: 'known', token: entry.current, bytes } : known(entry.current)
  }

  private lookInSlices(entry: Entry, path: Path, stat: Stat): Look {
    let job = this.jobs.get(entry)
    if (job !== undefined && !sameKey(job.sum.opened, stat)) {
      this.forget(entry)
      job = undefined
    }
    if (job === undefined) {
      const startedNs = this.stamps.nowNs()
      const marking = this.measure && { measure: this.measure, before: this.blocksBefore(entry, stat) }
      job = { sum: new SlicedSum(this.disk.open(inTree(path)), this.grain, marking), startedNs }
      this.jobs.set(entry, job)
    }
    const { sum } = job
    const before = sum.readBytes
    const result = sum.step(this.memory.get())
    this.hashedBytes += sum.readBytes - before
    if (result === 'more') return { state: 'busy', isReading: true }
    this.forget(entry)
    if (result === 'changed') return { state: 'busy' }
    this.learn(entry, fileToken(result.hash, this.isExecutable(entry, result.stat)), result.stat)
    if (result.blocks !== undefined) this.blocks.keep(result.hash, result.blocks)
    entry.racy = this.stamps.isRacy(result.stat, job.startedNs)
    return known(entry.current)
  }

  /** Of what stood here, or of what had its inode elsewhere: most of it may be there still. */
  private blocksBefore(entry: Entry, { ino }: Stat): FileBlocks | undefined {
    const renamed = () => this.large.find(({ key }) => key?.ino === ino)
    return this.blocksOf(entry.current) ?? this.blocksOf(renamed()?.current ?? absent)
  }

  /** Where files have no such bit it is what both ends agreed on: an edit here does not take it away there. */
  private isExecutable(entry: Entry, stat: Stat): boolean {
    return this.disk.modesKept ? (stat.mode & ownerExecute) !== 0 : isExecutable(entry.agreed)
  }

  private learn(entry: Entry, token: Token, stat: Stat | null): Look {
    this.forget(entry)
    entry.current = token
    entry.key = stat
    entry.racy = false
    return known(token)
  }
}

function known(token: Token): Look {
  return { state: 'known', token }
}

function barred(error: unknown, stat?: Stat): Look {
  const code = errnoOf(error)
  if (code === undefined) throw error
  return { state: 'barred', code, ...(stat && { stat }) }
}
