import { hash } from 'node:crypto'
import type { Clock } from '../../syncer/base/clock.ts'
import { errnoOf } from '../../syncer/base/errors.ts'
import { absent, folder, isExecutable, kindOf, linkTargetOf, type Token } from '../../syncer/core/content.ts'
import type { Path } from '../../syncer/core/path.ts'
import { type Disk, inOwn, inTree, type Stat } from '../../syncer/disk/disk.ts'
import { buildGraft } from './model-graft.ts'
import type { Member, Message } from './model-message.ts'
import type { Rule } from './model-rules.ts'
import { contentAt, copyPath, ModelTrash, makeParents } from './model-trash.ts'
import type { ModelView } from './model-view.ts'
import type { EndPorts } from './subject.ts'

const stampAgoMs = 20
const stageLifeMs = 30_000

/** Changes one end's folder without losing anything. */
export class ModelFiles {
  readonly trash: ModelTrash
  readonly #view: ModelView
  readonly #disk: Disk
  readonly #clock: Clock
  readonly #without: ReadonlySet<Rule>
  readonly #freshId: () => string
  readonly #stages = new Map<Path, { name: string; token: Token; sinceMs: number }>()
  /** Private files that the system did not let us remove yet. */
  readonly #undiscarded = new Set<string>()
  readonly #grafts = new Map<number, { name: string; members: Member[]; sinceMs: number }>()
  #recovered = false

  /** @param touched told of paths that were changed on our own account */
  constructor(ports: EndPorts<Message>, without: ReadonlySet<Rule>, view: ModelView, touched: (path: Path) => void) {
    this.#view = view
    this.#disk = ports.disk
    this.#clock = ports.clock
    this.#without = without
    this.#freshId = () => Math.floor(ports.random() * 2 ** 48).toString(36)
    this.trash = new ModelTrash(ports.disk, without, this.#freshId, touched)
  }

  /** Cleans up after an earlier process; before anything else, once. */
  recover(): void {
    if (this.#recovered) return
    const inTree = new Set([...this.#view.scan('').values()].map(stat => stat.ino))
    this.trash.recover(ino => inTree.has(ino), this.#clock.monotonic())
    this.#recovered = true
  }

  due(): number {
    let due = this.#undiscarded.size > 0 ? this.#clock.monotonic() + 200 : this.trash.due()
    for (const staged of [...this.#stages.values(), ...this.#grafts.values()])
      due = Math.min(due, staged.sinceMs + stageLifeMs)
    return due
  }

  tick(nowMs: number): void {
    this.trash.tick(nowMs)
    for (const name of [...this.#undiscarded]) {
      this.#undiscarded.delete(name)
      this.#discard(name)
    }
    for (const [path, stage] of this.#stages) if (stage.sinceMs + stageLifeMs <= nowMs) this.dropStage(path)
    for (const [id, graft] of this.#grafts) {
      if (graft.sinceMs + stageLifeMs > nowMs) continue
      this.#grafts.delete(id)
      this.#discardFolder(graft.name)
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

  /** Builds a subtree in private; false where it cannot be. */
  stageGraft({ id, members }: Extract<Message, { type: 'graft' }>): boolean {
    const name = `stage-${this.#freshId()}`
    try {
      buildGraft(this.#disk, name, members, (own, token, bytes) => this.#write(own, token, bytes))
      this.#grafts.set(id, { name, members, sinceMs: this.#clock.monotonic() })
      return true
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      this.#discardFolder(name)
      return false
    }
  }

  /** Moves a subtree to its place, where nothing stands. @returns what it brought; undefined where it did not */
  plant(id: number, path: Path): Member[] | undefined {
    const graft = this.#grafts.get(id)
    if (graft === undefined) return undefined
    this.#grafts.delete(id)
    try {
      makeParents(this.#disk, path)
      if (this.#without.has('subtrees replace nothing') && this.#disk.stat(inTree(path))?.kind === 'dir') {
        this.#removeBelow(path)
        this.#disk.rmdir(path)
      }
      this.#disk.rename(inOwn(graft.name), inTree(path))
      return graft.members
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      this.#discardFolder(graft.name)
      return undefined
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
    for (const { name } of this.#grafts.values()) this.#discardFolder(name)
    this.#grafts.clear()
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
      if (stat !== undefined) this.#view.trust(path, data, stat)
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
      const there = this.#view.look(to)
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
      const token = this.#view.look(parent)
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
      if (this.#view.look(path) !== expected) return false
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
      if (!this.#view.isShell(path)) this.#disk.rmdir(path)
      return true
    }
    if (this.#view.look(path) !== expected) return false
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
    for (const [found, stat] of [...this.#view.scan(path)].reverse()) {
      if (stat.kind === 'dir') this.#disk.rmdir(found)
      else this.#disk.unlink(inTree(found))
    }
  }

  #discardFolder(name: string): void {
    this.#quietlyDiscard(name, () => this.#disk.removeOwn(name))
  }

  #discard(name: string): void {
    this.#quietlyDiscard(name, () => {
      const stat = this.#disk.stat(inOwn(name))
      if (stat?.kind === 'dir') this.#disk.removeOwn(name)
      else if (stat !== null) this.#disk.unlink(inOwn(name))
    })
  }

  #quietlyDiscard(name: string, removal: () => void): void {
    try {
      removal()
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      this.#undiscarded.add(name)
    }
  }
}
