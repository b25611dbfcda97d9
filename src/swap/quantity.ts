/** Multipliers of a Kubernetes quantity's suffix. */
const suffixes: Record<string, number> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
}

/** The amount of a quantity (`512Mi`, `0.5Gi`, `1e9`, `100m`); undefined where it is none. */
export function parseQuantity(text: string): number | undefined {
  const match = /^([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d+)|([numkMGTPE]|[KMGTPE]i)?)$/.exec(text)
  if (!match) return undefined
  const [, digits = '', exponent = '', suffix = ''] = match
  return Number(digits + exponent) * (suffixes[suffix] as number)
}

/** `text` and so many bytes more, in Mi where that is even. A quantity that cannot be read is passed on for the API to refuse. */
export function addBytes(text: string, bytes: number): string {
  const amount = parseQuantity(text)
  if (amount === undefined) return text
  const sum = Math.ceil(amount + bytes)
  return sum % 2 ** 20 === 0 ? `${sum / 2 ** 20}Mi` : `${sum}`
}
