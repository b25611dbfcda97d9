import { errnoOf } from '../base/errors.ts'

/**
 * How a change of one path went.
 *
 * - `done`      it stands there now
 * - `changed`   something else stood there: nothing was touched
 * - `not-empty` a folder that still holds something
 * - `need`      the content is not here
 * - `failed`    the system said no, with its code
 */
export type Outcome = { result: 'done' | 'changed' | 'not-empty' | 'need' } | { result: 'failed'; code: string }

export const done: Outcome = { result: 'done' }
export const changed: Outcome = { result: 'changed' }

/** Codes that mean "somebody was faster", not trouble. */
const raced = new Set(['EEXIST', 'ENOENT', 'ENOTDIR', 'EISDIR', 'ELOOP', 'EINVAL'])

export function isRaced(code: string): boolean {
  return raced.has(code)
}

export function refusal(code: string): Outcome {
  return isRaced(code) ? changed : { result: 'failed', code }
}

/** @throws what is no system error */
export function failure(error: unknown): Outcome {
  const code = errnoOf(error)
  if (code === undefined) throw error
  return refusal(code)
}

/** Of a call that makes a name: no race makes that invalid (mkdir(2), open(2)). @throws what is no system error */
export function refusedName(error: unknown): Outcome {
  return errnoOf(error) === 'EINVAL' ? { result: 'failed', code: 'name-refused' } : failure(error)
}
