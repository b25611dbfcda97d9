import { UserError } from '../../syncer/base/errors.ts'
import { sessionId, swapSessionId } from '../session/find-holder.ts'
import { cloneNames } from '../swap/clone-name.ts'
import type { WorkloadKind } from '../swap/record.ts'
import type { Swapped } from '../swap/swapped.ts'
import { deleteClaim, type KeptClaim, listClaims } from '../swap/volume-claim.ts'
import type { Workplace } from './workplace.ts'

export interface DeletingClaims {
  /** `user@host` of the caller. */
  owner: string
  has: (swapped: Swapped) => boolean
  /** Nothing was said that could mean several. */
  one: boolean
  /** Could not be put back: their pods may still need what the volumes hold. */
  hasFailed: (swapped: Swapped) => boolean
  signal: AbortSignal
}

/**
 * Deletes the volumes that `has` means and that are the caller's; those of others, and of what could not be put back, are
 * named and stay. Returns how many went.
 */
export async function deleteClaims(workplace: Workplace, deleting: DeletingClaims): Promise<number> {
  const { cluster, reporter } = workplace
  const { has, one, hasFailed, signal } = deleting
  const meant = (await listMine(cluster, signal)).filter(claim => asSwapped(claim).some(has))
  const own = meant.filter(claim => foreignText(workplace, claim, deleting.owner) === null)
  if (one && own.length > 1) {
    const names = own.map(({ workload, name }) => `${name} of ${workload}`).join(', ')
    throw new UserError('usage', `several volumes are yours: ${names}`, { hint: 'name the workload, or --all' })
  }
  const deleted: KeptClaim[] = []
  for (const claim of meant) {
    const { name, workload, size } = claim
    const foreign = foreignText(workplace, claim, deleting.owner)
    const isNeeded = asSwapped(claim).some(hasFailed)
    if (foreign !== null || isNeeded) {
      const why = foreign ?? `${workload} could not be put back`
      const hint = foreign ? `kubectl delete pvc ${name} deletes it` : 'podswap down --volumes once more deletes it'
      reporter.report({ type: 'warning', message: `the volume ${name} of ${workload} stays: ${why}`, hint })
      continue
    }
    await deleteClaim(cluster, claim, signal)
    const message = `the volume ${name} (${size}) of ${workload} is deleted, with all that was in it`
    reporter.report({ type: 'done', message })
    deleted.push(claim)
  }
  if (meant.length === 0) reporter.report({ type: 'done', message: 'there is no volume to delete' })
  return deleted.length
}

/** Whose it is, if not the caller's. Two machines may bear one name, and so may their users: the session tells them apart. */
function foreignText({ cluster, home }: Workplace, claim: KeptClaim, owner: string): string | null {
  if (claim.owner !== owner) return `it is ${claim.owner}’s`
  const id = sessionId(cluster, { name: claim.dev, selector: claim.selector })
  if (claim.session === swapSessionId(home, id)) return null
  return `it is ${claim.owner}’s too, but not of the state folder ${home.path}`
}

async function listMine(cluster: Workplace['cluster'], signal: AbortSignal): Promise<KeptClaim[]> {
  try {
    return await listClaims(cluster, signal)
  } catch (error) {
    if (!(error instanceof UserError) || error.code !== 'forbidden') throw error
    throw new UserError('forbidden', `volumes cannot be deleted: ${error.message}`, { hint: error.hint, cause: error })
  }
}

/** As if its workload were swapped, by a clone of either name, so that names mean it as they mean a swap. */
function asSwapped({ workload, dev, session, owner }: KeptClaim): Swapped[] {
  const [kind, name = ''] = workload.split('/')
  const kindOf: WorkloadKind = kind === 'statefulset' ? 'StatefulSet' : 'Deployment'
  return cloneNames(kindOf, name).map(clone => ({
    kind: kindOf,
    name,
    uid: '',
    replicas: 0,
    session,
    clone,
    dev,
    owner,
    state: 'left-over',
  }))
}
