import { errnoOf, ProtocolError } from '../base/errors.ts'
import { fileToken, hashOf, isExecutable, type Token } from '../core/content.ts'
import { ContentSum, contentHash, type Grain, grainOfFiles } from '../core/content-sum.ts'
import { type Disk, inOwn, type NewFile, type Place, type Stat } from '../disk/disk.ts'
import type { Content } from '../wire/content-message.ts'
import type { Litter } from './litter.ts'

const copyBytes = 4 * 1024 * 1024

/** A private file with checked content, ready to be moved to its place. */
export interface StagedFile {
  name: string
  token: Token
  mode: number
  stat: Stat
}

/** Content that came inside a message, before there is a file of it. */
export interface UnstagedFile {
  bytes: Uint8Array
  mode: number
  /** Its time at this end. */
  mtimeMs: number
}

export type StageResult = 'partial' | 'staged' | 'damaged' | 'failed'

interface Running {
  id: number
  token: Token
  name: string
  file: NewFile
  sum: ContentSum
  offset: number
}

/** How new files get their times at this end. */
export interface FileStamp {
  /**
   * @param mtimeMs modification time at the sender
   * @param live an edit of now, as against content of a first sync
   * @returns the time to stamp it with: always so far in the past that any later write shows another time
   */
  time(mtimeMs: number, live: boolean): number
}

/**
 * Content that waits for its PUT, by number of the transfer. Kept from the first byte under a name of its own, checked
 * by its hash at the end; nothing of it is visible in the tree.
 */
export class Stage {
  private readonly disk: Disk
  private readonly litter: Litter
  private readonly stamp: FileStamp
  private readonly prefix: string
  private readonly newId: () => string
  private readonly grain: Grain
  private readonly ready = new Map<number, StagedFile>()
  private running: Running | undefined
  /** Why the last part was not taken. */
  failure = ''

  /** @param owner whose files these are; what carries that name at start is left over */
  constructor(disk: Disk, litter: Litter, stamp: FileStamp, owner: string, newId: () => string, grain = grainOfFiles) {
    this.disk = disk
    this.grain = grain
    this.litter = litter
    this.stamp = stamp
    this.prefix = `stage-${owner}-`
    this.newId = newId
  }

  /** A private name for something on its way to its place. */
  newName(): string {
    return this.prefix + this.newId()
  }

  /** Takes one part. After `damaged` or `failed` the rest of the transfer is skipped. */
  add(part: Content): StageResult {
    try {
      return part.offset === 0 && part.last ? this.addWhole(part) : this.addPart(part)
    } catch (error) {
      const code = errnoOf(error)
      if (code === undefined) throw error
      this.failure = code
      this.dropRunning()
      return 'failed'
    }
  }

  /** Makes a staged file of content that came inside a message. Undefined where it is not what its token says. */
  write(token: Token, bytes: Uint8Array, mtimeMs: number, live: boolean, mode?: number): StagedFile | undefined {
    return this.writeAs(this.newName(), token, bytes, mtimeMs, live, mode)
  }

  /** Like {@link write}, but the file is made later, by whoever gets this. */
  plan(token: Token, bytes: Uint8Array, mtimeMs: number, live: boolean, mode: number): UnstagedFile | undefined {
    if (contentHash(bytes, this.grain) !== hashOf(token)) return undefined
    return { bytes, mode, mtimeMs: this.stamp.time(mtimeMs, live) }
  }

  /** {@link write} under a name in a private folder. */
  writeAs(
    name: string,
    token: Token,
    bytes: Uint8Array,
    mtimeMs: number,
    live: boolean,
    mode = this.defaultMode(token),
  ): StagedFile | undefined {
    if (contentHash(bytes, this.grain) !== hashOf(token)) return undefined
    const file = this.disk.create(name, mode)
    try {
      file.write(bytes)
    } catch (error) {
      file.close()
      this.litter.remove(name)
      throw error
    }
    return this.finish(name, file, token, mtimeMs, live, mode)
  }

