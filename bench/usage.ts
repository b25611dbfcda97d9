import type { Hand } from '../test/e2e/support/hand.ts'

/** What some processes of one machine have used of the CPU so far, and hold of the memory now. */
export interface Usage {
  cpuMs: number
  /** What processes share is counted for each of them. */
  rssBytes: number
  /** How many they were. */
  processes: number
}

export async function usageOf(hand: Hand, pids: number[]): Promise<Usage> {
  const { used } = await hand.call<{ used: { cpuMs: number; rssBytes: number }[] }>('usage', { pids })
  return {
    cpuMs: used.reduce((sum, { cpuMs }) => sum + cpuMs, 0),
    rssBytes: used.reduce((sum, { rssBytes }) => sum + rssBytes, 0),
    processes: used.length,
  }
}
