import type { Clock } from '../base/clock.ts'
import { errnoOf } from '../base/errors.ts'
import { absent, folder, hashOf, isExecutable, kindOf, linkTargetOf, type Token } from '../core/content.ts'
import { joinPath, type Path, parentOf } from '../core/path.ts'
import { type Disk, inOwn, inTree, isStampRacy, type Stat } from '../disk/disk.ts'
import { sameButLinks, withExecutable } from './file-stat.ts'
import type { Graft, GraftNode } from './grafts.ts'
import { HandOut } from './hand-out.ts'
import { fewMax, Landing } from './landing.ts'
import type { Litter } from './litter.ts'
import { changed, done, failure, type Outcome, refusedName } from './outcome.ts'
import { type Replacement, Replacer } from './replace.ts'
import type { Stage, StagedFile } from './stage.ts'
import type { Trash } from './trash.ts'
import type { Entry } from './tree.ts'

/**
 * Changes paths of one folder so that nothing a person wrote is lost: content is made ready in private first, what was
 * there goes to the trash by link before it is replaced, a delete grabs first and looks at what it grabbed, and nothing
 * that is new ever replaces something that exists.
 *
 * Where names can be exchanged (on Linux), what is replaced is looked at after it came away, so no save is lost. Elsewhere
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
  private readonly handOut: HandOut
  private readonly replacer: Replacer
  /** For content of which there is no file yet. */
  readonly landing: Landing

  constructor(disk: Disk, clock: Clock, litter: Litter, stage: Stage, trash: Trash) {
    this.disk = disk
    this.litter = litter
    this.clock = clock
    this.stage = stage
    this.trash = trash
    this.handOut = new HandOut(disk, clock, trash)
    this.replacer = new Replacer(disk, clock, litter, stage, trash, this.handOut)
    const { replacer } = this
    this.landing = new Landing({ disk, litter, stage, trash, replacer, finished: this.finished.bind(this) })
  }

  /**
   * Makes `data` stand at the path where `expected` stands now (already looked at).
   * @param staged content for a file or link; owned by this call
   */
  put(entry: Entry, path: Path, expected: Token, data: Token, staged: StagedFile | undefined): Outcome {
    const begun = this.begin(entry, path, expected, data, staged)
    return 'result' in begun ? begun : this.finish([begun])()[0]!
  }

  /** Like {@link put}, but what takes the place of a file or link waits for {@link finish}, many at once. */
  begin(entry: Entry, path: Path, expected: Token, data: Token, staged: StagedFile | undefined): Outcome | Replacement {
    const takesPlace = kindOf(expected) === 'file' || kindOf(expected) === 'link'
    const isContent = kindOf(data) === 'file' || kindOf(data) === 'link'
    if (takesPlace && isContent && staged !== undefined && entry.key !== null)
      return { entry, path, expected, before: entry.key, data, from: staged }
    const outcome = this.putQuietly(entry, path, expected, data, staged)
    if (outcome.result === 'done') this.trash.tell(path)
    return outcome
  }

  /**
   * Has what was begun change places, which may go on until what is returned was called: until then nothing else may be
   * done to these paths. No path may be there twice.
   * @returns ends it, and gives for each how it went
   */
  finish(replacements: readonly Replacement[]): () => Outcome[] {
    const end = this.replacer.begin(replacements)
    const areMany = replacements.length > fewMax
    return () => end().map((outcome, i) => this.finished(replacements[i]!, outcome, areMany))
  }

  /** @param now what has the path, where that was looked at */
  private finished(replacement: Replacement, outcome: Outcome, isOneOfMany: boolean, now?: Stat | null): Outcome {
    const { entry, path, data, from } = replacement
    if (outcome.result !== 'done') {
      this.stage.discard(from)
      return outcome
    }
    try {
      this.trust(entry, path, data, from, now)
      if (isOneOfMany) this.trash.tellLater(path)
      else this.trash.tell(path)
      return done
    } catch (error) {
      return failure(error)
    }
  }

  private putQuietly(entry: Entry, path: Path, expected: Token, data: Token, staged: StagedFile | undefined): Outcome {
    let left = staged
    try {
      if (kindOf(data) === 'absent') return this.remove(entry, path, expected)
      if (kindOf(data) === 'dir') return this.makeFolder(entry, path, expected)
      if (left === undefined) return { result: 'need' }
      const from = left
      if (expected !== absent) {
        const removed = kindOf(expected) === 'dir' ? this.remove(entry, path, expected) : changed
        if (removed.result !== 'done') return removed
      }
      const outcome = this.create(path, from)
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
      return refusedName(error)
    }
  }

  /** See {@link HandOut.bringBack}. */
  bringBack(own: string, names: Iterable<Path>): Path | undefined {
    return this.handOut.bringBack(own, names)
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
    return this.stage.copyOf('own' in at ? inOwn(at.own) : inTree(at.path), this.clock.now(), mode)
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
      return errnoOf(error) === 'EEXIST' ? changed : refusedName(error)
    }
  }

  /** Moves a private file to a name that must be free. */
  private place(from: StagedFile, path: Path): void {
    if (kindOf(from.token) === 'link') {
      this.disk.symlink(linkTargetOf(from.token), inTree(path))
      this.stage.discard(from)
    } else this.handOut.moveOut(from.name, path)
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
    try {
      return this.judgeGrabbed(entry, before, kept, path, expected)
    } catch (error) {
      // It may be a save of the last moment.
      if (errnoOf(error) !== undefined) this.trash.doubt(kept, path)
      throw error
    }
  }

  private judgeGrabbed(entry: Entry, before: Stat, kept: string, path: Path, expected: Token): Outcome {
    const got = this.disk.stat(inOwn(kept))
    if (got !== null && sameButLinks(got, before)) {
      this.trash.keep(kept, path, expected, got)
      return done
    }
    entry.key = null
    if (got === null) return changed
    if (got.kind !== 'dir' && this.trash.tokenOf(kept, got) === expected) {
      this.trash.keep(kept, path, expected, got)
      return done
    }
    this.handOut.putBack(kept, path, got)
    return changed
  }

  private makeFolder(entry: Entry, path: Path, expected: Token): Outcome {
    if (expected !== absent) {
      const removed = this.remove(entry, path, expected)
      if (removed.result !== 'done') return removed
    }
    try {
      this.disk.mkdir(path)
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') return refusedName(error)
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
  trust(entry: Entry, path: Path, data: Token, from: StagedFile, now?: Stat | null): void {
    const stat = now ?? this.disk.stat(inTree(path))
    entry.shadow = false
    if (stat === null) return
    const ours = kindOf(data) === 'link' ? stat.kind === 'link' : sameButLinks(stat, from.stat)
    entry.current = data
    entry.key = ours ? stat : null
    entry.racy = isStampRacy(this.disk, stat)
  }
}
