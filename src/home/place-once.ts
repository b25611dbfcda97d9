import { randomBytes } from 'node:crypto'
import { linkSync, unlinkSync, writeFileSync } from 'node:fs'
import { errnoOf, UserError } from '../../syncer/base/errors.ts'

/**
 * Makes the file where none stands, whole from the first moment and readable by its owner alone: of processes that do so at
 * once exactly one succeeds. @returns whether this one did @throws UserError `state`
 */
export function placeOnce(path: string, text: string): boolean {
  const own = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`
  try {
    writeFileSync(own, text, { mode: 0o600, flag: 'wx' })
    try {
      linkSync(own, path)
      return true
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') return false
      throw error
    } finally {
      unlinkSync(own)
    }
  } catch (error) {
    throw new UserError('state', `cannot write ${path}`, {
      hint: 'set PODSWAP_HOME to a folder that you can write to',
      cause: error,
    })
  }
}
