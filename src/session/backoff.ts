/** Longest wait before the next attempt: none for the first, then 0.2 s doubling up to 5 s. */
export function backoffMs(failures: number): number {
  if (failures <= 0) return 0
  return Math.min(5_000, 200 * 2 ** (failures - 1))
}

/** Spreads many laptops that lost the same API server: somewhere between half of the wait and all of it. */
export function jittered(waitMs: number, random: () => number): number {
  return Math.round(waitMs * (0.5 + random() / 2))
}
