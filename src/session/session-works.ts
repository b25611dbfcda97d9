import type { UiEvent } from '../ui/events.ts'
import { asUserError } from './as-user-error.ts'
import type { SessionConfig } from './config.ts'
import { Connection } from './connection.ts'
import type { Course } from './course.ts'
import { FetchBeforeEnd } from './fetch-before-end.ts'
import type { SessionParts } from './parts.ts'
import { PodNews } from './pod-news.ts'
import { PodWork } from './pod-work.ts'
import { Readiness } from './readiness.ts'
import { SessionForwards } from './session-forwards.ts'
import { SwapWork } from './swap-work.ts'

/** What a session has at work: in the cluster, in the pod, between the two, and for the person. */
export class SessionWorks {
  readonly swap: SwapWork
  readonly pod: PodWork
  readonly connection: Connection
  readonly forwards: SessionForwards
  readonly podNews: PodNews
  readonly readiness: Readiness
  readonly lastFetch: FetchBeforeEnd
  readonly #course: Course
  readonly #over: AbortSignal

  /** @param over aborted when the session ends */
  constructor(
    config: SessionConfig,
    parts: SessionParts,
    course: Course,
    over: AbortSignal,
    report: (event: UiEvent) => void,
  ) {
    const { dev, command } = config
    const { timers, clock } = parts
    this.#course = course
    this.#over = over
    this.swap = new SwapWork(parts, over, report)
    this.pod = new PodWork(parts, { sync: dev.sync, secrets: dev.secrets, command }, report)
    this.connection = new Connection(parts, over, {
      starting: () => this.openFolders(),
      attached: attempt => {
        this.openFolders()
        course.dispatch({ type: 'attached', attempt })
      },
      failed: (attempt, error) => course.troubled(error.message, { type: 'attach-failed', attempt, error }),
      lost: (attempt, upMs, reason) => course.troubled(reason, { type: 'detached', attempt, upMs }),
    })
    this.forwards = new SessionForwards(parts, this.connection, report)
    this.readiness = new Readiness(clock, report)
    const isCut = () => this.connection.link === null
    this.lastFetch = new FetchBeforeEnd(this.pod, { timers, isCut, signal: over }, report)
    this.podNews = new PodNews(dev, timers, { course, signal: over, openFolders: () => this.openFolders() }, report)
  }

  /**
   * Their reading takes a while: it begins where something else is waited for, the pod, or what is started in it to attach.
   */
  openFolders(): void {
    const { applied } = this.swap
    if (!applied || this.#over.aborted) return
    try {
      this.pod.openFolders(applied)
    } catch (error) {
      this.#course.dispatch({ type: 'failed', error: asUserError(error) })
    }
  }
}
