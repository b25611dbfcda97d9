export function median(values: number[]): number {
  return percentile(values, 50)
}

/** By nearest rank: a value that was measured, never one between two. */
export function percentile(values: number[], percent: number): number {
  if (values.length === 0) return Number.NaN
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1))]!
}

function mean(values: number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** What two ways took in one round, one right after the other. */
export interface Pair {
  ours: number
  theirs: number
}

export type Unit = 's' | 'MB/s' | 'ms' | 'MB' | 'kB' | '%'

/** A limit for one value of a figure, in the figure's unit or, for `ratio`, as a factor. */
export interface Bound {
  of: 'ratio' | 'ours' | 'p50' | 'p99'
  limit: number
  /** The limit itself is too much already. */
  isStrict?: boolean
}

/**
 * A comparison of two ways over all rounds. The ratio is the median of the rounds' own, as a slow minute hits both, or that
 * of their means.
 */
export interface Comparison {
  kind: 'comparison'
  title: string
  unit: Unit
  peer: string
  ours: number
  theirs: number
  ratio: number
  rounds: Pair[]
  bounds: Bound[]
}

/** Milliseconds. */
export interface Latency {
  kind: 'latency'
  title: string
  p50: number
  p95: number
  p99: number
  /** In the order they were measured. */
  samples: number[]
  reference?: Reference
  bounds: Bound[]
}

/** Of the same run, in milliseconds. */
export interface Reference {
  peer: string
  p50: number
  p99: number
}

/** What has nothing beside it. `ours` is the median of the rounds. */
export interface Reading {
  kind: 'reading'
  title: string
  unit: Unit
  ours: number
  rounds: number[]
  bounds: Bound[]
}

export type Figure = Comparison | Latency | Reading

export function comparison(title: string, unit: Unit, peer: string, rounds: Pair[], ...bounds: Bound[]): Comparison {
  const ours = median(rounds.map(pair => pair.ours))
  const theirs = median(rounds.map(pair => pair.theirs))
  const ratio = median(rounds.map(pair => pair.ours / pair.theirs))
  return { kind: 'comparison', title, unit, peer, ours, theirs, ratio, rounds, bounds }
}

/** Where the rounds differ by design: their means, and the ratio of these. */
export function comparisonOfMeans(
  title: string,
  unit: Unit,
  peer: string,
  rounds: Pair[],
  ...bounds: Bound[]
): Comparison {
  const ours = mean(rounds.map(pair => pair.ours))
  const theirs = mean(rounds.map(pair => pair.theirs))
  return { kind: 'comparison', title, unit, peer, ours, theirs, ratio: ours / theirs, rounds, bounds }
}

export function latency(title: string, samples: number[], reference?: Reference, ...bounds: Bound[]): Latency {
  const [p50, p95, p99] = [50, 95, 99].map(percent => percentile(samples, percent)) as [number, number, number]
  return { kind: 'latency', title, p50, p95, p99, samples, ...(reference && { reference }), bounds }
}

export function reading(title: string, unit: Unit, rounds: number[], ...bounds: Bound[]): Reading {
  return { kind: 'reading', title, unit, ours: median(rounds), rounds, bounds }
}

export function referenceOf(peer: string, samples: number[]): Reference {
  return { peer, p50: percentile(samples, 50), p99: percentile(samples, 99) }
}

/** undefined: nothing is wanted of it. What could not be measured (NaN) does not hold. */
export function holds(figure: Figure): boolean | undefined {
  if (figure.bounds.length === 0) return undefined
  return figure.bounds.every(({ of, limit, isStrict }) => {
    const value = valueIn(figure, of)
    return isStrict ? value < limit : value <= limit
  })
}

/** `p50 ≤ 8 ms, p99 ≤ 40 ms`; empty where nothing is wanted. */
export function wantedText(figure: Figure): string {
  const unit = figure.kind === 'latency' ? 'ms' : figure.unit
  return figure.bounds
    .map(({ of, limit, isStrict }) => {
      const name = of === 'p50' || of === 'p99' ? `${of} ` : ''
      return `${name}${isStrict ? '<' : '≤'} ${limit} ${of === 'ratio' ? '×' : unit}`
    })
    .join(', ')
}

function valueIn(figure: Figure, of: Bound['of']): number {
  const value = (figure as Partial<Record<Bound['of'], number>>)[of]
  if (value === undefined) throw new Error(`${figure.title} has no ${of}`)
  return value
}
