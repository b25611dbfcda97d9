import { isWithin, type Path } from '../../core/path.ts'
import type { Role } from '../../core/sync-policy.ts'
import type { Entry } from '../../endpoint/tree.ts'

/** Of a path whose content the other end could not take in: no room there, or no right. It is sent again until then. */
export const notTakenInCode = 'not-taken-in'

/** Where the troubles of the private folder are told. */
export const ownProblems = '.podswap'

export interface PathProblem {
  path: Path
  /** `''`: there is none any more. */
  code: string
  message: string
  /** What the other end wrote there waits to be made: it has it alone. */
  isUnmade: boolean
  /** What was written there cannot be read: this end has it alone. */
  isUnread: boolean
}

/** What hinders the sync of single paths, and of the folder as a whole (`''`), until it is over. */
export class PathProblems {
  private readonly role: Role
  private readonly tell: (problem: PathProblem) => void
  private readonly problems = new Map<Path, PathProblem>()
  /**
   * Where a change of the other end cannot be made, and whether what it wrote is there alone: such a problem lasts until
   * there is an answer to it.
   */
  private readonly unmade = new Map<Path, boolean>()
  /** What was written at this end and cannot be read. */
  private readonly unread = new Set<Path>()
  /** What could not be made over an earlier connection, and was not offered over this one. */
  private readonly doubted = new Set<Path>()

  /** @param tell of each that is new, another one than before, or over */
  constructor(role: Role, tell: (problem: PathProblem) => void) {
    this.role = role
    this.tell = tell
  }

  get isEmpty(): boolean {
    return this.problems.size === 0
  }

  codeOf(path: Path): string | undefined {
    return this.problems.get(path)?.code
  }

  /** Those that are so over this connection. */
  certain(): PathProblem[] {
    return [...this.problems.values()].filter(({ path }) => !this.doubted.has(path))
  }

  paths(): Path[] {
    return [...this.problems.keys()]
  }

  note(path: Path, code: string, message: string): void {
    const known = this.problems.get(path)
    const isSame = known?.code === code
    const isUnmade = this.unmade.get(path) === true
    const isUnread = this.unread.has(path)
    const isAsKnown = isSame && known.isUnmade === isUnmade && known.isUnread === isUnread
    const isNews = this.doubted.delete(path) || !isAsKnown
    if (!isNews) return
    const problem = { path, code, message: isSame ? known.message : message, isUnmade, isUnread }
    this.problems.set(path, problem)
    this.tell(problem)
  }

  over(path: Path): void {
    this.doubted.delete(path)
    this.unread.delete(path)
    if (this.problems.delete(path)) this.tell({ path, code: '', message: '', isUnmade: false, isUnread: false })
  }

  /** @param isWork somebody has written it since this end began */
  cannotRead(path: Path, code: string, message: string, isWork: boolean): void {
    if (isWork) this.unread.add(path)
    else this.unread.delete(path)
    this.note(path, code, message)
  }

  /** It can be read (again). That says nothing of whether the other end's change can be made. */
  readable(path: Path): void {
    const isAwaited = this.unmade.has(path) || this.doubted.has(path)
    const known = this.problems.get(path)
    if (!isAwaited && known?.code !== notTakenInCode) this.over(path)
    else if (this.unread.delete(path) && known !== undefined) this.note(path, known.code, known.message)
  }

  /** What went with its folder is no trouble any more, whether anything is known of it or not. */
  readableBelow(gone: Path): void {
    for (const path of this.paths()) if (isWithin(path, gone)) this.readable(path)
  }

  /**
   * A change of the other end cannot be made here; it is offered again until it can, or is not wanted any more.
   * @param isContent it is no removal
   */
  cannotMake(path: Path, code: string, message: string, isContent = true): void {
    this.unmade.set(path, isContent)
    this.note(path, code, message)
  }

  /** A change of the other end could not be made there, over this connection. */
  isUnmade(path: Path): boolean {
    return this.unmade.has(path)
  }

  /** The connection is over: the other end, which may be another one by then, offers anew what it still wants made. */
  doubt(): void {
    if (this.role === 'pod') {
      // what was not offered since is wanted no more, and the laptop has not heard of it again
      for (const path of this.doubted) this.problems.delete(path)
      this.doubted.clear()
    }
    for (const path of this.unmade.keys()) this.doubted.add(path)
    this.unmade.clear()
  }

  /**
   * Laptop: the pod has offered all that it has.
   * @returns where else something could not be made: to be looked at again, for it may be no trouble any more
   */
  forgetDoubted(): Path[] {
    const paths = [...this.doubted]
    for (const path of paths) {
      const known = this.problems.get(path)
      if (known !== undefined) this.note(path, known.code, known.message)
    }
    return paths
  }

  /** Nothing of the other end waits to be made here any more. */
  made(path: Path): void {
    this.unmade.delete(path)
    this.over(path)
  }

  /** The other end has no room for its content, or no right; it is sent again until it is there, or not wanted any more. */
  notTakenIn(path: Path, code: string): void {
    const there = this.role === 'pod' ? 'on the laptop' : 'in the pod'
    this.note(path, notTakenInCode, `${path} could not be written ${there} (${code})`)
  }

  /** What stands there is agreed. */
  takenIn(entry: Entry): void {
    if (this.isEmpty) return
    const { path } = entry
    if (this.codeOf(path) === notTakenInCode) this.over(path)
  }
}
