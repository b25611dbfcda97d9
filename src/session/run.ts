import { UserError } from '../../syncer/base/errors.ts'
import type { ReverseState } from '../forward/reverse-forwards.ts'
import type { Dev } from '../manifest/manifest.ts'
import type { UiEvent } from '../ui/events.ts'
import { asUserError } from './as-user-error.ts'
import { jittered } from './backoff.ts'
import { closeSession } from './close-session.ts'
import { Connection } from './connection.ts'
import type { DevCommandOptions } from './dev-command.ts'
import { FetchBeforeEnd } from './fetch-before-end.ts'
import type { Link } from './link.ts'
import { initialState, step } from './machine.ts'
import type { AppliedSwap, BoundForwards, SessionParts } from './parts.ts'
import { PodNews, type PodNewsSession } from './pod-news.ts'
import { PodWork } from './pod-work.ts'
import { type LinkReader, Readiness } from './readiness.ts'
import { SessionForwards } from './session-forwards.ts'
import type { Effect, Outcome, PodRef, SessionEvent, SessionState } from './session-state.ts'
import type { FolderSource } from './status-report.ts'
import { SwapWork } from './swap-work.ts'
import { onWake } from './wake.ts'

export interface SessionConfig {
  dev: Dev
  /** What runs in the pod: the manifest's, or another one from the command line. */
  command: DevCommandOptions
  endsWithCommand: boolean
  /** The keys that leave the terminal are worth telling. */
  interactive: boolean
  downOnExit: boolean
  /** The original's own command takes the place of the one above. */
  keepCommand?: boolean
}

/** What the outside may know of a running session. */
export interface SessionSnapshot {
  phase: SessionState['phase']
  pod: string | null
  swap: AppliedSwap | null
  forwards: BoundForwards['lines']
  reverses: ReverseState[]
  folders: FolderSource[]
  /** Why it is not ready, where something went wrong. */
  trouble: string | null
}

/** One dev mode session: carries out what the state machine decides, and tells it what came of it. */
export class Session {
  /** Resolves, never rejects, when everything is closed. */
  readonly done: Promise<Outcome>
  readonly #config: SessionConfig
  readonly #parts: SessionParts
  readonly #report: (event: UiEvent) => void
  readonly #over = new AbortController()
  readonly #events: SessionEvent[] = []
  readonly #connection: Connection
  readonly #pod: PodWork
  readonly #swap: SwapWork
  readonly #forwards: SessionForwards
  readonly #podNews: PodNews
  readonly #lastFetch: FetchBeforeEnd
  readonly #readiness: Readiness
  #draining = false
  #state: SessionState
  #cancelRetry = () => {}
  #stopWaking = () => {}
  #trouble: string | null = null
  #finish: (outcome: Outcome) => void = () => {}

