import { hash } from 'node:crypto'
import type { Clock } from '../../syncer/base/clock.ts'
import { errnoOf } from '../../syncer/base/errors.ts'
import { absent, folder, isExecutable, kindOf, linkTargetOf, type Token } from '../../syncer/core/content.ts'
import { joinPath, type Path } from '../../syncer/core/path.ts'
import { type Disk, inOwn, inTree, type Stat } from '../../syncer/disk/disk.ts'
import type { Message } from './model-message.ts'
import type { Rule } from './model-rules.ts'
import { type Content, contentAt, copyPath, ModelTrash, makeParents } from './model-trash.ts'
import type { EndPorts } from './subject.ts'

const stampAgoMs = 20
const stageLifeMs = 30_000

/** One end's folder: what stands there, and how it is changed without losing anything. */
export class ModelFiles {
  readonly trash: ModelTrash
  readonly #disk: Disk
  readonly #clock: Clock
  readonly #without: ReadonlySet<Rule>
  readonly #freshId: () => string
  readonly #cache = new Map<Path, { stat: Stat; token: Token }>()
  readonly #stages = new Map<Path, { name: string; token: Token; sinceMs: number }>()
  /** Private files that the system did not let us remove yet. */
  readonly #undiscarded = new Set<string>()
  #recovered = false
  #wallAhead = Number.NEGATIVE_INFINITY

  readonly #ignored: (path: Path) => boolean
  readonly #isAgreedFolder: (path: Path) => boolean

