/**
 * Whose changes travel.
 *
 * - `two-way` both ends'
 * - `push`    the laptop's: what changes in the pod stays there until the laptop changes the same path
 * - `pull`    the pod's: what changes on the laptop stays there until the pod changes the same path
 */
export type SyncMode = 'two-way' | 'push' | 'pull'

export interface SyncPolicy {
  mode: SyncMode
  /** Whose version stays where both ends changed one path; both are kept when absent. */
  prefer?: 'local' | 'remote'
}

/** Which end of a synced folder. */
export type Role = 'laptop' | 'pod'

export const twoWay: SyncPolicy = { mode: 'two-way' }

/** True where this end's changes stay here. */
export function isMuted({ mode }: SyncPolicy, role: Role): boolean {
  return mode === (role === 'laptop' ? 'pull' : 'push')
}

/** True where changes that were held back would travel now. */
export function unmutes(before: SyncMode, now: SyncMode): boolean {
  return before !== 'two-way' && before !== now
}

export function isMode(value: unknown): value is SyncMode {
  return value === 'two-way' || value === 'push' || value === 'pull'
}

/** True for what a program may send as a policy. */
export function isPolicy(value: unknown): value is SyncPolicy {
  if (typeof value !== 'object' || value === null || !('mode' in value)) return false
  const prefer = 'prefer' in value ? value.prefer : undefined
  return isMode(value.mode) && (prefer === undefined || prefer === 'local' || prefer === 'remote')
}
