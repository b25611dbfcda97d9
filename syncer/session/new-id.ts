import { randomBytes } from 'node:crypto'

/** Short names that are unique in a folder, also over restarts: a random part for the process, then a counter. */
export function newIdMaker(): () => string {
  const process = randomBytes(5).toString('hex')
  let count = 0
  return () => `${process}${(count++).toString(36)}`
}
