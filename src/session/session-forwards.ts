import type { Duplex } from 'node:stream'
import { UserError } from '../../syncer/base/errors.ts'
import { pause } from '../../syncer/base/pause.ts'
import type { Connection } from './connection.ts'
import type { BoundForwards, DialTarget, Report, SessionParts } from './parts.ts'

/** A session on this machine that was taken over from needs a moment to let go of its ports. */
const PATIENCE_MS = 15_000
const AGAIN_MS = 200

/** A session's listeners on the laptop: bound once, whatever becomes of connections. */
export class SessionForwards {
  readonly #parts: SessionParts
  readonly #connection: Connection
  readonly #report: Report
  #bound: BoundForwards | null = null

  constructor(parts: SessionParts, connection: Connection, report: Report) {
    this.#parts = parts
    this.#connection = connection
    this.#report = report
  }

  get lines(): BoundForwards['lines'] {
    return this.#bound?.lines ?? []
  }

  get waiting(): ReturnType<BoundForwards['waiting']> {
    return this.#bound?.waiting() ?? []
  }

  /** `patient`: a port that is taken may come free. Throws `port-in-use`. */
  async bind(patient: boolean, why: () => string | null, over: AbortSignal): Promise<void> {
    const dial = (target: DialTarget, signal: AbortSignal) => this.#dial(target, signal, why)
    const bound = await this.#bindWhenFree(dial, patient, over)
    if (over.aborted) return bound.close()
    this.#bound = bound
    const forwards = bound.lines.map(({ local, remote }) => ({ local, remote }))
    if (forwards.length > 0) this.#report({ type: 'forwards-bound', forwards })
  }

  async close(): Promise<void> {
    await this.#bound?.close()
  }

  async #bindWhenFree(
    dial: Parameters<SessionParts['bindForwards']>[0],
    patient: boolean,
    over: AbortSignal,
  ): Promise<BoundForwards> {
    const { clock, timers } = this.#parts
    const untilMs = clock.monotonic() + (patient ? PATIENCE_MS : 0)
    for (;;) {
      try {
        return await this.#parts.bindForwards(dial, this.#report)
      } catch (error) {
        const isTaken = error instanceof UserError && error.code === 'port-in-use'
        if (!isTaken || over.aborted || clock.monotonic() >= untilMs) throw error
        await pause(timers, AGAIN_MS, over)
        if (over.aborted) throw error
      }
    }
  }

  /** For the forwards, which try again by themselves for as long as their own patience lasts. */
  async #dial({ host, port, resolve }: DialTarget, signal: AbortSignal, why: () => string | null): Promise<Duplex> {
    const { link } = this.#connection
    if (!link) throw new UserError('unreachable', why() ?? 'there is no connection to the pod just now')
    return link.dialTcp(resolve ? await resolve(signal) : host, port, signal)
  }
}
