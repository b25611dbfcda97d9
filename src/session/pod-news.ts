import type { Timers } from '../../syncer/base/clock.ts'
import { UserError } from '../../syncer/base/errors.ts'
import type { Dev } from '../manifest/manifest.ts'
import type { DevPodNews } from '../swap/dev-pod-watcher.ts'
import type { UiEvent } from '../ui/events.ts'
import type { Course } from './course.ts'

/** What of a session the pod's news concerns. */
export interface PodNewsSession {
  course: Course
  /** Aborted when the session ends. */
  signal: AbortSignal
  openFolders(): void
}

/** Takes what is new of the dev pod, tells it, and limits how long the first one may take. */
export class PodNews {
  /** A pod runs, or none is waited for any more. */
  isThere: () => void = () => {}
  readonly #dev: Pick<Dev, 'podTimeoutMs' | 'at'>
  readonly #timers: Timers
  readonly #session: PodNewsSession
  readonly #report: (event: UiEvent) => void

  constructor(
    dev: Pick<Dev, 'podTimeoutMs' | 'at'>,
    timers: Timers,
    session: PodNewsSession,
    report: (event: UiEvent) => void,
  ) {
    this.#dev = dev
    this.#timers = timers
    this.#session = session
    this.#report = report
  }

  /** As long as the manifest lets the first pod take. */
  limitWait(): void {
    const { podTimeoutMs, at } = this.#dev
    if (podTimeoutMs === undefined) return
    this.isThere = this.#timers.after(podTimeoutMs, () => {
      const why = this.#session.course.trouble
      const message = `the dev pod does not run after ${podTimeoutMs / 1_000} s${why ? `: ${why}` : ''}`
      const hint = 'a longer `timeout` in the manifest waits longer, and none as long as you do'
      this.#session.course.dispatch({ type: 'failed', error: new UserError('timeout', message, { at, hint }) })
    })
  }

  take(news: DevPodNews): void {
    if (this.#session.signal.aborted) return
    if (news.state !== 'running') this.#session.openFolders()
    if (news.state === 'running') {
      this.isThere()
      const isNew = news.pod.uid !== this.#session.course.state.pod?.uid
      if (isNew) this.#report({ type: 'pod', state: 'running', pod: news.pod.name, message: '' })
      this.#session.course.dispatch({ type: 'pod-running', pod: news.pod })
      return
    }
    const { state, name } = news
    if (state === 'warning') {
      this.#report({ type: 'warning', message: `${name}: ${news.message}`, hint: news.hint })
      return
    }
    const message = state === 'pending' ? news.message : state === 'failed' ? news.error.message : ''
    this.#session.course.trouble = message ? `${name}: ${message}` : `${name} is gone`
    if (state === 'failed') this.#session.course.dispatch({ type: 'pod-failed', error: news.error })
    else this.#session.course.dispatch({ type: `pod-${state}` })
    const hint = state === 'pending' ? news.hint : undefined
    if (!this.#session.signal.aborted) this.#report({ type: 'pod', state, pod: name, message, ...(hint && { hint }) })
  }
}
