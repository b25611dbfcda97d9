import type { ApiObject } from '../store/api-object.ts'

export function conditionOf(object: ApiObject, type: string): Record<string, string> | undefined {
  return object.status?.conditions?.find((condition: { type: string }) => condition.type === type)
}

export function isReady(pod: ApiObject): boolean {
  return conditionOf(pod, 'Ready')?.status === 'True'
}

export function isOver(pod: ApiObject): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'
}

/** Counts as one of its owner's replicas. */
export function isActive(pod: ApiObject): boolean {
  return !isOver(pod) && !pod.metadata.deletionTimestamp
}

/** In how many milliseconds a ready pod counts as available; 0: it does, undefined: it is not ready. */
export function untilAvailableMs(pod: ApiObject, minReadySeconds: number, nowMs: number): number | undefined {
  if (!isReady(pod)) return undefined
  const readySinceMs = Date.parse(conditionOf(pod, 'Ready')?.lastTransitionTime ?? '')
  return minReadySeconds === 0 ? 0 : Math.max(0, readySinceMs + minReadySeconds * 1000 - nowMs)
}

/** The conditions with this one set; its transition time moves only with its status. */
export function withCondition(
  conditions: Record<string, string>[] = [],
  next: { type: string; status: string; reason?: string; message?: string },
  time: string,
): Record<string, string>[] {
  const before = conditions.find(({ type }) => type === next.type)
  const isSame = before?.status === next.status
  if (before && isSame && before.reason === next.reason && before.message === next.message) return conditions
  const condition = {
    type: next.type,
    status: next.status,
    lastUpdateTime: time,
    lastTransitionTime: isSame ? (before?.lastTransitionTime ?? time) : time,
    ...(next.reason && { reason: next.reason }),
    ...(next.message && { message: next.message }),
  }
  return before ? conditions.map(each => (each === before ? condition : each)) : [...conditions, condition]
}
