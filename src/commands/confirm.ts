import { createInterface } from 'node:readline/promises'
import { UserError } from '../../syncer/base/errors.ts'
import type { Io } from './io.ts'

/** Asks on the terminal; anything but y or yes is a no. Throws `usage` where there is nobody to ask. */
export async function confirm(io: Io, question: string): Promise<boolean> {
  if (!io.stdin.isTTY || !io.stdout.isTTY) {
    throw new UserError('usage', 'there is no terminal to ask on', { hint: 'add --yes to do it without being asked' })
  }
  const lines = createInterface({ input: io.stdin, output: io.stdout })
  try {
    const answer = await lines.question(`${question} [y/N] `, { signal: io.interrupted })
    return /^y(es)?$/i.test(answer.trim())
  } finally {
    lines.close()
  }
}
