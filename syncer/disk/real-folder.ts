import fs from 'node:fs'
import { errnoOf, UserError } from '../base/errors.ts'
import { decodePath } from '../core/path.ts'
import { nativePath } from './native-path.ts'

/** The absolute real path of a synced folder. @throws UserError `not-found`, `state` */
export function realFolder(path: string): string {
  try {
    const real = fs.realpathSync.native(nativePath(path), 'buffer')
    if (fs.statSync(real).isDirectory()) return decodePath(real)
  } catch (error) {
    const code = errnoOf(error)
    if (code === undefined) throw error
    if (code !== 'ENOENT' && code !== 'ENOTDIR') {
      throw new UserError('state', `cannot open the synced folder ${path} (${code})`, { cause: error })
    }
    throw new UserError('not-found', `the synced folder ${path} does not exist`, { cause: error })
  }
  throw new UserError('state', `the synced folder ${path} is not a folder`)
}
