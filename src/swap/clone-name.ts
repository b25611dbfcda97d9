import { createHash } from 'node:crypto'
import type { WorkloadKind } from './record.ts'

/** A clone's name is a label value of its pods too. */
const nameLengthMax = 63

/** The clone's name, and the one to take where something else bears that: a StatefulSet may be called as a Deployment. */
export function cloneNames(kind: WorkloadKind, name: string): [string, string] {
  return [shortened(name, '-podswap'), shortened(name, `-${kind.toLowerCase()}-podswap`)]
}

function shortened(name: string, suffix: string): string {
  if (name.length + suffix.length <= nameLengthMax) return name + suffix
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 8)
  const kept = name.slice(0, nameLengthMax - suffix.length - hash.length - 1).replace(/[^a-z0-9]+$/, '')
  return `${kept}-${hash}${suffix}`
}
