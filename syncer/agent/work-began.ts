import fs from 'node:fs'
import { errnoOf } from '../base/errors.ts'
import { startTicks } from './process-group.ts'

/** Of the kernel's `clock_t`, on every platform that there is (proc(5)). */
const ticksPerSecond = 100
/** Both clocks that are compared are coarser than what they tell. */
const slackMs = 50

/** Marks, by the time of a file, when the pod's init containers were done and its people's work began. */
export function markBeginning(file: string): void {
  try {
    fs.closeSync(fs.openSync(file, 'wx'))
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error
  }
}

export interface WorkBeganOptions {
  /** What {@link markBeginning} has made. */
  began: string
  /** Of the container. */
  root: string
  /** The container's first process, or the one that started the agent with it. */
  pid: number
  /** Wall clock, ms. */
  nowMs: number
  /** Where no `/proc` tells. */
  uptimeMs: number
}

/**
 * Since when a change in a folder of this pod is somebody's work: wall clock, ns. In the container's own file system what is
 * older came with its image, for each container begins with that anew; on a volume, which outlives containers, it was there
 * before the pod, or its init containers made it.
 */
export function workBeganNs(folder: string, { began, root, pid, nowMs, uptimeMs }: WorkBeganOptions): bigint {
  const isOnVolume = deviceOf(folder) !== deviceOf(root)
  const pods = isOnVolume ? fs.statSync(began, { throwIfNoEntry: false })?.ctimeMs : undefined
  const ms = pods ?? nowMs - (processAgeMs(pid) ?? uptimeMs)
  return BigInt(Math.floor(ms - slackMs)) * 1_000_000n
}

function deviceOf(path: string): number | undefined {
  return fs.statSync(path, { throwIfNoEntry: false })?.dev
}

function processAgeMs(pid: number): number | undefined {
  const ticks = process.platform === 'linux' ? startTicks(pid) : undefined
  if (ticks === undefined) return undefined
  const [uptime] = fs.readFileSync('/proc/uptime', 'latin1').split(' ')
  return (Number(uptime) - ticks / ticksPerSecond) * 1_000
}
