import { absent, type Token } from './content.ts'
import { type SyncPolicy, twoWay } from './sync-policy.ts'

/**
 * What to do about a path, given what both ends last agreed on and what stands at each end now.
 *
 * - `equal`    both ends hold the same: that is the new agreement
 * - `pull`     only the other end changed (or ours is gone, and an edit beats a delete): take theirs
 * - `push`     only ours changed (or theirs is gone): ours goes out on top of theirs
 * - `conflict` both hold something that the other never had: ours keeps the path, theirs is kept as a conflict copy
 */
export type Verdict = 'equal' | 'pull' | 'push' | 'conflict'

/** The three-way decision; total and pure. Symmetric: swapping the ends swaps `pull` and `push`. */
export function reconcile(ancestor: Token, local: Token, remote: Token): Verdict {
  if (local === remote) return 'equal'
  if (local === ancestor) return 'pull'
  if (remote === ancestor) return 'push'
  if (remote === absent) return 'push'
  if (local === absent) return 'pull'
  return 'conflict'
}

/**
 * The pod's answer to the laptop's PUT: only the laptop resolves, so that one edit on both sides gives one conflict copy
 * and not two. `apply` where the pod still holds what the laptop believed it holds, or where it is not asked.
 */
export function answerPut(
  put: { base: Token; data: Token },
  current: Token,
  { mode }: SyncPolicy = twoWay,
): 'equal' | 'apply' | 'reject' {
  if (current === put.data) return 'equal'
  return current === put.base || mode === 'push' ? 'apply' : 'reject'
}

/**
 * The laptop's reading of a PUT from the pod. A pod that returned to the agreed content, or deleted, loses nothing when
 * ours goes out on top. With `pull` the pod's stands always, and what gives way is in the trash.
 */
export function judgePut(
  put: { base: Token; data: Token },
  current: Token,
  agreed: Token,
  { mode, prefer }: SyncPolicy = twoWay,
): Verdict {
  if (mode === 'pull') return current === put.data ? 'equal' : 'pull'
  if (current !== put.data && current !== put.base && put.data === agreed) return 'push'
  const verdict = reconcile(put.base, current, put.data)
  if (verdict !== 'conflict' || prefer === undefined) return verdict
  return prefer === 'local' ? 'push' : 'pull'
}

/**
 * The agreement after a cut, from what the pod holds (`current`), what it last applied of ours (`base`; undefined where
 * the agent started anew), what the laptop holds (`local`), what we last agreed on and what we sent without hearing back.
 */
export function settle(path: {
  agreed: Token
  sent: Token | undefined
  local: Token
  current: Token
  base: Token | undefined
}): Token {
  const { sent } = path
  if (sent !== undefined && (path.current === sent || path.base === sent)) return sent
  return path.current === path.local ? path.local : path.agreed
}
