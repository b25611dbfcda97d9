import { UserError } from '../../syncer/base/errors.ts'
import type { ReverseState } from '../forward/reverse-forwards.ts'
import type { Dev } from '../manifest/manifest.ts'
import type { DevPodNews } from '../swap/dev-pod-watcher.ts'
import type { UiEvent } from '../ui/events.ts'
import { asUserError } from './as-user-error.ts'
import { jittered } from './backoff.ts'
import { Connection } from './connection.ts'
import type { DevCommandOptions } from './dev-command.ts'
import { fetchWhileComing } from './fetch-while-coming.ts'
import type { Link } from './link.ts'
import { initialState, step } from './machine.ts'
import type { AppliedSwap, BoundForwards, SessionParts } from './parts.ts'
import { PodWork } from './pod-work.ts'
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

/** `isSame`: the command is the one that ran before the connection was lost. */
export type LinkReader = (link: Link | null, isSame: boolean) => void

/** One dev mode session: carries out what the state machine decides, and tells it what came of it. */
export class Session {
  /** Resolves, never rejects, when everything is closed. */
  readonly done: Promise<Outcome>
  readonly #config: SessionConfig
  readonly #parts: SessionParts
  readonly #report: (event: UiEvent) => void
  readonly #over = new AbortController()
  readonly #startedAt: number
  readonly #events: SessionEvent[] = []
  readonly #readers = new Set<LinkReader>()
  readonly #connection: Connection
  readonly #pod: PodWork
  readonly #swap: SwapWork
  readonly #forwards: SessionForwards
  #draining = false
  #isFetching = false
  #state: SessionState
  #cancelRetry = () => {}
  #stopWaking = () => {}
  #podIsThere = () => {}
  #trouble: string | null = null
  #lostAt = 0
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
    this.#startedAt = parts.clock.monotonic()
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
    this.done = new Promise(resolve => {
      this.#finish = resolve
    })
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

  /**
   * An end that takes the pod away waits for what was written there, and says what may not have come; the second one waits
   * for nothing.
   */
  #fetchedFirst(event: SessionEvent): void {
    if (!this.#config.downOnExit || this.#isFetching) {
      this.#dispatch(event)
      return
    }
    this.#isFetching = true
    void this.#fetchAll().then(() => {
      if (!this.#over.signal.aborted) this.#dispatch(event)
    })
  }

  async #fetchAll(): Promise<void> {
    try {
      const isCut = () => this.#connection.link === null
      await fetchWhileComing(this.#pod, { timers: this.#parts.timers, isCut, signal: this.#over.signal })
    } catch (error) {
      const why = asUserError(error).message
      const message = `what was written last in the dev pod may not all be here, and goes with the pod: ${why}`
      if (!this.#over.signal.aborted) this.#report({ type: 'warning', message })
    }
  }

  /** Calls `on` with each connection on which the command runs, and with null when it goes. */
  onLink(on: LinkReader): void {
    this.#readers.add(on)
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
    for (const reader of this.#readers) reader(null, true)
    if (state.phase !== 'reconnecting') return
    this.#lostAt = this.#parts.clock.monotonic()
    this.#report({ type: 'connection-lost', reason: this.#trouble ?? 'the pod is gone' })
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
    this.#limitWait()
    try {
      await this.#swap.watchPod(news => this.#onPod(news))
    } catch (error) {
      if (!(error instanceof UserError) || error.code !== 'not-found') throw error
      this.#dispatch({ type: 'swap-gone', error })
    }
  }

  /** As long as the manifest lets the first pod take. */
  #limitWait(): void {
    const { podTimeoutMs, at } = this.#config.dev
    if (podTimeoutMs === undefined) return
    this.#podIsThere = this.#parts.timers.after(podTimeoutMs, () => {
      const message = `the dev pod does not run after ${podTimeoutMs / 1_000} s${this.#trouble ? `: ${this.#trouble}` : ''}`
      const hint = 'a longer `timeout` in the manifest waits longer, and none as long as you do'
      this.#dispatch({ type: 'failed', error: new UserError('timeout', message, { at, hint }) })
    })
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

  #onPod(news: DevPodNews): void {
    if (this.#over.signal.aborted) return
    if (news.state !== 'running') this.#openFolders()
    if (news.state === 'running') {
      this.#podIsThere()
      const isNew = news.pod.uid !== this.#state.pod?.uid
      if (isNew) this.#report({ type: 'pod', state: 'running', pod: news.pod.name, message: '' })
      this.#dispatch({ type: 'pod-running', pod: news.pod })
      return
    }
    const { state, name } = news
    if (state === 'warning') {
      this.#report({ type: 'warning', message: `${name}: ${news.message}`, hint: news.hint })
      return
    }
    const message = state === 'pending' ? news.message : state === 'failed' ? news.error.message : ''
    this.#trouble = message ? `${name}: ${message}` : `${name} is gone`
    if (state === 'failed') this.#dispatch({ type: 'pod-failed', error: news.error })
    else this.#dispatch({ type: `pod-${state}` })
    const hint = state === 'pending' ? news.hint : undefined
    if (!this.#over.signal.aborted) this.#report({ type: 'pod', state, pod: name, message, ...(hint && { hint }) })
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
    const { link } = this.#connection
    const now = this.#parts.clock.monotonic()
    this.#trouble = null
    if (again) this.#report({ type: 'reconnected', elapsedMs: now - this.#lostAt })
    else {
      const forwards = this.#forwards.lines.map(({ local, remote }) => ({ local, remote }))
      const { dev, interactive } = this.#config
      const elapsedMs = now - this.#startedAt
      this.#report({ type: 'ready', dev: dev.name, elapsedMs, forwards, terminal: interactive })
    }
    for (const reader of this.#readers) reader(link, this.#pod.runIsSame)
  }

  #retryLater({ attempt, waitMs, error }: Extract<Effect, { type: 'retry-later' }>): void {
    const delayMs = jittered(waitMs, this.#parts.random)
    if (error && !this.#state.readyOnce)
      this.#report({ type: 'attach-failed', message: error.message, waitMs: delayMs })
    this.#cancelRetry = this.#parts.timers.after(delayMs, () => this.#dispatch({ type: 'retry-due', attempt }))
  }

  async #revert(): Promise<void> {
    this.#podIsThere()
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
    this.#podIsThere()
    this.#cancelRetry()
    this.#detach()
    await this.#closing(async () => this.#pod.close())
    await this.#swap.settled()
    await this.#closing(() => this.#forwards.close())
    if (outcome.cluster === 'untouched') await this.#swap.release()
    const workload = this.#swap.applied?.workload ?? null
    this.#report({ type: 'ended', dev: this.#config.dev.name, workload, outcome })
    this.#finish(outcome)
  }

  /** What cannot be closed in order (a full disk) must not keep the rest from it. */
  async #closing(close: () => Promise<void>): Promise<void> {
    try {
      await close()
    } catch (error) {
      this.#report({ type: 'warning', message: asUserError(error).message })
    }
  }
}
