import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf, UserError } from '../../syncer/base/errors.ts'
import type { Home } from './home.ts'
import { placeOnce } from './place-once.ts'

const IDENTITY = /^[0-9a-f]{32}$/

/**
 * 32 hexadecimal digits that tell this state folder from every other: made once, at random. User and host names are no
 * identity: every container is `root@…`, and two checkouts are one person's.
 */
export function homeIdentity(home: Home): string {
  const path = join(home.path, 'identity')
  const known = read(path)
  if (known !== null) return known
  placeOnce(path, randomBytes(16).toString('hex'))
  const made = read(path)
  if (made !== null) return made
  throw new UserError('state', `${path} is damaged`, { hint: 'remove it, and run podswap up --take-over' })
}

function read(path: string): string | null {
  try {
    const text = readFileSync(path, 'utf8').trim()
    return IDENTITY.test(text) ? text : null
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null
    throw new UserError('state', `cannot read ${path}`, {
      hint: 'set PODSWAP_HOME to a folder of your own',
      cause: error,
    })
  }
}
