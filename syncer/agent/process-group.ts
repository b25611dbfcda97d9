import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import type { Timers } from '../base/clock.ts'

const killAfterMs = 5_000

/** Number of a signal by its name, undefined for anything else. */
export function signalNumber(name: string): number | undefined {
  return Object.hasOwn(constants.signals, name) ? constants.signals[name as NodeJS.Signals] : undefined
}

/** Sends a signal to a process, or with a negative number to its group; false where there is none (of ours). */
export function sendSignal(pid: number, signal: number | NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal)
    return true
  } catch {
    return false
  }
}

/** Ends a process group: SIGHUP and SIGTERM, SIGCONT for what is stopped, and SIGKILL where that does not help. */
export function endGroup(leader: number, timers: Timers): void {
  for (const signal of ['SIGHUP', 'SIGTERM', 'SIGCONT'] as const) sendSignal(-leader, signal)
  timers.after(killAfterMs, () => sendSignal(-leader, 'SIGKILL'))
}

/**
 * When a process started, in ticks since the machine's start (proc(5), field 22 of stat): with its number this names a
 * process for good. Undefined where it is gone or only waits to be reaped.
 */
export function startTicks(pid: number): number | undefined {
  if (process.platform !== 'linux') return startSeconds(pid)
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : Number(fields[19])
  } catch {
    return undefined
  }
}

/** The same where there is no `/proc`, by `ps`: in seconds since the epoch. */
export function startSeconds(pid: number): number | undefined {
  try {
    const options = { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' } } as const
    const [state = '', ...started] = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', `${pid}`], options)
      .trim()
      .split(/\s+/)
    const seconds = Date.parse(started.join(' ')) / 1000
    return state.startsWith('Z') || Number.isNaN(seconds) ? undefined : seconds
  } catch {
    return undefined
  }
}
