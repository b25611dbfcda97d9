import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { errnoOf } from '../base/errors.ts'
import { podLayout } from '../base/pod-layout.ts'

/** The agent's own files in a dev container, see {@link podLayout}. */
export interface PodFiles {
  private: string
  socket: string
  token: string
  current: string
  /** JSON {@link Running}: which bundle runs; written before it is loaded, stale once its process is gone. */
  running: string
  /** The boot script, as it stands in the agent's command line. */
  boot: string
  bundle(sha256: string): string
}

export interface Running {
  /** sha256 (hex) of the bundle. */
  bundle: string
  pid: number
}

/** The files below `home`, the folder that the scripts lie in: `/podswap`, or another where a pod has a prefix. */
export function podFiles(home: string): PodFiles {
  const below = (path: string) => home + path.slice(podLayout.home.length)
  return {
    private: below(podLayout.private),
    socket: below(podLayout.socket),
    token: below(podLayout.token),
    current: below(podLayout.current),
    running: `${below(podLayout.private)}/running`,
    boot: below(podLayout.boot),
    bundle: sha256 => `${below(podLayout.private)}/${sha256}.cjs`,
  }
}

export function makePrivateFolder(files: PodFiles): void {
  mkdirSync(files.private, { recursive: true, mode: 0o700 })
}

/** The whole file, or null where there is none. */
export function readIfThere(path: string): Buffer | null {
  try {
    return readFileSync(path)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null
    throw error
  }
}

/** Nobody ever sees a part of it. */
export function writeWhole(path: string, content: string | Buffer): void {
  const fresh = `${path}.${process.pid}.new`
  try {
    writeFileSync(fresh, content, { mode: 0o600 })
    renameSync(fresh, path)
  } catch (error) {
    rmSync(fresh, { force: true })
    throw error
  }
}

export function isSha256(text: unknown): text is string {
  return typeof text === 'string' && /^[0-9a-f]{64}$/.test(text)
}
