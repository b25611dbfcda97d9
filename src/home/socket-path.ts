import { createHash } from 'node:crypto'
import { posix } from 'node:path'
import type { Home } from './home.ts'

/** `sun_path` holds 104 bytes on macOS (108 on Linux), its closing zero included. */
const SOCKET_PATH_BYTES_MAX = 103

export interface SocketPlace {
  path: string
  /** A folder outside of the state folder that has to be made, private, before listening. */
  folder?: string
}

/**
 * Where the session `id` listens. A state folder with a long path cannot hold a socket: then a hashed name in a
 * private folder below `tmpdir`. On Windows a named pipe.
 */
export function socketPlace(
  home: Home,
  id: string,
  system: { platform: NodeJS.Platform; tmpdir: string; user: string },
): SocketPlace {
  const hash = createHash('sha256').update(`${home.path}\0${id}`).digest('hex').slice(0, 32)
  if (system.platform === 'win32') return { path: `\\\\.\\pipe\\podswap-${hash}` }
  const usual = posix.join(home.run, `${id}.sock`)
  if (fits(usual)) return { path: usual }
  for (const base of [system.tmpdir, '/tmp']) {
    const folder = posix.join(base, `podswap-${system.user}`)
    const path = posix.join(folder, `${hash}.sock`)
    if (fits(path)) return { path, folder }
  }
  throw new Error(`no socket path of at most ${SOCKET_PATH_BYTES_MAX} bytes`)
}

function fits(path: string): boolean {
  return Buffer.byteLength(path) <= SOCKET_PATH_BYTES_MAX
}
