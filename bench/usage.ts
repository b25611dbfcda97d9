import type { Hand } from '../test/e2e/support/hand.ts'

/** What some processes of one machine have used of the CPU so far, and hold of the memory now. */
export interface Usage {
  cpuMs: number
  /** What processes share is counted for each of them. */
  rssBytes: number
  /** The most that each had since it was started, added up. */
  peakBytes: number
  /** Of {@link Usage.rssBytes}: pages of files, as programs are, which the system may drop at any time. */
  fileBytes: number
  /** How many they were. */
  processes: number
}

export async function usageOf(hand: Hand, pids: number[]): Promise<Usage> {
  const { used } = await hand.call<{ used: Omit<Usage, 'processes'>[] }>('usage', { pids })
  const total = (of: keyof Omit<Usage, 'processes'>) => used.reduce((sum, process) => sum + process[of], 0)
  return {
    cpuMs: total('cpuMs'),
    rssBytes: total('rssBytes'),
    peakBytes: total('peakBytes'),
    fileBytes: total('fileBytes'),
    processes: used.length,
  }
}
