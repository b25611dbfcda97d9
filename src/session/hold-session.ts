import { systemTimers } from '../../syncer/base/clock.ts'
import { deadline } from '../../syncer/base/deadline.ts'
import { UserError } from '../../syncer/base/errors.ts'
import { type HolderRecord, releaseHolder, updateHolder } from '../home/holder-record.ts'
import { type Home, makePrivate } from '../home/home.ts'
import type { UiEvent } from '../ui/events.ts'
import { eventJson } from '../ui/json-reporter.ts'
import type { ControlRequest } from './control-protocol.ts'
import { ControlServer } from './control-server.ts'
import type { EventLog } from './event-log.ts'
import { claimSession } from './find-holder.ts'
import { reportSession } from './report-session.ts'
import type { Session } from './run.ts'

/** A session that this process holds: other podswap processes of this laptop find it and ask it. */
export class HeldSession {
  readonly #home: Home
  readonly #server: ControlServer
  #record: HolderRecord

  private constructor(home: Home, record: HolderRecord, server: ControlServer) {
    this.#home = home
    this.#record = record
    this.#server = server
  }

  /** Claims the session and listens. Throws `held` where another process holds it. */
  static async open(options: {
    home: Home
    record: HolderRecord
    /** A folder to make for the socket, outside of the state folder. */
    socketFolder?: string
    log: EventLog
    session: Session
    now: () => number
  }): Promise<HeldSession> {
    const { home, record, session, log, now } = options
    claimSession(home, record)
    try {
      if (options.socketFolder) makePrivate(options.socketFolder)
      const server = await ControlServer.listen(record.socket, record.token, (request, emit, signal) =>
        answer({ request, emit, signal, session, log, record, now }),
      )
      const held = new HeldSession(home, record, server)
      log.follow(event => held.#note(event))
      return held
    } catch (error) {
      releaseHolder(home, record)
      throw error
    }
  }

  async close(): Promise<void> {
    releaseHolder(this.#home, this.#record)
    await this.#server.close()
  }

  /** The record says which workload it is once that is known: `down` without a manifest looks for it. */
  #note(event: UiEvent): void {
    if (event.type !== 'swapped' || this.#record.workload === event.workload) return
    this.#record = { ...this.#record, workload: event.workload }
    try {
      updateHolder(this.#home, this.#record)
    } catch {
      // A full disk must not end the session; `down` finds it by the manifest as well.
    }
  }
}

interface Question {
  request: ControlRequest
  emit: (event: unknown) => void
  signal: AbortSignal
  session: Session
  log: EventLog
  record: HolderRecord
  now: () => number
}

async function answer(question: Question): Promise<unknown> {
  const { request, session } = question
  switch (request.method) {
    case 'status':
      return await reportSession(session, question.record, question.now)
    case 'flush':
      return await within(request.timeoutMs, question, signal => session.flush(signal))
    case 'fetch':
      return await within(request.timeoutMs, question, signal => session.fetch(signal))
    case 'stop':
      session.stop()
      // one that puts the workload back itself is to be waited for
      if (session.snapshot().phase !== 'reverting') question.emit({ type: 'stopping' })
      await session.done
      return null
    case 'interrupt':
      session.interrupt('SIGINT')
      return null
    case 'follow':
      return await followToReady(question)
  }
}

async function within(
  timeoutMs: number,
  { session, signal: gone }: Question,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<null> {
  using limit = deadline(systemTimers, timeoutMs, gone)
  try {
    await work(limit.signal)
    return null
  } catch (error) {
    if (!limit.late.aborted) throw error
    const why = session.snapshot().trouble
    throw new UserError('timeout', `not everything is on the other side after ${timeoutMs / 1000} s`, {
      hint: why ?? 'podswap status shows what is pending',
    })
  }
}

/** Tells everything; resolves when the session has been ready, throws why it ended where it does not get there. */
function followToReady({ log, emit, signal, session, now }: Question): Promise<null> {
  return new Promise((resolve, reject) => {
    const stop = log.follow(event => {
      emit(eventJson(event, now()))
      if (event.type === 'ready') resolve(null)
    })
    const settle = () => {
      stop()
      resolve(null)
    }
    if (session.wasReady) settle()
    signal.addEventListener('abort', settle)
    void session.done.then(({ reason }) => {
      stop()
      reject(reason.kind === 'failed' ? reason.error : new UserError('interrupted', 'the session was ended'))
    })
  })
}
