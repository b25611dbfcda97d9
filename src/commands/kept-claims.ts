import { UserError } from '../../syncer/base/errors.ts'
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
  signal: AbortSignal
}

/**
 * Deletes the volumes that `has` means and that are the caller's; those of others are named and stay. Returns how many
 * went.
 */
export async function deleteClaims(
  { cluster, reporter }: Workplace,
  { owner, has, one, signal }: DeletingClaims,
): Promise<number> {
  const meant = (await listMine(cluster, signal)).filter(claim => has(asSwapped(claim)))
  const own = meant.filter(claim => claim.owner === owner)
  if (one && own.length > 1) {
    const names = own.map(({ workload, name }) => `${name} of ${workload}`).join(', ')
    throw new UserError('usage', `several volumes are yours: ${names}`, { hint: 'name the workload, or --all' })
  }
  for (const claim of meant.filter(each => !own.includes(each))) {
    const message = `the volume ${claim.name} of ${claim.workload} stays: it is ${claim.owner}’s`
    reporter.report({ type: 'warning', message, hint: `kubectl delete pvc ${claim.name} deletes it` })
  }
  for (const claim of own) {
    await deleteClaim(cluster, claim, signal)
    const message = `the volume ${claim.name} (${claim.size}) of ${claim.workload} is deleted, with all that was in it`
    reporter.report({ type: 'done', message })
  }
  if (meant.length === 0) reporter.report({ type: 'done', message: 'there is no volume to delete' })
  return own.length
}

async function listMine(cluster: Workplace['cluster'], signal: AbortSignal): Promise<KeptClaim[]> {
  try {
    return await listClaims(cluster, signal)
  } catch (error) {
    if (!(error instanceof UserError) || error.code !== 'forbidden') throw error
    throw new UserError('forbidden', `volumes cannot be deleted: ${error.message}`, { hint: error.hint, cause: error })
  }
}

/** As if its workload were swapped, so that names mean it as they mean a swap. */
function asSwapped({ workload, dev, session, owner }: KeptClaim): Swapped {
  const [kind, name = ''] = workload.split('/')
  const kindOf: WorkloadKind = kind === 'statefulset' ? 'StatefulSet' : 'Deployment'
  return { kind: kindOf, name, uid: '', replicas: 0, session, dev, owner, state: 'left-over' }
}
