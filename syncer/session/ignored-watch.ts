import type { Clock } from '../base/clock.ts'
import type { IgnoreReader } from './rules/ignore-reader.ts'
import type { IgnoredSummary, IgnoredSurvey } from './rules/ignored-survey.ts'
import type { SyncEvent } from './sync-port.ts'

const sliceMs = 5
const pauseMs = 15
const busyPauseMs = 200

/** Knows what the rules leave out: counts it beside the session's work, and again when the rules change. */
export class IgnoredWatch {
  /** What was counted last; partial while that goes on. */
  summary: IgnoredSummary | undefined
  private readonly clock: Clock
  private readonly reader: IgnoreReader
  private readonly isBusy: () => boolean
  private readonly onEvent: (event: SyncEvent) => void
  private survey: IgnoredSurvey
  private timer: NodeJS.Timeout | undefined
  /** Said for these rules, and whole. */
  private isTold = false
  private isAwaited = false

  /** @param isBusy there is other work that must not wait */
  constructor(clock: Clock, reader: IgnoreReader, isBusy: () => boolean, onEvent: (event: SyncEvent) => void) {
    this.clock = clock
    this.reader = reader
    this.isBusy = isBusy
    this.onEvent = onEvent
    this.survey = reader.survey()
    this.schedule(0)
  }

  /** The rules changed. */
  begin(): void {
    this.survey = this.reader.survey()
    this.isTold = false
    this.schedule(pauseMs)
  }

  /** Says what is known now, and from now on what becomes known. */
  tell(): void {
    this.isAwaited = true
    if (this.survey.isDone) this.finish()
    else this.say()
  }

  close(): void {
    clearTimeout(this.timer)
  }

  private schedule(delayMs: number): void {
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.count(), delayMs)
    this.timer.unref()
  }

  private count(): void {
    if (this.isBusy()) {
      this.schedule(busyPauseMs)
      return
    }
    const endMs = this.clock.monotonic() + sliceMs
    this.survey.step(() => this.clock.monotonic() >= endMs)
    if (!this.survey.isDone) this.schedule(pauseMs)
    else if (this.isAwaited) this.finish()
    else this.summary = this.survey.summary()
  }

  private finish(): void {
    if (this.isTold) return
    this.isTold = true
    this.say()
  }

  private say(): void {
    this.summary = this.survey.summary()
    this.onEvent({ type: 'ignored', source: this.reader.source, ...this.summary })
  }
}
