import type { Timers } from '../../syncer/base/clock.ts'
import type { SyncProblem } from '../../syncer/session/sync-port.ts'
import type { Reporter, UiEvent } from './events.ts'

/** So many of a folder are told one by one; of more that come with them only their number. */
const toldMax = 10
/** When nothing more has come for so long, the next one is told by itself again. */
const restMs = 1_000
const kindsMax = 5

/** Tells a person of problems in bounded numbers: a thousand files of one cause are one line with a count. */
export function digestProblems(to: Reporter, timers: Timers): Reporter {
  const folders = new Map<string, FolderProblems>()
  const told = (event: UiEvent) => to.report(event)
  const sumUp = () => {
    for (const folder of folders.values()) folder.sumUp()
  }
  return {
    report(event) {
      const problem = problemOf(event)
      if (problem === null) {
        // what else happens is told after what came before it
        if (event.type !== 'transfer' && event.type !== 'output') sumUp()
        told(event)
        return
      }
      let folder = folders.get(problem.folder)
      if (!folder) {
        folder = new FolderProblems(problem.folder, told, timers)
        folders.set(problem.folder, folder)
      }
      folder.take(event, problem)
    },
    clear: () => to.clear(),
    close() {
      for (const folder of folders.values()) folder.close()
      to.close()
    },
  }
}

interface Told {
  folder: string
  problem: SyncProblem
  isSolved: boolean
}

function problemOf(event: UiEvent): Told | null {
  if (event.type !== 'sync') return null
  const { folder, event: what } = event
  if (what.type !== 'problem' && what.type !== 'problem-solved') return null
  return { folder, problem: what.problem, isSolved: what.type === 'problem-solved' }
}

/** The problems of one folder: those that were told, and how many were not. */
class FolderProblems {
  readonly #folder: string
  readonly #told: (event: UiEvent) => void
  readonly #timers: Timers
  readonly #open = new Set<string>()
  readonly #named = new Set<string>()
  readonly #kinds = new Map<string, number>()
  #more = 0
  #over = 0
  /** Told in this burst. */
  #count = 0
  #isResting = true
  #cancel: (() => void) | null = null

  constructor(folder: string, told: (event: UiEvent) => void, timers: Timers) {
    this.#folder = folder
    this.#told = told
    this.#timers = timers
  }

  take(event: UiEvent, { problem, isSolved }: Told): void {
    const key = `${problem.side} ${problem.path} ${problem.path === '' ? problem.code : ''}`
    const isNamed = this.#named.has(key)
    if (isSolved) this.#open.delete(key)
    else this.#open.add(key)
    this.#named.delete(key)
    if (this.#count < toldMax && (!isSolved || isNamed)) {
      this.#count++
      if (!isSolved) this.#named.add(key)
      this.#told(event)
    } else if (isSolved) this.#over++
    else {
      this.#more++
      this.#kinds.set(problem.code, (this.#kinds.get(problem.code) ?? 0) + 1)
    }
    this.#isResting = false
    this.#cancel ??= this.#timers.after(restMs, () => this.#rest())
  }

  #rest(): void {
    this.#cancel = null
    this.sumUp()
    if (this.#isResting) this.#count = 0
    else this.#cancel = this.#timers.after(restMs, () => this.#rest())
    this.#isResting = true
  }

  sumUp(): void {
    if (this.#more + this.#over === 0) return
    const all = [...this.#kinds].sort(([, a], [, b]) => b - a)
    const kinds = all.slice(0, kindsMax).map(([code, count]) => ({ code, count }))
    const { size: open } = this.#open
    this.#told({ type: 'problems-counted', folder: this.#folder, more: this.#more, over: this.#over, open, kinds })
    this.#more = 0
    this.#over = 0
    this.#kinds.clear()
  }

  close(): void {
    this.#cancel?.()
    this.#cancel = null
    this.sumUp()
  }
}
