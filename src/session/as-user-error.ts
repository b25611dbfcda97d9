import { errnoOf, UserError } from '../../syncer/base/errors.ts'

/** What a part threw, as an error for a person; most are that already. */
export function asUserError(error: unknown): UserError {
  if (error instanceof UserError) return error
  if (error instanceof Error && error.name === 'TimeoutError') {
    return new UserError('timeout', 'the pod does not answer in time', { cause: error })
  }
  const message = error instanceof Error ? error.message : String(error)
  const code = errnoOf(error) === 'connection-lost' ? 'unreachable' : 'agent'
  return new UserError(code, message, { cause: error })
}
