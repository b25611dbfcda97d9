export function median(values: number[]): number {
  return percentile(values, 50)
}

/** By nearest rank: a value that was measured, never one between two. */
export function percentile(values: number[], percent: number): number {
  if (values.length === 0) return Number.NaN
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1))]!
}

/** What two ways took in one round, one right after the other. */
export interface Pair {
  ours: number
  theirs: number
}

/** A comparison of two ways over all rounds. The ratio is the median of the rounds' own: a slow minute hits both. */
export interface Comparison {
  kind: 'comparison'
  title: string
  unit: 's' | 'MB/s' | 'ms'
  peer: string
  ours: number
  theirs: number
  ratio: number
  rounds: Pair[]
  wanted?: string
}

export interface Latency {
  kind: 'latency'
  title: string
  p50: number
  p95: number
  p99: number
  /** Milliseconds, in the order they were measured. */
  samples: number[]
  wanted?: string
}

export type Figure = Comparison | Latency

export function comparison(
  title: string,
  unit: Comparison['unit'],
  peer: string,
  rounds: Pair[],
  wanted?: string,
): Comparison {
  const ours = median(rounds.map(pair => pair.ours))
  const theirs = median(rounds.map(pair => pair.theirs))
  const ratio = median(rounds.map(pair => pair.ours / pair.theirs))
  return { kind: 'comparison', title, unit, peer, ours, theirs, ratio, rounds, ...(wanted && { wanted }) }
}

export function latency(title: string, samples: number[], wanted?: string): Latency {
  const [p50, p95, p99] = [50, 95, 99].map(percent => percentile(samples, percent)) as [number, number, number]
  return { kind: 'latency', title, p50, p95, p99, samples, ...(wanted && { wanted }) }
}
