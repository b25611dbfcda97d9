import type { ApiObject } from '../store/api-object.ts'

interface Scaled {
  set: ApiObject
  replicas: number
}

/** The new set's size now: what is wanted, as far as `maxSurge` leaves room beside the old sets. */
export function newSize({ spec }: ApiObject, has: number, old: ApiObject[]): number {
  const others = old.reduce((total, set) => total + set.spec.replicas, 0)
  const room = spec.replicas + surgeOf(spec) - others - has
  return has > spec.replicas ? spec.replicas : has + Math.max(0, Math.min(spec.replicas - has, room))
}

/**
 * The next step of a rolling update: first the new set as far as `maxSurge` allows, then the old ones as far as
 * `maxUnavailable` does (`rolling.go` of the Deployment controller).
 */
export function rollStep(deployment: ApiObject, next: ApiObject, old: ApiObject[]): Scaled[] {
  const replicas = newSize(deployment, next.spec.replicas, old)
  return replicas === next.spec.replicas ? shrunk(deployment, next, old) : [{ set: next, replicas }]
}

function shrunk({ spec }: ApiObject, next: ApiObject, old: ApiObject[]): Scaled[] {
  const all = [...old, next]
  const minAvailable = spec.replicas - unavailableOf(spec)
  const newUnavailable = next.spec.replicas - (next.status?.availableReplicas ?? 0)
  let excess = all.reduce((total, set) => total + set.spec.replicas, 0) - minAvailable - newUnavailable
  const steps: Scaled[] = []
  // pods that serve nobody go first, whatever is available
  for (const set of old) {
    const broken = set.spec.replicas - (set.status?.availableReplicas ?? 0)
    const down = Math.max(0, Math.min(broken, excess))
    excess -= down
    if (down > 0) steps.push({ set, replicas: set.spec.replicas - down })
  }
  const available = all.reduce((total, set) => total + (set.status?.availableReplicas ?? 0), 0)
  let spare = available - minAvailable
  for (const set of old) {
    const step = steps.find(each => each.set === set)
    const left = step?.replicas ?? set.spec.replicas
    const down = Math.max(0, Math.min(left, spare))
    spare -= down
    if (down > 0 && step) step.replicas -= down
    else if (down > 0) steps.push({ set, replicas: left - down })
  }
  return steps
}

export function surgeOf(spec: ApiObject['spec']): number {
  if (spec.strategy.type !== 'RollingUpdate') return 0
  return countOf(spec.strategy.rollingUpdate.maxSurge, spec.replicas, Math.ceil)
}

/** At least one where nothing may be over, or nothing would ever move. */
export function unavailableOf(spec: ApiObject['spec']): number {
  if (spec.strategy.type !== 'RollingUpdate') return 0
  const count = countOf(spec.strategy.rollingUpdate.maxUnavailable, spec.replicas, Math.floor)
  return Math.min(spec.replicas, count === 0 && surgeOf(spec) === 0 ? 1 : count)
}

function countOf(value: number | string, replicas: number, round: (value: number) => number): number {
  if (typeof value === 'number') return value
  return round((Number.parseInt(value, 10) / 100) * replicas)
}
