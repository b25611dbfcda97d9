import type { Clock } from '../base/clock.ts'
import { errnoOf } from '../base/errors.ts'
import { absent, kindOf, linkToken, type Token } from '../core/content.ts'
import type { Path } from '../core/path.ts'
import { type Disk, inOwn } from '../disk/disk.ts'
import { Replica } from './replica.ts'
import type { StagedFile } from './stage.ts'
import type { TrashedFile } from './trash-list.ts'
import type { Entry } from './tree.ts'

/**
 * - `restored` it stands there now; `replaced` where something gave way, which is in the trash now
 * - `same`     that content stands there already
 * - `blocked`  a folder is there, or something that is no folder is in the way
 * - `gone`     it is in the trash no more
 * - `failed`   the system said no, with its code
 */
export type Restored =
  | { result: 'restored'; replaced: boolean }
  | { result: 'same' | 'blocked' | 'gone' }
  | { result: 'failed'; code: string }

/** Somebody may write to the place at the same moment. */
const attemptsMax = 20
/** A large file is looked at in slices. */
const slicesMax = 1_000_000

/** Puts what is in the trash of one folder back, beside whatever else works on that folder. */
export class Restorer {
  private readonly disk: Disk
  private readonly clock: Clock
  private readonly newId: () => string

  constructor(disk: Disk, clock: Clock, newId: () => string) {
    this.disk = disk
    this.clock = clock
    this.newId = newId
  }

  /** A copy of it comes to the path, by one rename, and what stands there goes to the trash. The trash keeps its own. */
  restore(trashed: TrashedFile, path: Path): Restored {
    const { disk, clock, newId } = this
    const trash = {
      keepMs: Number.POSITIVE_INFINITY,
      bytesMax: Number.POSITIVE_INFINITY,
      replaces: 'restored' as const,
    }
    const replica = new Replica({ disk, clock, newId, owner: trashed.owner, trash })
    try {
      return this.put(replica, trashed, path)
    } catch (error) {
      const code = errnoOf(error)
      if (code === undefined) throw error
      return { result: 'failed', code }
    } finally {
      replica.close()
    }
  }

  private put(replica: Replica, trashed: TrashedFile, path: Path): Restored {
    const { applier, looker, stage, tree } = replica
    const entry = tree.ensure(path)
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const parents = applier.ensureParents(entry)
      if (parents.result === 'failed') return parents
      if (parents.result !== 'done') return { result: 'blocked' }
      const there = lookWhole(replica, entry, path)
      if (typeof there !== 'string') return there
      if (kindOf(there) === 'dir') return { result: 'blocked' }
      const staged = this.stage(replica, trashed)
      if (staged === undefined) return { result: 'gone' }
      if (staged.token === there) {
        stage.discard(staged)
        return { result: 'same' }
      }
      const outcome = applier.put(entry, path, there, staged.token, staged)
      if (outcome.result === 'done') return { result: 'restored', replaced: there !== absent }
      if (outcome.result === 'failed') return outcome
      looker.forget(entry)
    }
    return { result: 'failed', code: 'EBUSY' }
  }

  private stage({ applier }: Replica, { name, kind, mode }: TrashedFile): StagedFile | undefined {
    try {
      if (kind === 'link') return applier.stageLink(linkToken(this.disk.readlink(inOwn(name))))
      return applier.copy({ own: name }, mode & 0o777)
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT' || this.disk.stat(inOwn(name)) !== null) throw error
      return undefined
    }
  }
}

function lookWhole({ looker }: Replica, entry: Entry, path: Path): Token | Restored {
  for (let slice = 0; slice < slicesMax; slice++) {
    const look = looker.look(entry, path)
    if (look.state === 'known') return look.token
    if (look.state === 'barred') return { result: 'failed', code: look.code }
  }
  return { result: 'failed', code: 'EBUSY' }
}
