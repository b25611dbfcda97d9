import { chmodSync, lstatSync, mkdirSync } from 'node:fs'
import { posix, resolve, win32 } from 'node:path'
import { UserError } from '../../syncer/base/errors.ts'

/** Where podswap keeps its state on the laptop: sockets and records of live sessions, logs, the ancestors of sync. */
export interface Home {
  readonly path: string
  /** Records and sockets of live sessions. */
  readonly run: string
  readonly logs: string
  /** One folder for each synced folder, made by the sync session. */
  readonly sync: string
}

export interface Platform {
  platform: NodeJS.Platform
  env: Record<string, string | undefined>
  homedir: string
  cwd: string
}

/** The state folder: `PODSWAP_HOME`, else what the platform's convention says. */
export function homePath(of: Platform): string {
  const own = of.env.PODSWAP_HOME
  if (own) return resolve(of.cwd, own)
  switch (of.platform) {
    case 'win32':
      return win32.join(of.env.LOCALAPPDATA || win32.join(of.homedir, 'AppData', 'Local'), 'podswap')
    case 'darwin':
      return posix.join(of.homedir, 'Library', 'Application Support', 'podswap')
    default: {
      // The XDG base directory specification: a relative value is to be ignored.
      const state = of.env.XDG_STATE_HOME
      return posix.join(state && posix.isAbsolute(state) ? state : posix.join(of.homedir, '.local', 'state'), 'podswap')
    }
  }
}

/** Makes the folders (0700) where they are missing. Throws `state` where that cannot be done. */
export function openHome(path: string): Home {
  const home: Home = { path, run: resolve(path, 'run'), logs: resolve(path, 'log'), sync: resolve(path, 'sync') }
  for (const folder of [home.path, home.run, home.logs, home.sync]) makePrivate(folder)
  return home
}

/** A folder that only this person can read: made, or checked to be theirs and closed to others. */
export function makePrivate(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    if (process.platform === 'win32') return
    const stat = lstatSync(folder)
    if (!stat.isDirectory() || stat.uid !== process.getuid?.()) {
      throw new UserError('state', `${folder} is not a folder of this user`, {
        hint: 'remove it, or set PODSWAP_HOME to a folder of your own',
      })
    }
    if ((stat.mode & 0o077) !== 0) chmodSync(folder, 0o700)
  } catch (error) {
    if (error instanceof UserError) throw error
    throw new UserError('state', `cannot make the state folder ${folder}`, {
      hint: 'set PODSWAP_HOME to a folder that you can write to',
      cause: error,
    })
  }
}
