import { placeLog } from '../home/holder-log.ts'
import { toWireError } from '../session/control-protocol.ts'
import { openSession } from '../session/open-session.ts'
import { exitCodeOfOutcome } from './exit-code.ts'
import type { Invocation } from './io.ts'
import { sessionConfig } from './session-config.ts'
import { chooseDev, openWorkplace } from './workplace.ts'

/** What the background process tells the one that started it, until that lets go of it. */
export type HoldMessage =
  | { type: 'listening'; socket: string; token: string }
  | { type: 'failed'; error: ReturnType<typeof toWireError> }

export interface HoldOptions {
  log: string
  /** Where it writes until it holds the session. */
  freshLog: string
  takeOver?: boolean
  downOnExit?: boolean
  keepCommand?: boolean
}

/** The background process of `up --detach`: holds the session until it ends. */
export async function hold(invocation: Invocation<HoldOptions>): Promise<number> {
  const { io, names, options } = invocation
  try {
    const workplace = await openWorkplace(invocation, { manifest: 'required' })
    const { manifest, reporter } = workplace
    if (!manifest) throw new Error('the manifest is required')
    const dev = chooseDev(manifest, names[0])
    const { session, record, close } = await openSession({
      ...workplace,
      manifest,
      config: sessionConfig(invocation, dev, { interactive: false, endsWithCommand: false }),
      who: io,
      system: io,
      takeOver: options.takeOver === true,
      log: options.log,
      report: event => reporter.report(event),
      signal: io.interrupted,
    })
    placeLog(options.freshLog, options.log)
    io.onSignal(signal => session.interrupt(signal))
    session.start()
    tell({ type: 'listening', socket: record.socket, token: record.token })
    const outcome = await session.done
    await close()
    if (outcome.reason.kind === 'failed') throw outcome.reason.error
    return exitCodeOfOutcome(outcome)
  } catch (error) {
    tell({ type: 'failed', error: toWireError(error) })
    throw error
  }
}

/** Whoever started it may be gone, and need not be heard of as gone yet: without a callback that would end this process. */
export function tell(message: HoldMessage): void {
  if (process.connected) process.send?.(message, () => {})
}
