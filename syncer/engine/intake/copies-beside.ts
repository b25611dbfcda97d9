import { errnoOf } from '../../base/errors.ts'
import { isFile } from '../../core/content.ts'
import { nameOf, type Path, parentOf } from '../../core/path.ts'
import { inTree } from '../../disk/disk.ts'
import { conflictNames } from '../../endpoint/conflict-names.ts'
import type { Rescue } from '../../endpoint/late-looks.ts'
import type { StagedFile } from '../../endpoint/stage.ts'
import type { Entry } from '../../endpoint/tree.ts'
import type { Put } from '../../wire/change-message.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { FollowedCopies } from '../exchange/followed-copies.ts'

/** Keeps content whose own name is another's beside it, durably, and tells of it. */
export class CopiesBeside {
  private readonly x: Exchange

  constructor(exchange: Exchange) {
    this.x = exchange
  }

  /**
   * The pod's version of a path that was edited at both ends. While ours is on its way to the pod a program there may go on
   * writing: what it overwrote there gives way in the copy, too, if nobody touched that ({@link FollowedCopies}).
   * @param staged owned by this call
   * @param isUnderWay what must not be changed now
   * @returns undefined where it is saved; where it could not be: why, which is told where the system says it
   */
  save(
    entry: Entry,
    put: Put,
    staged: StagedFile,
    isUnderWay: (entry: Entry) => boolean,
  ): 'changed' | 'failed' | undefined {
    const { x } = this
    const { path } = put
    const { applier, tree } = x.replica
    const last = this.copyOfBase(entry, put)
    x.followed.delete(entry)
    try {
      if (last !== undefined && !isUnderWay(last) && this.mayGiveWay(last, put)) {
        if (!this.replace(last, put, staged)) return 'changed'
        x.followed.add(entry, { copy: last.path, token: put.data })
        return undefined
      }
      const copy = applier.save(conflictNames(this.freePlace(path), x.clock.now(), 'pod'), staged)
      if (copy === undefined) return 'failed'
      x.followed.add(entry, { copy, token: put.data })
      this.announce(path, copy)
      applier.trust(tree.ensure(copy), copy, put.data, staged)
      return undefined
    } catch (error) {
      const code = errnoOf(error)
      if (code === undefined) throw error
      x.replica.stage.discard(staged)
      x.problems.cannotMake(path, code, `the pod's version of ${path} could not be saved beside it`)
      return 'failed'
    }
  }

  /** Where the version that the pod overwrote with this one was saved. */
  private copyOfBase(entry: Entry, { base, data }: Put): Entry | undefined {
    const { followed, replica } = this.x
    const copy = isFile(base) && isFile(data) ? followed.of(entry, base) : undefined
    return copy === undefined ? undefined : replica.tree.find(copy)
  }

  /**
   * The copy holds exactly what was overwritten, and the pod's copy of it does not hold what is to come: who takes that
   * away there, say over the path itself, would take it away here as well.
   */
  private mayGiveWay(at: Entry, { base, data }: Put): boolean {
    if (data === at.agreed || data === at.sent) return false
    const look = this.x.replica.looker.look(at, at.path)
    const stands = look.state === 'known' && look.token === base
    // Somebody else's is to be told of, and what was begun to be read is to be read on.
    if (!stands) this.x.queue(at, true)
    return stands
  }

  /** Durable when it returns, as any copy. @returns false where it is not done: offered again, it becomes a new copy */
  private replace(at: Entry, put: Put, staged: StagedFile): boolean {
    const { applier, disk } = this.x.replica
    const { path } = at
    const outcome = applier.put(at, path, put.base, put.data, staged)
    this.x.queue(at, true)
    if (outcome.result === 'done') disk.sync(inTree(path))
    return outcome.result === 'done'
  }

  /** Saves content that a program wrote into a file we had already replaced or removed. */
  rescue(rescue: Rescue): void {
    const { x } = this
    const nowMs = x.clock.now()
    const names = [
      rescue.path,
      ...conflictNames(rescue.path, nowMs, 'late'),
      ...conflictNames(nameOf(rescue.path), nowMs, 'late'),
    ]
    try {
      const copy = x.replica.applier.bringBack(rescue.name, names)
      if (copy !== undefined) this.announce(rescue.path, copy)
    } catch (error) {
      const code = errnoOf(error)
      if (code === undefined) throw error
      x.problems.note(rescue.path, code, `late changes to ${rescue.path} could not be saved beside it`)
    }
  }

  private announce(path: Path, copy: Path): void {
    const { x } = this
    x.queue(x.replica.tree.ensure(copy), true)
    x.emit({ type: 'conflict', path, copy })
  }

  /** The path, with the folders of it that cannot be here (a file has their name) folded into the name. */
  private freePlace(path: Path): Path {
    let dir = parentOf(path)
    while (dir !== '' && this.x.replica.disk.stat(inTree(dir))?.kind !== 'dir') dir = parentOf(dir)
    const rest = dir === '' ? path : path.slice(dir.length + 1)
    const name = rest.replaceAll('/', '-')
    return dir === '' ? name : `${dir}/${name}`
  }
}