  /**
   * @param touched told of paths that were changed on our own account
   * @param isAgreedFolder whether both ends agreed on a folder there
   */
  constructor(
    ports: EndPorts<Message>,
    without: ReadonlySet<Rule>,
    touched: (path: Path) => void,
    isAgreedFolder: (path: Path) => boolean,
  ) {
    this.#disk = ports.disk
    this.#ignored = ports.ignored
    this.#isAgreedFolder = isAgreedFolder
    this.#clock = ports.clock
    this.#without = without
    this.#freshId = () => Math.floor(ports.random() * 2 ** 48).toString(36)
    this.trash = new ModelTrash(ports.disk, without, this.#freshId, touched)
  }

  /** Cleans up after an earlier process; before anything else, once. */
  recover(): void {
    if (this.#recovered) return
    const inTree = new Set([...this.scan('').values()].map(stat => stat.ino))
    this.trash.recover(ino => inTree.has(ino), this.#clock.monotonic())
    this.#recovered = true
  }

  due(): number {
    let due = this.#undiscarded.size > 0 ? this.#clock.monotonic() + 200 : this.trash.due()
    for (const stage of this.#stages.values()) due = Math.min(due, stage.sinceMs + stageLifeMs)
    return due
  }

  tick(nowMs: number): void {
    this.trash.tick(nowMs)
    for (const name of [...this.#undiscarded]) {
      this.#undiscarded.delete(name)
      this.#discard(name)
    }
    for (const [path, stage] of this.#stages) if (stage.sinceMs + stageLifeMs <= nowMs) this.dropStage(path)
  }

  /** Every path at and below `from`, parents first. A folder that cannot be read is an error, never an empty one. */
  scan(from: Path): Map<Path, Stat> {
    const found = new Map<Path, Stat>()
    const visit = (dir: Path) => {
      for (const { name, ...stat } of this.#disk.listStats(dir)) {
        const path = joinPath(dir, name)
        if (this.#ignored(path)) continue
        found.set(path, stat)
        if (stat.kind === 'dir') visit(path)
      }
    }
    const top = this.#disk.stat(inTree(from))
    if (top?.kind === 'dir') visit(from)
    return found
  }

  /** What stands there; undefined where that cannot be told now. */
  look(path: Path): Token | undefined {
    try {
      const stat = this.#disk.stat(inTree(path))
      if (stat === null) return absent
      if (stat.kind === 'dir') return this.#isAgreedFolder(path) || !this.isShell(path) ? folder : absent
      const cached = this.#cached(path)
      if (cached !== undefined && same(cached.stat, stat)) return cached.token
      return this.read(path)?.token
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      return undefined
    }
  }

  /** A folder that stands only for what does not travel. */
  isShell(path: Path): boolean {
    if (this.#without.has('shells are absent')) return false
    const names = this.#disk.list(path)
    return names.length > 0 && names.every(({ name }) => this.#ignored(joinPath(path, name)))
  }

  /** Token and bytes of one moment; undefined where it is no file or link, or changes. */
  read(path: Path): Content | undefined {
    const startedNs = this.#nowNs()
    try {
      const content = contentAt(this.#disk, inTree(path))
      if (content === undefined || (content.torn && !this.#without.has('stat after read'))) return undefined
      const { token, stat } = content
      const racy = stat.ctimeNs >= startedNs - this.#disk.timestampGranuleNs
      if (!racy || this.#without.has('racy reads')) this.#cache.set(path, { stat, token })
      // The times prove nothing then, not even that it was whole: twice the same does.
      const once = !racy || this.#without.has('racy reads twice') || this.#without.has('stat after read')
      return once || contentAt(this.#disk, inTree(path))?.token === token ? content : undefined
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      return undefined
    }
  }

  /** Keeps content that came ahead; false where it is damaged or there is no room. */
  stage(content: Extract<Message, { type: 'content' }>): boolean {
    this.dropStage(content.path)
    const name = `stage-${this.#freshId()}`
    try {
      this.#write(name, content.token, content.bytes)
      this.#stages.set(content.path, { name, token: content.token, sinceMs: this.#clock.monotonic() })
      return true
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      this.#discard(name)
      return false
    }
  }

  dropStage(path: Path): void {
    const stage = this.#stages.get(path)
    if (stage === undefined) return
    this.#stages.delete(path)
    this.#discard(stage.name)
  }

  dropStages(): void {
    for (const path of [...this.#stages.keys()]) this.dropStage(path)
  }

  /** Content that came ahead; undefined where it did not, or is gone or damaged. */
  staged(path: Path, token: Token): Buffer | undefined {
    const stage = this.#stages.get(path)
    if (stage?.token !== token) return undefined
    try {
      const content = contentAt(this.#disk, inOwn(stage.name))
      return content?.token === token ? content.bytes : undefined
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      return undefined
    }
  }

  /** Makes `data` stand where `expected` stands; false where it did not come to that, and then nothing is lost. */
  replace(path: Path, expected: Token, data: Token, bytes: Buffer | undefined): boolean {
    const temp = `temp-${this.#freshId()}`
    try {
      if (kindOf(data) === 'absent') return this.#remove(path, expected)
      const stat = this.#prepare(temp, data, bytes)
      const over = kindOf(expected) === 'file' || kindOf(expected) === 'link'
      if (over && kindOf(data) !== 'dir') {
        if (!this.#overwrite(path, expected, temp)) return false
      } else {
        if (expected !== absent && !this.#remove(path, expected)) return false
        this.#create(path, data, temp)
      }
      if (stat !== undefined) this.#trust(path, data, stat)
      return true
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      return false
    } finally {
      this.#discard(temp)
    }
  }

  /** Is there something on the way to the path that is no folder? */
  isBlocked(path: Path): boolean {
    return this.#unblocked(path) !== path
  }

  /** Content beside a path where ours stands or that ours blocks; the same content twice gives one copy. */
  copy(path: Path, data: Token, bytes: Buffer | undefined): boolean {
    for (let number = 1; number < 20; number++) {
      const to = copyPath(this.#unblocked(path), data, 'pod', number)
      const there = this.look(to)
      const made = there === absent && this.replace(to, absent, data, bytes)
      if (!made && there !== data) continue
      try {
        if (!this.#without.has('copies are synced')) this.#disk.sync(inTree(to))
      } catch (error) {
        if (errnoOf(error) === undefined) throw error
        return false
      }
      return true
    }
    return false
  }

  /** The path, or the first folder on the way to it that is none, with the rest as one name. */
  #unblocked(path: Path): Path {
    const names = path.split('/')
    for (let i = 1; i < names.length; i++) {
      const parent = names.slice(0, i).join('/')
      const token = this.look(parent)
      if (token !== folder && token !== absent) return [parent, ...names.slice(i)].join('.')
    }
    return path
  }

  #prepare(temp: string, data: Token, bytes: Buffer | undefined): Stat | undefined {
    if (kindOf(data) === 'dir') return undefined
    if (kindOf(data) === 'link') {
      this.#disk.symlink(linkTargetOf(data), inOwn(temp))
      return undefined
    }
    return this.#write(temp, data, bytes!)
  }

  #write(name: string, token: Token, bytes: Buffer): Stat {
    if (hash('sha256', bytes, 'hex') !== token.slice(1)) throw new Error('damaged content')
    const file = this.#disk.create(name)
    try {
      // In two parts, as large contents are written.
      const half = bytes.length >> 1
      file.write(bytes.subarray(0, half))
      file.write(bytes.subarray(half))
      return file.finish({ mode: isExecutable(token) ? 0o755 : 0o644, mtimeMs: this.#clock.now() - stampAgoMs })
    } finally {
      file.close()
    }
  }

  #create(path: Path, data: Token, temp: string): void {
    makeParents(this.#disk, path)
    if (data === folder) {
      if (this.#disk.stat(inTree(path))?.kind !== 'dir') this.#disk.mkdir(path)
    } else if (this.#without.has('no clobber')) this.#disk.rename(inOwn(temp), inTree(path))
    else this.#disk.link(inOwn(temp), inTree(path))
    this.#discard(temp)
  }

  #overwrite(path: Path, expected: Token, temp: string): boolean {
    const trash = this.trash.nameFor(path, expected)
    if (this.#without.has('trash link')) {
      if (this.look(path) !== expected) return false
      this.#disk.rename(inOwn(temp), inTree(path))
      return true
    }
    this.#disk.link(inTree(path), inOwn(trash))
    this.trash.keep(trash, this.#clock.monotonic())
    let renamed = false
    try {
      renamed = this.#isStill(path, expected, trash)
      if (renamed) this.#disk.rename(inOwn(temp), inTree(path))
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      renamed = false
    }
    if (!renamed) this.trash.giveUp(trash, this.#clock.monotonic())
    return renamed
  }

  /** The second look, at what the trash holds now; its last operation is the last before the rename. */
  #isStill(path: Path, expected: Token, trash: string): boolean {
    if (this.#without.has('second look')) return true
    const kept = contentAt(this.#disk, inOwn(trash))
    if (kept?.token !== expected || kept.torn) return false
    return this.#without.has('inode check') || this.#disk.stat(inTree(path))?.ino === kept.stat.ino
  }

  #remove(path: Path, expected: Token): boolean {
    if (kindOf(expected) === 'absent') return true
    if (kindOf(expected) === 'dir') {
      if (this.#without.has('rmdir only')) this.#removeBelow(path)
      if (!this.isShell(path)) this.#disk.rmdir(path)
      return true
    }
    if (this.look(path) !== expected) return false
    if (this.#without.has('grab, then look')) {
      this.#disk.unlink(inTree(path))
      return true
    }
    const trash = this.trash.nameFor(path, expected)
    // A file under that name first: a folder that comes in between cannot be grabbed then (ENOTDIR).
    this.#disk.create(trash).close()
    this.trash.keep(trash, this.#clock.monotonic())
    this.#disk.rename(inTree(path), inOwn(trash))
    this.trash.lookNow(trash, this.#clock.monotonic())
    return this.#disk.stat(inTree(path)) === null
  }

  #removeBelow(path: Path): void {
    for (const [found, stat] of [...this.scan(path)].reverse()) {
      if (stat.kind === 'dir') this.#disk.rmdir(found)
      else this.#disk.unlink(inTree(found))
    }
  }

  /** What we just put there is known without reading, if nobody can have written since without showing. */
  #trust(path: Path, token: Token, made: Stat): void {
    const nowNs = this.#nowNs()
    const stat = this.#disk.stat(inTree(path))
    if (stat === null) return
    // The mode too: a chmod leaves the modification time as it is.
    const ours =
      stat.ino === made.ino &&
      stat.mtimeNs === made.mtimeNs &&
      stat.size === made.size &&
      (stat.mode === made.mode || this.#without.has('mode in the proof'))
    const tellable = made.mtimeNs < nowNs - this.#disk.timestampGranuleNs
    if (this.#without.has('proof after apply') || (ours && tellable)) this.#cache.set(path, { stat, token })
  }

  #cached(path: Path): { stat: Stat; token: Token } | undefined {
    this.#nowNs()
    return this.#cache.get(path)
  }

  /** Forgets all hashes when the wall clock went back: a change could carry a time stamp that was seen already. */
  #nowNs(): bigint {
    const ahead = this.#clock.now() - this.#clock.monotonic()
    if (ahead < this.#wallAhead - 0.001 && !this.#without.has('clock steps back')) this.#cache.clear()
    this.#wallAhead = ahead
    return BigInt(Math.floor(this.#clock.now() * 1000)) * 1000n
  }

  #discard(name: string): void {
    try {
      if (this.#disk.stat(inOwn(name)) !== null) this.#disk.unlink(inOwn(name))
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      this.#undiscarded.add(name)
    }
  }
}

function same(a: Stat, b: Stat): boolean {
  return (
    a.kind === b.kind &&
    a.ino === b.ino &&
    a.size === b.size &&
    a.mtimeNs === b.mtimeNs &&
    a.ctimeNs === b.ctimeNs &&
    a.mode === b.mode
  )
}
