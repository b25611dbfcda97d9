/** The JSON merge patch (RFC 7386) that turns `from` into `to`; arrays are replaced whole. */
export function mergePatch(from: object, to: object): Record<string, unknown> {
  const before = from as Record<string, unknown>
  const after = to as Record<string, unknown>
  const patch: Record<string, unknown> = {}
  for (const key of Object.keys(before)) {
    if (after[key] === undefined) patch[key] = null
  }
  for (const [key, value] of Object.entries(after)) {
    if (value === undefined || JSON.stringify(value) === JSON.stringify(before[key])) continue
    patch[key] = isObject(value) && isObject(before[key]) ? mergePatch(before[key], value) : value
  }
  return patch
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
