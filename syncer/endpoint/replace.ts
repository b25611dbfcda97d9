import type { Clock } from '../base/clock.ts'
import { errnoOf } from '../base/errors.ts'
import { isExecutable, kindOf, type Token } from '../core/content.ts'
import type { Path } from '../core/path.ts'
import { type Disk, inOwn, inTree, type Stat } from '../disk/disk.ts'
import { sameButLinks, withExecutable } from './file-stat.ts'
import { type HandOut, isNoLink } from './hand-out.ts'
import type { Litter } from './litter.ts'
import { changed, done, failure, type Outcome, refusal } from './outcome.ts'
import type { Stage, StagedFile } from './stage.ts'
import type { Trash } from './trash.ts'
import type { Entry } from './tree.ts'

/** Codes of an exchange of names that this system, file system or folder does not know. */
const noExchange = new Set(['ENOSYS', 'EINVAL', 'EPERM', 'EACCES', 'EXDEV', 'ENOTSUP', 'EOPNOTSUPP'])

/** Content that is to take the place of a file or link. */
export interface Replacement {
  readonly entry: Entry
  readonly path: Path
  /** What stands there, and what the disk showed of it. */
  readonly expected: Token
  readonly before: Stat
  readonly data: Token
  /** Gone when it is done. */
  readonly from: StagedFile
}

/** Ours has the private name now that what comes away from the path will have. */
export interface Ready {
  replacement: Replacement
  kept: string
  /** Where its outcome belongs. */
  at: number
}

/**
 * Puts content in the place of files and links, of many at once where names can be exchanged: all of it is made ready, then
 * all change places, then everything that came away is looked at. Whoever dies in between finds each file under a name
 * that tells what was expected of it and what was to come (`trash-name.ts`).
 */
export class Replacer {
  private readonly disk: Disk
  private readonly clock: Clock
  private readonly stage: Stage
  private readonly trash: Trash
  private readonly litter: Litter
  private readonly handOut: HandOut

  constructor(disk: Disk, clock: Clock, litter: Litter, stage: Stage, trash: Trash, handOut: HandOut) {
    this.disk = disk
    this.clock = clock
    this.litter = litter
    this.stage = stage
    this.trash = trash
    this.handOut = handOut
  }

  /**
   * Has the files change places, which may go on until what is returned was called. No path may be there twice.
   * @returns ends it, and gives for each how it went
   */
  begin(replacements: readonly Replacement[]): () => Outcome[] {
    const { disk } = this
    if (disk.beginExchange === undefined) {
      const outcomes = replacements.map(each => attempt(() => this.keepModeOf(each) ?? this.renameOver(each)))
      return () => outcomes
    }
    const ready: Ready[] = []
    const outcomes = replacements.map((replacement, at) =>
      attempt(() => {
        ready.push({ replacement, kept: this.makeReady(replacement), at })
        return changed
      }),
    )
    const end = disk.beginExchange(ready.map(({ replacement, kept }) => ({ own: kept, path: replacement.path })))
    return () => {
      const codes = end()
      for (const [i, each] of ready.entries()) outcomes[each.at] = attempt(() => this.exchanged(each, codes[i]))
      return outcomes
    }
  }

  /** Whatever comes away is in the trash at once: should we die then, its content tells whether it belongs there. */
  private makeReady(replacement: Replacement): string {
    const { path, expected, from } = replacement
    this.keepModeOf(replacement)
    const kept = this.trash.nameFor(path, expected, from.token)
    this.disk.rename(inOwn(from.name), inOwn(kept))
    return kept
  }

  /**
   * What came away is looked at: a save of the last moment goes back.
   * @param code of the exchange
   * @param got what came away, where it was looked at
   */
  exchanged(ready: Ready, code: string | undefined, got?: Stat): Outcome {
    try {
      return this.judgeExchanged(ready, code, got)
    } catch (error) {
      // It may be a save of the last moment.
      if (errnoOf(error) !== undefined) this.trash.doubt(ready.kept, ready.replacement.path)
      throw error
    }
  }

  /** @param seen what came away, where it was looked at */
  private judgeExchanged(ready: Ready, code: string | undefined, seen?: Stat): Outcome {
    const { disk, trash } = this
    const { replacement } = ready
    const { entry, path, expected, before, from } = replacement
    if (code === 'ETIME') {
      // It may still go on: giving the file another name waits for it, and leaves it nothing to exchange later.
      const settled = trash.nameFor(path, expected, from.token)
      disk.rename(inOwn(ready.kept), inOwn(settled))
      ready.kept = settled
    }
    const { kept } = ready
    if (code !== undefined && code !== 'ETIME') {
      if (!noExchange.has(code)) {
        this.litter.remove(kept)
        return refusal(code)
      }
      disk.rename(inOwn(kept), inOwn(from.name))
      return this.renameOver(replacement)
    }
    const got = seen ?? disk.stat(inOwn(kept))
    const isExpected = got !== null && sameButLinks(got, before)
    if (!isExpected) entry.key = null
    const isAlike = isExpected || (got !== null && got.kind !== 'dir' && trash.tokenOf(kept, got) === expected)
    if (isAlike) {
      trash.keep(kept, path, expected, got)
      return done
    }
    // It may never have left.
    if (got !== null && from.stat === unknownStat && trash.tokenOf(kept, got) === from.token) from.stat = got
    if (got !== null) this.takeBack(kept, path, got, from)
    return changed
  }

  /** Undoes an exchange; what took our place in the meantime, or was written into ours, is brought back beside it. */
  private takeBack(kept: string, path: Path, got: Stat, from: StagedFile): void {
    const { disk } = this
    if (got.ino !== from.stat.ino) {
      const [code] = disk.exchange!([{ own: kept, path }])
      if (code !== undefined) {
        this.handOut.putBack(kept, path, got)
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
    } else if (ours.kind === 'dir') this.handOut.putBackFolder(kept, path)
    else this.trash.orphan(kept, path)
  }

  private renameOver({ entry, before, path, expected, from }: Replacement): Outcome {
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
  private keepModeOf({ before, from }: Replacement): undefined {
    if (kindOf(from.token) !== 'file' || before.kind !== 'file') return
    const wanted = withExecutable(before.mode & 0o777, isExecutable(from.token))
    if (wanted === from.mode) return
    const copy = this.stage.copyOf(inOwn(from.name), this.clock.now(), wanted)
    this.stage.discard(from)
    Object.assign(from, copy, { token: from.token })
  }

  private linkToTrash(path: Path, name: string): boolean {
    try {
      this.disk.link(inTree(path), inOwn(name))
      return true
    } catch (error) {
      if (!isNoLink(error)) throw error
      return false
    }
  }
}

/** Of a file that was made, or not: equal to nothing. */
export const unknownStat: Stat = {
  kind: 'other',
  size: -1,
  mtimeNs: -1n,
  ctimeNs: -1n,
  ino: -1n,
  mode: 0,
  mount: false,
}

export function attempt(change: () => Outcome): Outcome {
  try {
    return change()
  } catch (error) {
    return failure(error)
  }
}
