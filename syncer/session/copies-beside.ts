import { errnoOf } from '../base/errors.ts'
import { nameOf, type Path, parentOf } from '../core/path.ts'
import { inTree } from '../disk/disk.ts'
import { conflictNames } from '../endpoint/conflict-names.ts'
import type { Rescue } from '../endpoint/late-looks.ts'
import type { StagedFile } from '../endpoint/stage.ts'
import type { Exchange } from './exchange.ts'

/** Keeps content whose own name is another's beside it, durably, and tells of it. */
export class CopiesBeside {
  private readonly x: Exchange

  constructor(exchange: Exchange) {
    this.x = exchange
  }

  /**
   * The pod's version of a path that was edited at both ends.
   * @param staged owned by this call
   * @returns where it is; undefined where it could not be saved, which is told where the system says why
   */
  save(path: Path, staged: StagedFile): Path | undefined {
    const { x } = this
    try {
      return x.replica.applier.save(conflictNames(this.freePlace(path), x.clock.now(), 'pod'), staged)
    } catch (error) {
      const code = errnoOf(error)
      if (code === undefined) throw error
      x.replica.stage.discard(staged)
      x.problems.cannotMake(path, code, `the pod's version of ${path} could not be saved beside it`)
      return undefined
    }
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

  announce(path: Path, copy: Path): void {
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
