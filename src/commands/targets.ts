import { UserError } from '../../syncer/base/errors.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { type HolderRecord, listHolders } from '../home/holder-record.ts'
import { readLeftNote } from '../home/left-note.ts'
import type { Dev } from '../manifest/manifest.ts'
import { withServices } from '../manifest/read-services.ts'
import { isAlive, liveHolders, sessionId, swapSessionId } from '../session/find-holder.ts'
import { findSwapped, type Swapped } from '../swap/swapped.ts'
import { chooseDev, type Workplace } from './workplace.ts'

/** The sessions that processes on this laptop hold in the namespace. */
export function holdersHere({ home, cluster }: Pick<Workplace, 'home' | 'cluster'>): HolderRecord[] {
  return liveHolders(home).filter(record => isOfNamespace(record, cluster))
}

/** The same, and changes nothing: what dead ones left stays. */
export function livingHolders({ home, cluster }: Pick<Workplace, 'home' | 'cluster'>): HolderRecord[] {
  return listHolders(home).filter(record => isAlive(record) && isOfNamespace(record, cluster))
}

export function isOfNamespace(record: HolderRecord, cluster: Cluster): boolean {
  return record.server === cluster.server && record.namespace === cluster.namespace
}

/** `name` is a dev's or a workload's. */
export function isHolderOf(record: HolderRecord, name: string): boolean {
  return record.dev === name || record.workload?.split('/')[1] === name
}

/**
 * Whether what is swapped is what a dev of the manifest means: the workload of its name, or the one that its selector
 * finds. Of that, before its clone is there, its session alone says so. Other manifests may have a dev of the same name:
 * what another session swapped must bear the dev's selector.
 */
export function isSwapOf({ home, cluster }: Pick<Workplace, 'home' | 'cluster'>, swapped: Swapped, dev: Dev): boolean {
  if (!dev.selector) return swapped.name === dev.name
  if (swapped.dev !== undefined && swapped.dev !== dev.name) return false
  const id = sessionId(cluster, dev)
  if (swapped.session === swapSessionId(home, id)) return true
  return swapped.dev !== undefined && bears(swapped, dev.selector)
}

/** What is gone bears nothing, and is not told from others by it. */
function bears({ labels }: Swapped, selector: Record<string, string>): boolean {
  return labels === undefined || Object.entries(selector).every(([name, value]) => labels[name] === value)
}

/**
 * Sessions in the cluster of this state folder whose process is gone, of those that can be told: of the records and the
 * notes of their folders that dead ones left, of the manifest's devs, and of what is swapped by a dev without a selector.
 * Changes nothing.
 */
export function endedSessions({ home, cluster, manifest }: Omit<Workplace, 'reporter'>, all: Swapped[]): string[] {
  const records = listHolders(home).filter(record => isOfNamespace(record, cluster))
  const devs: Pick<Dev, 'name' | 'selector'>[] = [
    ...(manifest?.devs ?? []).flatMap(withServices),
    ...all.map(({ dev, name }) => ({ name: dev ?? name })),
  ]
  const ids = devs.map(dev => sessionId(cluster, dev))
  const living = records.filter(isAlive).map(({ id }) => id)
  const ended = [...records.map(({ id }) => id), ...ids].filter(id => !living.includes(id))
  const live = living.map(id => swapSessionId(home, id))
  const noted = all.filter(({ session }) => !live.includes(session) && readLeftNote(home, session) !== null)
  return [...new Set([...ended.map(id => swapSessionId(home, id)), ...noted.map(({ session }) => session)])]
}

/**
 * The one running dev mode that is meant: by the name given, else by the manifest, else the only one in the namespace.
 * Throws `not-found` or `usage`.
 */
export async function oneSwapped(
  workplace: Workplace,
  name: string | undefined,
  signal: AbortSignal,
): Promise<Swapped> {
  const { cluster, manifest } = workplace
  // A name that the manifest does not have may still be a workload's.
  const dev =
    manifest && (name === undefined || manifest.devs.flatMap(withServices).some(each => each.name === name))
      ? chooseDev(manifest, name)
      : null
  const all = await findSwapped(cluster, { signal })
  const found = all.filter(swapped =>
    dev
      ? isSwapOf(workplace, swapped, dev)
      : name === undefined || [swapped.name, swapped.dev, swapped.clone].includes(name),
  )
  const [only, ...others] = found
  if (only && others.length === 0) return only
  if (only)
    throw several(
      found.map(swapped => swapped.name),
      cluster,
    )
  const what = dev?.name ?? name
  throw new UserError('not-found', `${what ?? 'nothing'} is ${what ? 'not ' : ''}in dev mode in ${cluster.namespace}`, {
    hint: `podswap up${what ? ` ${what}` : ''} starts it`,
  })
}

export function several(names: string[], cluster: Cluster): UserError {
  return new UserError('usage', `several are in dev mode in the namespace ${cluster.namespace}: ${names.join(', ')}`, {
    hint: 'name the one that you mean',
  })
}
