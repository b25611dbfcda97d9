import type { Timers } from '../../../syncer/base/clock.ts'

export interface Work {
  controller: string
  namespace: string
  name: string
}

const backoffMsMin = 5
/** As the real controllers: about a quarter of an hour. */
const backoffMsMax = 1_000_000

/**
 * Calls each controller for the objects that changed, one at a time and never from within a change; again after a
 * failure, with a growing pause. An object that is due twice is handled once.
 */
export class ControlLoop {
  readonly #timers: Timers
  readonly #failed: (work: Work, error: unknown) => void
  readonly #controllers = new Map<string, (work: Work) => void>()
  readonly #due = new Map<string, Work>()
  readonly #failures = new Map<string, number>()
  readonly #waits = new Map<string, () => void>()
  #cancelRun: (() => void) | undefined
  #isStopped = false

  constructor(timers: Timers, failed: (work: Work, error: unknown) => void) {
    this.#timers = timers
    this.#failed = failed
  }

  add(controller: string, reconcile: (work: Work) => void): void {
    this.#controllers.set(controller, reconcile)
  }

  enqueue(controller: string, namespace: string, name: string): void {
    if (this.#isStopped) return
    const work = { controller, namespace, name }
    this.#due.set(idOf(work), work)
    this.#cancelRun ??= this.#timers.after(0, () => this.#run())
  }

  /** Replaces what was planned for the object. */
  enqueueAfter(delayMs: number, controller: string, namespace: string, name: string): void {
    if (this.#isStopped) return
    const id = idOf({ controller, namespace, name })
    this.#waits.get(id)?.()
    const cancel = this.#timers.after(delayMs, () => {
      this.#waits.delete(id)
      this.enqueue(controller, namespace, name)
    })
    this.#waits.set(id, cancel)
  }

  stop(): void {
    this.#isStopped = true
    this.#cancelRun?.()
    for (const cancel of this.#waits.values()) cancel()
    this.#waits.clear()
    this.#due.clear()
  }

  #run(): void {
    this.#cancelRun = undefined
    const due = [...this.#due]
    this.#due.clear()
    for (const [id, work] of due) {
      try {
        this.#controllers.get(work.controller)?.(work)
        this.#failures.delete(id)
      } catch (error) {
        this.#retry(id, work, error)
      }
    }
  }

  #retry(id: string, work: Work, error: unknown): void {
    const failures = (this.#failures.get(id) ?? 0) + 1
    this.#failures.set(id, failures)
    this.#failed(work, error)
    const delayMs = Math.min(backoffMsMax, backoffMsMin * 2 ** failures)
    this.enqueueAfter(delayMs, work.controller, work.namespace, work.name)
  }
}

function idOf({ controller, namespace, name }: Work): string {
  return `${controller} ${namespace}/${name}`
}
