import { hash } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import { errnoOf } from '../base/errors.ts'
import { absent, folder, hashOf, isExecutable, kindOf, linkTargetOf, type Token } from '../core/content.ts'
import { joinPath, type Path, parentOf } from '../core/path.ts'
import { type Disk, inOwn, inTree, isStampRacy, type Stat } from '../disk/disk.ts'
import type { Graft, GraftNode } from './grafts.ts'
import type { Litter } from './litter.ts'
import type { Stage, StagedFile } from './stage.ts'
import type { Trash } from './trash.ts'
import type { Entry } from './tree.ts'

/**
 * How a change of one path went.
 *
 * - `done`      it stands there now
 * - `changed`   something else stood there: nothing was touched
 * - `not-empty` a folder that still holds something
 * - `need`      the content is not here
 * - `failed`    the system said no, with its code
 */
export type Outcome = { result: 'done' | 'changed' | 'not-empty' | 'need' } | { result: 'failed'; code: string }

const done: Outcome = { result: 'done' }
const changed: Outcome = { result: 'changed' }

/** Codes that mean "somebody was faster", not trouble. */
const raced = new Set(['EEXIST', 'ENOENT', 'ENOTDIR', 'EISDIR', 'ELOOP', 'EINVAL'])
/**
 * Codes of a hard link that this file system or its rules do not allow (fs.protected_hardlinks, vfat, NFS). EACCES is none:
 * a folder that may not be written to refuses the rename that would take the link's place as well.
 */
