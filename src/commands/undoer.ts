import { randomBytes } from 'node:crypto'
import { undoSession } from '../swap/lease.ts'
import type { Undoer } from '../swap/undo-guard.ts'
import type { Io } from './io.ts'

/** The person at this terminal, for one call that puts workloads back. */
export function undoerOf({ user, host }: Io): Undoer {
  return { owner: `${user}@${host}`, session: undoSession(randomBytes(4).toString('hex')) }
}
