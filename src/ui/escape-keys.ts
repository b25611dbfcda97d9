/*
 * Leaving a program's terminal without touching the program: Enter, `~`, `.` as in ssh (Enter `~` `~` sends one `~`).
 * Only a `~` at the start of a line is held back, until the next key.
 */

export interface EscapeState {
  readonly at: 'line-start' | 'inside' | 'tilde'
}

export const escapeStart: EscapeState = { at: 'line-start' }

const ENTER = 0x0d
const NEWLINE = 0x0a
const TILDE = 0x7e
const DOT = 0x2e

export interface EscapeStep {
  state: EscapeState
  /** Keys for the program. */
  keys: Buffer
  /** The person wants to leave; later keys of the same chunk are dropped. */
  leave: boolean
}

export function escapeStep(state: EscapeState, chunk: Buffer): EscapeStep {
  const keys: number[] = []
  let at = state.at
  for (const key of chunk) {
    if (at === 'tilde') {
      if (key === DOT) return { state: escapeStart, keys: Buffer.from(keys), leave: true }
      if (key !== TILDE) keys.push(TILDE)
      at = 'inside'
    } else if (at === 'line-start' && key === TILDE) {
      at = 'tilde'
      continue
    }
    keys.push(key)
    at = key === ENTER || key === NEWLINE ? 'line-start' : 'inside'
  }
  return { state: { at }, keys: Buffer.from(keys), leave: false }
}