  constructor(config: SessionConfig, parts: SessionParts, report: (event: UiEvent) => void) {
    this.#config = config
    this.#parts = parts
    this.#report = report
    this.#pod = new PodWork(
      parts,
      { sync: config.dev.sync, secrets: config.dev.secrets, command: config.command },
      report,
    )
    this.#swap = new SwapWork(parts, this.#over.signal, report)
    this.#state = initialState({ endsWithCommand: config.endsWithCommand, downOnExit: config.downOnExit })
    this.#connection = new Connection(parts, this.#over.signal, {
      starting: () => this.#openFolders(),
      attached: attempt => {
        this.#openFolders()
        this.#dispatch({ type: 'attached', attempt })
      },
      failed: (attempt, error) => this.#troubled(error.message, { type: 'attach-failed', attempt, error }),
      lost: (attempt, upMs, reason) => this.#troubled(reason, { type: 'detached', attempt, upMs }),
    })
    this.#forwards = new SessionForwards(parts, this.#connection, report)
    this.#readiness = new Readiness(parts.clock, report)
    const isCut = () => this.#connection.link === null
    this.#lastFetch = new FetchBeforeEnd(this.#pod, { timers: parts.timers, isCut, signal: this.#over.signal }, report)
    this.#podNews = new PodNews(config.dev, parts.timers, this.#forPodNews(), report)
    this.done = new Promise(resolve => {
      this.#finish = resolve
    })
  }

  #forPodNews(): PodNewsSession {
    return {
      signal: this.#over.signal,
      podUid: () => this.#state.pod?.uid,
      why: () => this.#trouble,
      trouble: why => {
        this.#trouble = why
      },
      openFolders: () => this.#openFolders(),
      dispatch: event => this.#dispatch(event),
    }
  }

  start(): void {
    this.#stopWaking = onWake(this.#parts.clock, this.#parts.timers, () => this.#woke())
    this.#dispatch({ type: 'start' })
  }

  #woke(): void {
    this.#swap.woke()
    this.#dispatch({ type: 'woke' })
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
    this.#dispatch({ type: 'stopped' })
  }

  commandExited(exit: { code: number; signal?: string; error?: string }): void {
    this.#report({ type: 'command-exited', ...exit })
    this.#fetchedFirst({ type: 'command-exited', code: exit.code, signal: exit.signal })
  }

  #fetchedFirst(event: SessionEvent): void {
    const end = () => this.#dispatch(event)
    if (this.#config.downOnExit) this.#lastFetch.run(end)
    else end()
  }

  /** Calls `on` with each connection on which the command runs, and with null when it goes. */
  onLink(on: LinkReader): void {
    this.#readiness.onLink(on)
  }

  get wasReady(): boolean {
    return this.#state.readyOnce
  }

  /** The connection to the agent, whether or not everything on it stands. */
  get link(): Link | null {
    return this.#connection.link
  }

  snapshot(): SessionSnapshot {
    return {
      phase: this.#state.phase,
      pod: this.#state.pod?.name ?? null,
      swap: this.#swap.applied,
      forwards: this.#forwards.lines,
      reverses: this.#parts.reverses?.states ?? [],
      folders: this.#pod.sources,
      trouble: this.#trouble,
    }
  }

  /** Throws `not-found` while there is no sync yet, and what the sync session says. */
  async flush(signal: AbortSignal): Promise<void> {
    await this.#pod.flush(signal)
  }

  /** Resolves when what was written in the pod before the call is here; throws what the sync session says. */
  async fetch(signal: AbortSignal): Promise<void> {
    await this.#pod.fetch(signal)
  }

  #dispatch(event: SessionEvent): void {
    this.#events.push(event)
    if (this.#draining) return
    this.#draining = true
    try {
      for (let next = this.#events.shift(); next; next = this.#events.shift()) this.#advance(next)
    } finally {
      this.#draining = false
    }
  }

  #troubled(why: string, event: SessionEvent): void {
    this.#trouble = why
    this.#dispatch(event)
  }

  #advance(event: SessionEvent): void {
    const before = this.#state
    const { state, effects } = step(before, event)
    this.#state = state
    if (state.phase !== before.phase) {
      if (before.step === 'ready') this.#lostReady(state)
      this.#report({ type: 'phase', phase: state.phase })
    }
    for (const effect of effects) this.#perform(effect)
  }

  #lostReady(state: SessionState): void {
    this.#readiness.unlinked()
    if (state.phase === 'reconnecting') this.#readiness.lost(this.#trouble ?? 'the pod is gone')
  }

  #perform(effect: Effect): void {
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
        this.#task(this.#connection.open(effect.attempt, effect.pod))
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
        this.#task(this.#connection.probe())
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
    task.catch(error => this.#dispatch({ type: 'failed', error: asUserError(error) }))
  }

  async #claimSwap(): Promise<void> {
    const { tookOver, command } = await this.#swap.claim()
    if (command !== undefined) this.#pod.keepCommand(command)
    if (this.#over.signal.aborted) return
    this.#task(this.#swap.keep())
    this.#dispatch({ type: 'swap-claimed', tookOver })
  }

  async #bindForwards(patient: boolean): Promise<void> {
    await this.#forwards.bind(patient, () => this.#trouble, this.#over.signal)
    this.#dispatch({ type: 'forwards-bound' })
  }

  async #applySwap(): Promise<void> {
    const { resumed } = await this.#swap.apply(() => this.#dispatch({ type: 'swap-touched' }))
    this.#dispatch({ type: 'swap-applied', resumed })
  }

  async #watchPod(): Promise<void> {
    const { applied } = this.#swap
    if (!applied) return
    this.#podNews.limitWait()
    try {
      await this.#swap.watchPod(news => this.#podNews.take(news))
    } catch (error) {
      if (!(error instanceof UserError) || error.code !== 'not-found') throw error
      this.#dispatch({ type: 'swap-gone', error })
    }
  }

  /**
   * Their reading takes a while: it begins where something else is waited for, the pod, or what is started in it to attach.
   */
  #openFolders(): void {
    const { applied } = this.#swap
    if (!applied || this.#over.signal.aborted) return
    try {
      this.#pod.openFolders(applied)
    } catch (error) {
      this.#dispatch({ type: 'failed', error: asUserError(error) })
    }
  }

  #detach(): void {
    this.#pod.detach()
    this.#connection.close()
  }

  async #sync(attempt: number): Promise<void> {
    const link = this.#connection.of(attempt)
    if (link && (await this.#pod.sync(link, attempt, this.#state.readyOnce)))
      this.#dispatch({ type: 'synced', attempt })
  }

  async #startCommand(attempt: number, pod: PodRef): Promise<void> {
    const link = this.#connection.of(attempt)
    if (!link || !(await this.#pod.start(link, pod, this.#state.readyOnce))) return
    if (!this.#state.readyOnce) await this.#swap.awaitAlone(this.#over.signal)
    this.#dispatch({ type: 'command-started', attempt })
  }

  #beReady(again: boolean): void {
    this.#trouble = null
    const { dev, interactive } = this.#config
    if (again) this.#readiness.again()
    else this.#readiness.first({ dev: dev.name, forwards: this.#forwards.lines, terminal: interactive })
    this.#readiness.linked(this.#connection.link, this.#pod.runIsSame)
  }

  #retryLater({ attempt, waitMs, error }: Extract<Effect, { type: 'retry-later' }>): void {
    const delayMs = jittered(waitMs, this.#parts.random)
    if (error && !this.#state.readyOnce)
      this.#report({ type: 'attach-failed', message: error.message, waitMs: delayMs })
    this.#cancelRetry = this.#parts.timers.after(delayMs, () => this.#dispatch({ type: 'retry-due', attempt }))
  }

  async #revert(): Promise<void> {
    this.#podNews.isThere()
    this.#over.abort()
    try {
      await this.#swap.revert(this.#config.dev.name)
      this.#dispatch({ type: 'reverted' })
    } catch (error) {
      this.#dispatch({ type: 'revert-failed', error: asUserError(error) })
    }
  }

  async #end(outcome: Outcome): Promise<void> {
    this.#over.abort()
    this.#stopWaking()
    this.#podNews.isThere()
    this.#cancelRetry()
    this.#detach()
    await closeSession({ pod: this.#pod, swap: this.#swap, forwards: this.#forwards }, outcome, this.#report)
    const workload = this.#swap.applied?.workload ?? null
    this.#report({ type: 'ended', dev: this.#config.dev.name, workload, outcome })
    this.#finish(outcome)
  }
}
