import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const built = fileURLToPath(new URL('../../native/built/', import.meta.url))
const archs: Partial<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' }

/**
 * The built program for this machine; null where there is none, which skips the tests that run it.
 * `PODSWAP_TEST_INIT` names another: a script that runs a foreign one in an emulator.
 */
export const initProgram =
  process.platform === 'linux' && archs[process.arch]
    ? (process.env.PODSWAP_TEST_INIT ?? `${built}init-${archs[process.arch]}`)
    : null

export interface ProcessState {
  pid: number
  parent: number
  /** `R`, `S`, `Z`, … */
  state: string
}

export function processes(): ProcessState[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .flatMap(name => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'latin1')
        const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
        return [{ pid: Number(name), parent: Number(parent), state: state! }]
      } catch {
        return []
      }
    })
}

export function childrenOf(pid: number): ProcessState[] {
  return processes().filter(({ parent }) => parent === pid)
}

export function isAlive(pid: number): boolean {
  return processes().some(process => process.pid === pid && process.state !== 'Z')
}

/** Whether a process may be made number 1 of a namespace here. */
export function canUnshare(): boolean {
  try {
    execFileSync('unshare', ['-Urpf', '--mount-proc', 'true'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
