import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * In the environment of everything that a pod runs: names runtime, pod and run, joined by `/` and with one at the end,
 * so that a beginning of it finds a pod's processes, or all of them. A process keeps it whatever becomes of its parents.
 */
export const markVariable = 'PODSWAP_RUN'

interface ProcessEntry {
  pid: number
  parent: number
  group: number
  /** First character of its state; `Z` only waits to be reaped. */
  state: string
}

const listBytesMax = 16 * 1024 * 1024
const roundsMax = 200
const roundIntervalMs = 10

/**
 * What runs and carries a mark that begins with `mark`, what descends from that or is of its process groups, and the
 * same of `roots`. Marks can be read on Linux only: elsewhere a process that left its parents and its group is not found.
 */
export function findProcesses(
  mark: string,
  roots: Iterable<number> = [],
  platform: NodeJS.Platform = process.platform,
): number[] {
  const running = listProcesses(platform).filter(
    ({ state, pid }) => state !== 'Z' && state !== 'X' && pid !== process.pid,
  )
  const found = new Set<number>(roots)
  for (const { pid } of running) if (platform === 'linux' && hasMark(pid, mark)) found.add(pid)
  for (let before = -1; before !== found.size; ) {
    before = found.size
    for (const { pid, parent, group } of running) if (found.has(parent) || found.has(group)) found.add(pid)
  }
  return running.map(({ pid }) => pid).filter(pid => found.has(pid))
}

/** SIGKILL to all of them, again until none is left: what forks meanwhile is found in the next round. */
export async function killProcesses(mark: string, roots: Iterable<number> = []): Promise<void> {
  const known = new Set(roots)
  for (let round = 0; round < roundsMax; round++) {
    const left = findProcesses(mark, known)
    if (left.length === 0) return
    for (const pid of left) {
      known.add(pid)
      kill(pid)
    }
    await sleep(roundIntervalMs)
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // it is gone
  }
}

function listProcesses(platform: NodeJS.Platform): ProcessEntry[] {
  return platform === 'linux' ? listFromProc() : listFromPs()
}

function listFromProc(): ProcessEntry[] {
  return readdirSync('/proc').flatMap(name => {
    if (!/^\d+$/.test(name)) return []
    const stat = readText(`/proc/${name}/stat`)
    // behind the name, which may hold anything: proc(5), fields 3, 4, 5
    const [state, parent, group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return group === undefined
      ? []
      : [{ pid: Number(name), parent: Number(parent), group: Number(group), state: state! }]
  })
}

function listFromPs(): ProcessEntry[] {
  const text = execFileSync('ps', ['-axo', 'pid=,ppid=,pgid=,stat='], { encoding: 'utf8', maxBuffer: listBytesMax })
  return text.split('\n').flatMap(line => {
    const [pid, parent, group, state] = line.trim().split(/\s+/)
    return state === undefined
      ? []
      : [{ pid: Number(pid), parent: Number(parent), group: Number(group), state: state[0]! }]
  })
}

function hasMark(pid: number, mark: string): boolean {
  return `\0${readText(`/proc/${pid}/environ`)}`.includes(`\0${markVariable}=${mark}`)
}

/** '' where it is gone, or another user's. */
function readText(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}