const noLink = new Set(['EPERM', 'EXDEV', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK', 'ENOSYS'])
/** Codes of an exchange of names that this system, file system or folder does not know. */
const noExchange = new Set(['ENOSYS', 'EINVAL', 'EPERM', 'EACCES', 'EXDEV', 'ENOTSUP', 'EOPNOTSUPP'])
const copyBytes = 4 * 1024 * 1024

/**
 * Changes paths of one folder so that nothing a person wrote is lost: content is made ready in private first, what was
 * there goes to the trash by link before it is replaced, a delete grabs first and looks at what it grabbed, and nothing
 * that is new ever replaces something that exists.
 *
 * Where names can be exchanged (in pods), what is replaced is looked at after it came away, so no save is lost. Elsewhere
 * one loss is accepted (sync-findings A.3): a program that renames its own file over the target between our last look
 * and our rename loses that file's name to ours. The window is some microseconds; in-place writes in it are saved by
 * the trash link.
 */
export class Applier {
  private readonly disk: Disk
  private readonly clock: Clock
  private readonly stage: Stage
  private readonly trash: Trash
  private readonly litter: Litter

  constructor(disk: Disk, clock: Clock, litter: Litter, stage: Stage, trash: Trash) {
    this.disk = disk
    this.litter = litter
    this.clock = clock
    this.stage = stage
    this.trash = trash
  }

  /**
   * Makes `data` stand at the path where `expected` stands now (already looked at).
   * @param staged content for a file or link; owned by this call
   */
  put(entry: Entry, path: Path, expected: Token, data: Token, staged: StagedFile | undefined): Outcome {
    const outcome = this.putQuietly(entry, path, expected, data, staged)
    if (outcome.result === 'done') this.trash.tell(path)
    return outcome
  }

  private putQuietly(entry: Entry, path: Path, expected: Token, data: Token, staged: StagedFile | undefined): Outcome {
    let left = staged
    try {
      if (kindOf(data) === 'absent') return this.remove(entry, path, expected)
      if (kindOf(data) === 'dir') return this.makeFolder(entry, path, expected)
      if (left === undefined) return { result: 'need' }
      const from = left
      if (kindOf(expected) === 'dir') {
        const removed = this.remove(entry, path, expected)
        if (removed.result !== 'done') return removed
      }
      const outcome =
        kindOf(expected) === 'file' || kindOf(expected) === 'link'
          ? this.replace(entry, path, expected, from)
          : this.create(path, from)
      if (outcome.result === 'done') {
        left = undefined
        this.trust(entry, path, data, from)
      }
      return outcome
    } catch (error) {
      return failure(error)
    } finally {
      if (left !== undefined) this.stage.discard(left)
    }
  }

  /** Moves a staged subtree to a path where nothing stands; owned by the caller unless `done`. */
  plant(path: Path, graft: Graft): Outcome {
    try {
      if (!this.disk.groupsAlike(parentOf(path))) return { result: 'need' }
      this.disk.rename(inOwn(graft.name), inTree(path))
      if (!this.trash.isUnwatched) this.tellOf(path, graft.root)
      return done
    } catch (error) {
      return errnoOf(error) === 'ENOTEMPTY' ? changed : failure(error)
    }
  }

  /** It may have been here before, and a program may still wait for it. */
  private tellOf(path: Path, { children }: GraftNode): void {
    this.trash.tell(path)
    for (const [name, child] of children ?? []) this.tellOf(joinPath(path, name), child)
  }

  /** Creates missing parents; `changed` where something that is no folder is in the way. */
  ensureParents(entry: Entry): Outcome {
    const missing: Entry[] = []
    for (let at = entry.parent; at !== null && at.parent !== null; at = at.parent) missing.push(at)
    try {
      for (const parent of missing.reverse()) {
        const path = parent.path
        const stat = this.disk.stat(inTree(path))
        if (stat === null) this.disk.mkdir(path)
        else if (stat.kind !== 'dir') return changed
        parent.shadow = false
      }
      return done
    } catch (error) {
      return failure(error)
    }
  }

  /**
   * Gives a private file or link back to the tree under the first free name of `names`. By link, not by copy: a program
   * that still writes to it goes on writing into a file that people see.
   */
  bringBack(own: string, names: Iterable<Path>): Path | undefined {
    for (const path of names) {
      try {
        this.moveOut(own, path)
        this.disk.sync(inTree(path))
        return path
      } catch (error) {
        const code = errnoOf(error)
        if (code === 'ENOENT' && this.disk.stat(inOwn(own)) === null) return undefined
        // Its folder is gone or something has the name: the next one.
        if (code === undefined || !raced.has(code)) throw error
      }
    }
    return undefined
  }

  /** Puts content beside everything else, under the first free name of `names`; durable when it returns. */
  save(names: Iterable<Path>, from: StagedFile): Path | undefined {
    for (const path of names) {
      try {
        this.place(from, path)
        this.disk.sync(inTree(path))
        return path
      } catch (error) {
        if (errnoOf(error) !== 'EEXIST') {
          this.stage.discard(from)
          throw error
        }
      }
    }
    this.stage.discard(from)
    return undefined
  }

  /** The content of a private or public file as a staged one, whatever it is by now. */
  copy(at: { own: string } | { path: Path }, mode: number): StagedFile {
    const file = this.disk.open('own' in at ? inOwn(at.own) : inTree(at.path))
    try {
      return this.stage.copy(offset => file.read(offset, copyBytes), this.clock.now(), mode)
    } finally {
      file.close()
    }
  }

  /** Content of the path itself under another executable bit; undefined where it is something else by now. */
  copyWithMode(path: Path, data: Token, stat: Stat | null): StagedFile | undefined {
    const staged = this.copy({ path }, withExecutable(stat?.mode ?? 0o644, isExecutable(data)))
    if (hashOf(staged.token) === hashOf(data)) return { ...staged, token: data }
    this.stage.discard(staged)
    return undefined
  }

  private create(path: Path, from: StagedFile): Outcome {
    try {
      this.place(from, path)
      return done
    } catch (error) {
      return errnoOf(error) === 'EEXIST' ? changed : failure(error)
    }
  }

  /** Moves a private file to a name that must be free. */
  private place(from: StagedFile, path: Path): void {
    if (kindOf(from.token) === 'link') {
      this.disk.symlink(linkTargetOf(from.token), inTree(path))
      this.stage.discard(from)
    } else this.moveOut(from.name, path)
  }

  private moveOut(own: string, path: Path): void {
    try {
      this.disk.link(inOwn(own), inTree(path))
    } catch (error) {
      if (!noLink.has(errnoOf(error) ?? '')) throw error
      if (this.disk.stat(inTree(path)) !== null) throw Object.assign(new Error('exists'), { code: 'EEXIST' })
      this.disk.rename(inOwn(own), inTree(path))
      return
    }
    this.disk.unlink(inOwn(own))
  }

  private replace(entry: Entry, path: Path, expected: Token, from: StagedFile): Outcome {
    const before = entry.key
    if (before === null) return changed
    this.keepModeOf(before, from)
    return this.exchange(entry, before, path, expected, from) ?? this.renameOver(entry, before, path, expected, from)
  }

  /**
   * Ours and what stands there change places, then what came away is looked at: a save of the last moment goes back.
   * Undefined where the system cannot do it.
   */
  private exchange(entry: Entry, before: Stat, path: Path, expected: Token, from: StagedFile): Outcome | undefined {
    const { disk, trash } = this
    if (disk.exchange === undefined) return undefined
    const now = disk.stat(inTree(path))
    if (now === null || !sameButLinks(now, before)) {
      entry.key = null
      return changed
    }
    // Whatever comes away is in the trash at once: should we die now, its content tells whether it belongs there.
    let kept = trash.nameFor(path, expected, from.token)
    disk.rename(inOwn(from.name), inOwn(kept))
    try {
      disk.exchange(kept, path)
    } catch (error) {
      const code = errnoOf(error)
      if (code === undefined) throw error
      if (noExchange.has(code)) {
        disk.rename(inOwn(kept), inOwn(from.name))
        return undefined
      }
      if (code !== 'ETIME') {
        this.litter.remove(kept)
        throw error
      }
      // It may still go on: giving the file another name waits for it, and leaves it nothing to exchange later.
      const settled = trash.nameFor(path, expected, from.token)
      disk.rename(inOwn(kept), inOwn(settled))
      kept = settled
    }
    const got = disk.stat(inOwn(kept))
    const isExpected = got !== null && sameButLinks(got, before)
    if (!isExpected) entry.key = null
    const isAlike = isExpected || (got?.kind !== 'dir' && got && sameContent(trash.tokenOf(kept, got), expected))
    if (isAlike) {
      trash.keep(kept, path, expected)
      return done
    }
    if (got !== null) this.takeBack(kept, path, got, from)
    return changed
  }

  /** Undoes an exchange; what took our place in the meantime, or was written into ours, is brought back beside it. */
  private takeBack(kept: string, path: Path, got: Stat, from: StagedFile): void {
    const { disk } = this
    if (got.ino !== from.stat.ino) {
      try {
        disk.exchange!(kept, path)
      } catch (error) {
        if (errnoOf(error) === undefined) throw error
        this.putBack(kept, path, got)
        return
      }
    }
    const ours = disk.stat(inOwn(kept))
    if (ours === null) return
    if (sameButLinks(ours, from.stat)) {
      // Not removed: who opened it while it stood there may write to it yet.
      const late = this.trash.nameFor(path, from.token)
      disk.rename(inOwn(kept), inOwn(late))
      this.trash.keep(late, path, from.token)
    } else if (ours.kind === 'dir') this.putBackFolder(kept, path)
    else this.trash.orphan(kept, path)
  }

  private renameOver(entry: Entry, before: Stat, path: Path, expected: Token, from: StagedFile): Outcome {
    const kept = this.trash.nameFor(path, expected)
    const linked = this.linkToTrash(path, kept)
    try {
      const trashed = linked ? this.disk.stat(inOwn(kept)) : before
      const isKnown = (now: Stat) => sameButLinks(now, before) && trashed?.ino === now.ino
      if (!this.disk.replace(from.name, path, isKnown)) {
        if (linked) this.litter.remove(kept)
        entry.key = null
        return changed
      }
    } catch (error) {
      if (linked && errnoOf(error) !== undefined) this.litter.remove(kept)
      throw error
    }
    if (linked) this.trash.keep(kept, path, expected)
    return done
  }

  /** The target's own permissions stay; content that was staged with others is copied once more. */
  private keepModeOf(target: Stat, from: StagedFile): void {
    if (kindOf(from.token) !== 'file' || target.kind !== 'file') return
    const wanted = withExecutable(target.mode & 0o777, isExecutable(from.token))
    if (wanted === from.mode) return
    const copy = this.copy({ own: from.name }, wanted)
    this.stage.discard(from)
    Object.assign(from, copy, { token: from.token })
  }

  private linkToTrash(path: Path, name: string): boolean {
    try {
      this.disk.link(inTree(path), inOwn(name))
      return true
    } catch (error) {
      if (!noLink.has(errnoOf(error) ?? '')) throw error
      return false
    }
  }

  private remove(entry: Entry, path: Path, expected: Token): Outcome {
    if (kindOf(expected) === 'dir') {
      try {
        this.disk.rmdir(path)
        return done
      } catch (error) {
        const code = errnoOf(error)
        if (code === 'ENOTEMPTY' || code === 'EEXIST') return { result: 'not-empty' }
        return failure(error)
      }
    }
    return this.grab(entry, path, expected)
  }

  /** Takes the file away first and looks at what it got: a save in the last moment is put back. */
  private grab(entry: Entry, path: Path, expected: Token): Outcome {
    const before = entry.key
    if (before === null) return changed
    const kept = this.trash.nameFor(path, expected, absent)
    this.disk.rename(inTree(path), inOwn(kept))
    const got = this.disk.stat(inOwn(kept))
    if (got !== null && sameButLinks(got, before)) {
      this.trash.keep(kept, path, expected)
      return done
    }
    entry.key = null
    if (got === null) return changed
    if (got.kind !== 'dir' && sameContent(this.trash.tokenOf(kept, got), expected)) {
      this.trash.keep(kept, path, expected)
      return done
    }
    this.putBack(kept, path, got)
    return changed
  }

  private putBack(kept: string, path: Path, got: Stat): void {
    if (got.kind === 'dir') {
      this.putBackFolder(kept, path)
      return
    }
    try {
      this.moveOut(kept, path)
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      // Something new stands there already, or links do not work here: the rescue finds it another name.
      this.trash.orphan(kept, path)
    }
  }

  /** A folder that took the file's name in the last moment; where that name is taken again it gets another. */
  private putBackFolder(kept: string, path: Path): void {
    for (const name of [path, ...conflictNames(path, this.clock.now(), 'folder')]) {
      if (this.disk.stat(inTree(name)) !== null) continue
      this.disk.rename(inOwn(kept), inTree(name))
      return
    }
  }

  private makeFolder(entry: Entry, path: Path, expected: Token): Outcome {
    if (expected !== absent) {
      const removed = this.remove(entry, path, expected)
      if (removed.result !== 'done') return removed
    }
    try {
      this.disk.mkdir(path)
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') return failure(error)
      if (!entry.shadow) return changed
    }
    const stat = this.disk.stat(inTree(path))
    if (stat?.kind !== 'dir') return changed
    entry.current = folder
    entry.key = stat
    entry.shadow = false
    return done
  }

  /** A private link, ready to be moved to its place. */
  stageLink(data: Token): StagedFile {
    const name = this.stage.newName()
    this.disk.symlink(linkTargetOf(data), inOwn(name))
    try {
      return { name, token: data, mode: 0o777, stat: this.disk.stat(inOwn(name))! }
    } catch (error) {
      if (errnoOf(error) !== undefined) this.litter.remove(name)
      throw error
    }
  }

  /**
   * Remembers what was just put there, but only where the disk shows our own inode with our own time stamp: a later
   * write by somebody else would show another.
   */
  private trust(entry: Entry, path: Path, data: Token, from: StagedFile): void {
    const stat = this.disk.stat(inTree(path))
    entry.shadow = false
    if (stat === null) return
    const ours = kindOf(data) === 'link' ? stat.kind === 'link' : sameButLinks(stat, from.stat)
    entry.current = data
    entry.key = ours ? stat : null
    entry.racy = isStampRacy(this.disk, stat)
  }
}

/** Names for a conflict copy of `path`, best first: `page.conflict-20261121-080000-pod.html`, then `-2`, `-3`, … */
export function* conflictNames(path: Path, nowMs: number, from: string): Generator<Path> {
  const stamp = new Date(nowMs).toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-')
  const slash = path.lastIndexOf('/')
  const dot = path.lastIndexOf('.')
  const isExtension = dot > slash + 1 && path.length - dot <= extensionLengthMax
  const at = isExtension ? dot : path.length
  const stem = shorten(path.slice(slash + 1, at))
  const dir = path.slice(0, slash + 1)
  for (let number = 1; number <= 50; number++) {
    const tail = number === 1 ? '' : `-${number}`
    yield `${dir}${stem}.conflict-${stamp}-${from}${tail}${path.slice(at)}`
  }
}

/** What is longer is no extension: the whole name must fit with ours in it. */
const extensionLengthMax = 16

function shorten(stem: string): string {
  if (Buffer.byteLength(stem) <= 150) return stem
  // Not between the halves of one character.
  const start = stem.slice(0, 40).replace(/[\uD800-\uDBFF]$/, '')
  return `${start}-${hash('sha256', stem, 'hex').slice(0, 8)}`
}

/** Equal but for what a hard link or a rename of ours changes (ctime). Sound only where the look before was not racy. */
function sameButLinks(a: Stat, b: Stat): boolean {
  return a.kind === b.kind && a.ino === b.ino && a.mtimeNs === b.mtimeNs && a.size === b.size && a.mode === b.mode
}

function sameContent(a: Token | undefined, b: Token): boolean {
  return a !== undefined && a === b
}

/** The permission bits with execute set where read is set, or with none. */
export function withExecutable(mode: number, executable: boolean): number {
  return executable ? mode | ((mode & 0o444) >> 2) : mode & ~0o111
}

function failure(error: unknown): Outcome {
  const code = errnoOf(error)
  if (code === undefined) throw error
  return raced.has(code) ? changed : { result: 'failed', code }
}
