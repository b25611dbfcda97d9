import { UserError } from '../base/errors.ts'
import type { Path } from '../core/path.ts'
import { type SyncConflict, type SyncEvent, type SyncProblem, unkeptCode, unusableCode } from './sync-port.ts'
import { watchLimitCode } from './watch-limit.ts'

const conflictsKept = 1_000
const problemsKept = 10_000
const replacedKept = 10_000
const haltKey = 'halt'

/** What a person should know of a folder: conflicts, what cannot be synced at either end, and a halt. */
export class SessionProblems {
  private conflicts: SyncConflict[] = []
  halted = false
  private readonly replacedPaths = new Set<Path>()
  private readonly problems = new Map<string, SyncProblem>()
  /** Keys of what a pod said on a connection that ended, and has not said again. */
  private readonly untold = new Set<string>()
  /** Limit of the pod that was told: it is said once, however often the pod says it after a reconnect. */
  private podLimitTold = ''
  private readonly onEvent: (event: SyncEvent) => void

  constructor(onEvent: (event: SyncEvent) => void) {
    this.onEvent = onEvent
  }

  /** Paths of which an edit of the pod gave way; at most so many are told apart. */
  get replaced(): number {
    return this.replacedPaths.size
  }

  replace(path: Path): void {
    if (this.replacedPaths.has(path) || this.replacedPaths.size >= replacedKept) return
    this.replacedPaths.add(path)
    this.onEvent({ type: 'replaced', path })
  }

  get list(): SyncProblem[] {
    return [...this.problems.values()]
  }

  conflict(conflict: SyncConflict): void {
    if (this.conflicts.length < conflictsKept) this.conflicts.push(conflict)
    this.onEvent({ type: 'conflict', conflict })
  }

  /** Those that nobody has settled yet: one whose copy is gone is over, for good. */
  openConflicts(isThere: (copy: string) => boolean): SyncConflict[] {
    this.conflicts = this.conflicts.filter(({ copy }) => isThere(copy))
    return [...this.conflicts]
  }

  /** Takes a problem of either end; one without a code is over. */
  take({ side, path, code, message, isUnmade = false, isUnread = false }: SyncProblem): void {
    if (code === watchLimitCode) this.takeLimit(side, message)
    else if (code === unkeptCode) this.takeOfFolder(side, code, message)
    else if (code === '') this.solve(`${side} ${path}`)
    else this.takeOfPath({ side, path, code, message, ...(isUnmade && { isUnmade }), ...(isUnread && { isUnread }) })
  }

  /** The connection is gone: the pod that answers next, which may be another one, says anew what is wrong. */
  podGone(): void {
    this.problems.delete('pod ')
    this.problems.delete(`pod ${watchLimitCode}`)
    for (const [key, { side, path }] of this.problems) if (side === 'pod' && path !== '') this.untold.add(key)
  }

  /** The pod has said all that is wrong there: of what it has not said again nothing is left. */
  forgetUntold(): void {
    for (const key of this.untold) this.solve(key)
    this.untold.clear()
  }

  /** Said once, however often the pod refuses it; it stays until the folder is in use. */
  unusable(message: string): void {
    const problem: SyncProblem = { side: 'pod', path: '', code: unusableCode, message }
    if (this.problems.get(unusableCode)?.message !== message) this.tell(unusableCode, problem)
  }

  usable(): void {
    this.solve(unusableCode)
  }

  /** @returns whether it is news */
  halt(deletes: number): boolean {
    if (this.halted) return false
    this.halted = true
    this.problems.set(haltKey, { side: 'pod', path: '', code: 'halted', message: haltedError().message })
    this.onEvent({
      type: 'halted',
      reason: `${deletes} files and folders vanished at once in the pod; nothing was deleted here`,
      hint: 'put them back in the pod, or delete them here too; `podswap down` and `up` fill the pod anew',
    })
    return true
  }

  resume(): void {
    if (this.halted) this.onEvent({ type: 'resumed' })
    this.halted = false
    this.problems.delete(haltKey)
  }

  private takeOfPath(problem: SyncProblem): void {
    const key = `${problem.side} ${problem.path}`
    this.untold.delete(key)
    const known = this.problems.get(key)
    if (known?.code === problem.code && known.message === problem.message) {
      this.problems.set(key, problem)
      return
    }
    if (known !== undefined || this.problems.size < problemsKept) this.tell(key, problem)
  }

  private takeLimit(side: SyncProblem['side'], message: string): void {
    if (message !== '' && side === 'pod' && this.podLimitTold === message)
      this.problems.set(`${side} ${watchLimitCode}`, { side, path: '', code: watchLimitCode, message })
    else this.takeOfFolder(side, watchLimitCode, message)
    if (side === 'pod') this.podLimitTold = message
  }

  /** Beside other problems of the folder; one without a message is over. */
  private takeOfFolder(side: SyncProblem['side'], code: string, message: string): void {
    const key = `${side} ${code}`
    if (message === '') this.solve(key)
    else this.tell(key, { side, path: '', code, message })
  }

  private solve(key: string): void {
    const problem = this.problems.get(key)
    if (problem === undefined) return
    this.problems.delete(key)
    this.onEvent({ type: 'problem-solved', problem })
  }

  private tell(key: string, problem: SyncProblem): void {
    this.problems.set(key, problem)
    this.onEvent({ type: 'problem', problem })
  }
}

export function haltedError(): UserError {
  return new UserError('sync-halted', 'sync is halted: many files vanished at once in the pod', {
    hint: 'put them back in the pod, or delete them here too',
  })
}
