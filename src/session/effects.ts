import { UserError } from '../../syncer/base/errors.ts'
import type { UiEvent } from '../ui/events.ts'
import { asUserError } from './as-user-error.ts'
import { jittered } from './backoff.ts'
import { closeSession } from './close-session.ts'
import type { SessionConfig } from './config.ts'
import type { Course } from './course.ts'
import type { SessionParts } from './parts.ts'
import type { Effect, Outcome, PodRef } from './session-state.ts'
import type { SessionWorks } from './session-works.ts'
import { onWake } from './wake.ts'

export interface EffectsOptions {
  config: SessionConfig
  parts: Pick<SessionParts, 'clock' | 'timers' | 'random'>
  course: Course
  works: SessionWorks
  /** Aborted by the effects that end the session. */
  over: AbortController
  /** Called when everything is closed. */
  ended(outcome: Outcome): void
}

/** Carries out what the state machine decides, and tells it what came of it. */
export class Effects {
  readonly #options: EffectsOptions
  readonly #course: Course
  readonly #works: SessionWorks
  readonly #over: AbortController
  readonly #report: (event: UiEvent) => void
  #cancelRetry = () => {}
  #stopWaking = () => {}

  constructor(options: EffectsOptions, report: (event: UiEvent) => void) {
    this.#options = options
    this.#course = options.course
    this.#works = options.works
    this.#over = options.over
    this.#report = report
  }

  /** Begins the session. */
  start(): void {
    const { clock, timers } = this.#options.parts
    this.#stopWaking = onWake(clock, timers, () => this.#woke())
    this.#course.dispatch({ type: 'start' })
  }

  #woke(): void {
    this.#works.swap.woke()
    this.#course.dispatch({ type: 'woke' })
  }

  perform(effect: Effect): void {
    switch (effect.type) {
      case 'claim-swap':
        this.#task(this.#claimSwap())
        break
      case 'bind-forwards':
        this.#task(this.#bindForwards(effect.patient))
        break
      case 'apply-swap':
        this.#task(this.#applySwap())
        break
      case 'watch-pod':
        this.#task(this.#watchPod())
        break
      case 'attach':
        this.#task(this.#works.connection.open(effect.attempt, effect.pod))
        break
      case 'detach':
        this.#detach()
        break
      case 'sync':
        this.#task(this.#sync(effect.attempt))
        break
      case 'start-command':
        this.#task(this.#startCommand(effect.attempt, effect.pod))
        break
      case 'be-ready':
        this.#beReady(effect.again)
        break
      case 'retry-later':
        this.#retryLater(effect)
        break
      case 'cancel-retry':
        this.#cancelRetry()
        break
      case 'probe':
        this.#task(this.#works.connection.probe())
        break
      case 'revert':
        this.#task(this.#revert())
        break
      case 'end':
        void this.#end(effect.outcome)
        break
    }
  }

  /** What a task throws and has not said otherwise ends the session. */
  #task(task: Promise<void>): void {
    task.catch(error => this.#course.dispatch({ type: 'failed', error: asUserError(error) }))
  }

  async #claimSwap(): Promise<void> {
    const { swap, pod } = this.#works
    const { tookOver, command } = await swap.claim()
    if (command !== undefined) pod.keepCommand(command)
    if (this.#over.signal.aborted) return
    this.#task(swap.keep())
    this.#course.dispatch({ type: 'swap-claimed', tookOver })
  }

  async #bindForwards(patient: boolean): Promise<void> {
    await this.#works.forwards.bind(patient, () => this.#course.trouble, this.#over.signal)
    this.#course.dispatch({ type: 'forwards-bound' })
  }

  async #applySwap(): Promise<void> {
    const { resumed } = await this.#works.swap.apply(() => this.#course.dispatch({ type: 'swap-touched' }))
    this.#course.dispatch({ type: 'swap-applied', resumed })
  }

  async #watchPod(): Promise<void> {
    const { swap, podNews } = this.#works
    if (!swap.applied) return
    podNews.limitWait()
    try {
      await swap.watchPod(news => podNews.take(news))
    } catch (error) {
      if (!(error instanceof UserError) || error.code !== 'not-found') throw error
      this.#course.dispatch({ type: 'swap-gone', error })
    }
  }

  #detach(): void {
    this.#works.pod.detach()
    this.#works.connection.close()
  }

  async #sync(attempt: number): Promise<void> {
    const { pod, connection } = this.#works
    const link = connection.of(attempt)
    if (link && (await pod.sync(link, attempt, this.#course.state.readyOnce)))
      this.#course.dispatch({ type: 'synced', attempt })
  }

  async #startCommand(attempt: number, ref: PodRef): Promise<void> {
    const { pod, swap, connection } = this.#works
    const link = connection.of(attempt)
    if (!link || !(await pod.start(link, ref, this.#course.state.readyOnce))) return
    if (!this.#course.state.readyOnce) await swap.awaitAlone(this.#over.signal)
    this.#course.dispatch({ type: 'command-started', attempt })
  }

  #beReady(again: boolean): void {
    this.#course.trouble = null
    const { dev, interactive } = this.#options.config
    const { readiness, forwards, connection, pod } = this.#works
    if (again) readiness.again()
    else {
      const problems = pod.sources.reduce((count, { status }) => count + status.problems.length, 0)
      readiness.first({ dev: dev.name, forwards: forwards.lines, terminal: interactive, problems })
    }
    readiness.linked(connection.link, pod.runIsSame)
  }

  #retryLater({ attempt, waitMs, error }: Extract<Effect, { type: 'retry-later' }>): void {
    const { random, timers } = this.#options.parts
    const delayMs = jittered(waitMs, random)
    if (error && !this.#course.state.readyOnce)
      this.#report({ type: 'attach-failed', message: error.message, waitMs: delayMs })
    this.#cancelRetry = timers.after(delayMs, () => this.#course.dispatch({ type: 'retry-due', attempt }))
  }

  async #revert(): Promise<void> {
    this.#works.podNews.isThere()
    this.#over.abort()
    try {
      await this.#works.swap.revert(this.#options.config.dev.name)
      this.#course.dispatch({ type: 'reverted' })
    } catch (error) {
      this.#course.dispatch({ type: 'revert-failed', error: asUserError(error) })
    }
  }

  async #end(outcome: Outcome): Promise<void> {
    this.#over.abort()
    this.#stopWaking()
    this.#works.podNews.isThere()
    this.#cancelRetry()
    this.#detach()
    await closeSession(this.#works, outcome, this.#report)
    const workload = this.#works.swap.applied?.workload ?? null
    this.#report({ type: 'ended', dev: this.#options.config.dev.name, workload, outcome })
    this.#options.ended(outcome)
  }
}