  /**
   * Copies a file's content, of any size, into a new staged file.
   * @param mode permission bits of the copy
   */
  private copy(read: (offset: number) => Buffer, mtimeMs: number, mode: number): StagedFile {
    const name = this.newName()
    const file = this.disk.create(name)
    const sum = new ContentSum(this.grain)
    try {
      for (let offset = 0; ; ) {
        const bytes = read(offset)
        if (bytes.length === 0) break
        sum.update(bytes)
        file.write(bytes)
        offset += bytes.length
      }
    } catch (error) {
      file.close()
      this.litter.remove(name)
      throw error
    }
    const token = fileToken(sum.digest().hash, (mode & 0o100) !== 0)
    return this.finish(name, file, token, mtimeMs, true, mode)
  }

  /** The content of a private or public file as a staged one, whatever it is by now. */
  copyOf(at: Place, mtimeMs: number, mode: number): StagedFile {
    const file = this.disk.open(at)
    try {
      return this.copy(offset => file.read(offset, copyBytes), mtimeMs, mode)
    } finally {
      file.close()
    }
  }

  /** The file of a finished transfer; the caller owns it from now on. */
  take(id: number): StagedFile | undefined {
    const staged = this.ready.get(id)
    this.ready.delete(id)
    return staged
  }

  discard(staged: StagedFile): void {
    this.litter.remove(staged.name)
  }

  /** Ends what was under way. */
  clear(): void {
    this.dropRunning()
    for (const staged of this.ready.values()) this.litter.remove(staged.name)
    this.ready.clear()
  }

  /** At start: what an earlier process was writing. @param inUse names that are others' business */
  removeLeftOver(inUse: Iterable<string> = []): void {
    const current = new Set(inUse)
    for (const { name } of this.ready.values()) current.add(name)
    if (this.running !== undefined) current.add(this.running.name)
    for (const name of this.disk.listOwn()) {
      if (!name.startsWith(this.prefix) || current.has(name)) continue
      if (this.disk.stat(inOwn(name))?.kind === 'dir') this.litter.removeFolder(name)
      else this.litter.remove(name)
    }
  }

  private addWhole(part: Content): StageResult {
    this.dropRunning()
    const staged = this.write(part.token, part.bytes, part.mtimeMs, false)
    if (staged === undefined) return 'damaged'
    this.ready.set(part.id, staged)
    return 'staged'
  }

  private addPart(part: Content): StageResult {
    if (part.offset === 0) this.begin(part)
    const running = this.running
    if (running === undefined || running.id !== part.id) return 'partial'
    if (running.offset !== part.offset || running.token !== part.token) throw new ProtocolError('content out of order')
    running.file.write(part.bytes)
    running.sum.update(part.bytes)
    running.offset += part.bytes.length
    if (!part.last) return 'partial'
    this.running = undefined
    if (running.sum.digest().hash !== hashOf(part.token)) {
      running.file.close()
      this.litter.remove(running.name)
      return 'damaged'
    }
    this.ready.set(part.id, this.finish(running.name, running.file, part.token, part.mtimeMs, false))
    return 'staged'
  }

  private begin(part: Content): void {
    this.dropRunning()
    const name = this.newName()
    const file = this.disk.create(name)
    this.running = { id: part.id, token: part.token, name, file, sum: new ContentSum(this.grain), offset: 0 }
  }

  private finish(
    name: string,
    file: NewFile,
    token: Token,
    mtimeMs: number,
    live: boolean,
    mode = this.defaultMode(token),
  ): StagedFile {
    try {
      const stat = file.finish({ mode, mtimeMs: this.stamp.time(mtimeMs, live) })
      return { name, token, mode, stat }
    } catch (error) {
      this.litter.remove(name)
      throw error
    }
  }

  /** Permissions of a file that is new at this end. */
  defaultMode(token: Token): number {
    return (isExecutable(token) ? 0o777 : 0o666) & ~this.disk.umask
  }

  private dropRunning(): void {
    const running = this.running
    if (running === undefined) return
    this.running = undefined
    running.file.close()
    this.litter.remove(running.name)
  }
}
