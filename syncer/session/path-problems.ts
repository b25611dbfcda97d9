import { isWithin, type Path } from '../core/path.ts'
import type { Role } from '../core/sync-policy.ts'
import type { Entry } from '../endpoint/tree.ts'
import { notTakenInCode } from './sync-port.ts'

/** Where the troubles of the private folder are told. */
export const ownProblems = '.podswap'

export interface PathProblem {
  path: Path
  /** `''`: there is none any more. */
  code: string
  message: string
}

/** What hinders the sync of single paths, and of the folder as a whole (`''`), until it is over. */
export class PathProblems {
  private readonly role: Role
  private readonly tell: (problem: PathProblem) => void
  private readonly problems = new Map<Path, PathProblem>()
  /** Where a change of the other end cannot be made: such a problem lasts until there is an answer to it. */
  private readonly unmade = new Set<Path>()

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

  all(): PathProblem[] {
    return [...this.problems.values()]
  }

  paths(): Path[] {
    return [...this.problems.keys()]
  }

  note(path: Path, code: string, message: string): void {
    if (this.codeOf(path) === code) return
    const problem = { path, code, message }
    this.problems.set(path, problem)
    this.tell(problem)
  }

  over(path: Path): void {
    if (this.problems.delete(path)) this.tell({ path, code: '', message: '' })
  }

  /** It can be read (again). That says nothing of whether the other end's change can be made. */
  readable(path: Path): void {
    if (!this.unmade.has(path) && this.codeOf(path) !== notTakenInCode) this.over(path)
  }

  /** What went with its folder is no trouble any more, whether anything is known of it or not. */
  readableBelow(gone: Path): void {
    for (const path of this.paths()) if (isWithin(path, gone)) this.readable(path)
  }

  /** A change of the other end cannot be made here; it is offered again until it can, or is not wanted any more. */
  cannotMake(path: Path, code: string, message: string): void {
    this.unmade.add(path)
    this.note(path, code, message)
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
