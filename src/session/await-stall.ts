import type { Timers } from '../../syncer/base/clock.ts'
import { pause } from '../../syncer/base/pause.ts'

/** How often it is looked whether something comes. */
const lookMsUsual = 5_000
/** So often nothing may come: the pod may be reading a file of many gigabytes before it sends any of it. */
const looksInVainMax = 12
/** More than signs of life take between two looks. */
const idleBytes = 4 * 1024

/** How a transfer from the pod is just now. */
export interface Coming {
  /** All that was received so far. */
  bytes: number
  /** The connection is gone. */
  isCut: boolean
}

export interface StallOptions {
  /** null: it cannot be told any more. */
  look: () => Coming | null | Promise<Coming | null>
  timers: Timers
  lookMs?: number | undefined
  /** So many looks in a row may find it cut; one, unless said otherwise. */
  cutLooksMax?: number
  signal: AbortSignal
}

/** Resolves with true when nothing comes from the pod any more, with false when `signal` says so. */
export async function awaitStall(options: StallOptions): Promise<boolean> {
  const { look, timers, lookMs = lookMsUsual, cutLooksMax = 1, signal } = options
  let received = 0
  let cut = 0
  for (let vain = 0; vain < looksInVainMax; ) {
    await pause(timers, lookMs, signal)
    if (signal.aborted) return false
    const now = await look()
    if (now === null) break
    cut = now.isCut ? cut + 1 : 0
    if (cut >= cutLooksMax) break
    vain = now.bytes - received > idleBytes ? 0 : vain + 1
    received = now.bytes
  }
  return !signal.aborted
}
