import { UserError } from '../../syncer/base/errors.ts'
import type { Reporter, UiEvent } from './events.ts'
import type { TextStream } from './line-reporter.ts'

/** One JSON document for each event: `{"at": "<ISO 8601>", "type": …, …}`; with `dev`, where several print here. */
export function createJsonReporter(options: { out: TextStream; now: () => number; dev?: string }): Reporter {
  const { out, now, dev } = options
  return {
    report(event: UiEvent) {
      out.write(`${JSON.stringify({ ...eventJson(event, now()), ...(dev !== undefined && { dev }) })}\n`)
    },
    clear() {},
    close() {},
  }
}

export function eventJson(event: UiEvent, nowMs: number): object {
  return JSON.parse(
    JSON.stringify({ at: new Date(nowMs).toISOString(), ...event }, (_key, value) =>
      value instanceof UserError ? errorJson(value) : value,
    ),
  )
}

export function errorJson(error: UserError): object {
  return { code: error.code, message: error.message, hint: error.hint, at: error.at }
}

/** The event that such a document was made of; null where it is none. */
export function reviveEvent(value: unknown): UiEvent | null {
  if (typeof value !== 'object' || value === null || !('type' in value) || typeof value.type !== 'string') return null
  const event = value as UiEvent
  if (event.type === 'error') return { ...event, error: reviveError(event.error) }
  if (event.type !== 'ended') return event
  const { reason, revertError } = event.outcome
  return {
    ...event,
    outcome: {
      ...event.outcome,
      reason: reason.kind === 'failed' ? { ...reason, error: reviveError(reason.error) } : reason,
      ...(revertError && { revertError: reviveError(revertError) }),
    },
  }
}

function reviveError({ code, message, hint, at }: UserError): UserError {
  return new UserError(code, message, { hint, at })
}
