import type { ReverseState } from '../forward/reverse-forwards.ts'
import type { UiEvent } from '../ui/events.ts'
import type { SessionConfig } from './config.ts'
import { Course } from './course.ts'
import { Effects } from './effects.ts'
import type { Link } from './link.ts'
import type { AppliedSwap, BoundForwards, SessionParts } from './parts.ts'
import type { LinkReader } from './readiness.ts'
import type { Outcome, Phase, SessionEvent, SessionState } from './session-state.ts'
import { SessionWorks } from './session-works.ts'
import type { FolderSource } from './status-report.ts'

/** What the outside may know of a running session. */
export interface SessionSnapshot {
  phase: SessionState['phase']
  pod: string | null
  swap: AppliedSwap | null
  forwards: BoundForwards['lines']
  waitingForwards: ReturnType<BoundForwards['waiting']>
  reverses: ReverseState[]
  folders: FolderSource[]
  /** Why it is not ready, where something went wrong. */
  trouble: string | null
}

/** One dev mode session: what others ask of it, and tell it. */
export class Session {
  /** Resolves, never rejects, when everything is closed. */
  readonly done: Promise<Outcome>
  readonly #config: SessionConfig
  readonly #parts: SessionParts
  readonly #report: (event: UiEvent) => void
  readonly #course: Course
  readonly #works: SessionWorks
  readonly #effects: Effects

  constructor(config: SessionConfig, parts: SessionParts, report: (event: UiEvent) => void) {
    const over = new AbortController()
    let finish: (outcome: Outcome) => void = () => {}
    this.done = new Promise(resolve => {
      finish = resolve
    })
    this.#config = config
    this.#parts = parts
    this.#report = report
    const { endsWithCommand, downOnExit } = config
    const options = { endsWithCommand, downOnExit }
    const course = new Course(options, {
      effect: effect => this.#effects.perform(effect),
      phase: (phase, wasReady) => this.#tellPhase(phase, wasReady),
    })
    const works = new SessionWorks(config, parts, course, over.signal, report)
    this.#course = course
    this.#works = works
    this.#effects = new Effects({ config, parts, course, works, over, ended: finish }, report)
  }

  start(): void {
    this.#effects.start()
  }

  /** `undo`: what this session has swapped is put back, though it was ready. */
  interrupt(signal: string, { undo = false } = {}): void {
    this.#fetchedFirst({ type: 'interrupted', signal, ...(undo && { undo }) })
  }

  /** The person left the program's terminal. */
  leave(): void {
    this.#fetchedFirst({ type: 'left' })
  }

  /** Another podswap process asked for the end; the cluster stays as it is. */
  stop(): void {
    this.#course.dispatch({ type: 'stopped' })
  }

  commandExited(exit: { code: number; signal?: string; error?: string }): void {
    this.#report({ type: 'command-exited', ...exit })
    this.#fetchedFirst({ type: 'command-exited', code: exit.code, signal: exit.signal })
  }

  #fetchedFirst(event: SessionEvent): void {
    const end = () => this.#course.dispatch(event)
    if (this.#config.downOnExit) this.#works.lastFetch.run(end)
    else end()
  }

  /** Calls `on` with each connection on which the command runs, and with null when it goes. */
  onLink(on: LinkReader): void {
    this.#works.readiness.onLink(on)
  }

  get wasReady(): boolean {
    return this.#course.state.readyOnce
  }

  /** The connection to the agent, whether or not everything on it stands. */
  get link(): Link | null {
    return this.#works.connection.link
  }

  snapshot(): SessionSnapshot {
    const { state, trouble } = this.#course
    const { swap, forwards, pod } = this.#works
    return {
      phase: state.phase,
      pod: state.pod?.name ?? null,
      swap: swap.applied,
      forwards: forwards.lines,
      waitingForwards: forwards.waiting,
      reverses: this.#parts.reverses?.states ?? [],
      folders: pod.sources,
      trouble,
    }
  }

  /** Throws `not-found` while there is no sync yet, and what the sync session says. */
  async flush(signal: AbortSignal): Promise<void> {
    await this.#works.pod.flush(signal)
  }

  /** Resolves when what was written in the pod before the call is here; throws what the sync session says. */
  async fetch(signal: AbortSignal): Promise<void> {
    await this.#works.pod.fetch(signal)
  }

  #tellPhase(phase: Phase, wasReady: boolean): void {
    const { readiness } = this.#works
    if (wasReady) readiness.unlinked()
    if (wasReady && phase === 'reconnecting') readiness.lost(this.#course.trouble ?? 'the pod is gone')
    this.#report({ type: 'phase', phase })
  }
}
