import { randomBytes } from 'node:crypto'
import { UserError } from '../../syncer/base/errors.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { HolderRecord } from '../home/holder-record.ts'
import { withServices } from '../manifest/read-services.ts'
import { stopHolder } from '../session/find-holder.ts'
import { undoSession } from '../swap/lease.ts'
import { type Reverted, revertSwap } from '../swap/revert.ts'
import { findSwapped, type Swapped } from '../swap/swapped.ts'
import type { Undoer } from '../swap/undo-guard.ts'
import type { Invocation } from './io.ts'
import { type DeletingClaims, deleteClaims } from './kept-claims.ts'
import { holdersHere, isHolderOf, isSwapOf, several, swappedTitle } from './targets.ts'
import { chooseDev, openWorkplace, type Workplace } from './workplace.ts'

/** What a call of `down` is about. */
interface Scope {
  holds(record: HolderRecord): boolean
  has(swapped: Swapped): boolean
  /** Nothing was said that could mean several. */
  one: boolean
  /** Where there is nothing of it. */
  nothing: string
}

export interface DownOptions {
  all?: boolean
  volumes?: boolean
}

/** Puts workloads back; needs neither the manifest nor the laptop that swapped them. */
export async function down(invocation: Invocation<DownOptions>): Promise<number> {
  const workplace = await openWorkplace(invocation, { manifest: 'optional' })
  try {
    return await putBack(workplace, invocation)
  } finally {
    workplace.reporter.close()
  }
}

/** Of what the call means; its volumes too, where that is asked for. Throws why the first could not be put back. */
export async function putBack(workplace: Workplace, invocation: Invocation<DownOptions>): Promise<number> {
  const { cluster, reporter, home } = workplace
  const signal = invocation.io.interrupted
  const scope = scopeOf(workplace, invocation)
  const find = async () => (await findSwapped(cluster, { signal })).filter(each => scope.has(each))
  // The cluster is asked first: where it does not answer, a session that runs is left alone.
  const before = await find()
  const holders = holdersHere(workplace).filter(record => scope.holds(record))
  if (scope.one) refuseSeveral(before, holders, cluster)
  for (const record of holders) await stopHolder(home, record, signal)
  const swapped = holders.some(record => !isOfAny(record, before)) ? await find() : before
  const by = {
    owner: `${invocation.io.user}@${invocation.io.host}`,
    session: undoSession(randomBytes(4).toString('hex')),
  }
  const { volumes = false } = invocation.options
  const failures = await revertAll(workplace, swapped, { by, signal, volumes })
  const { owner } = by
  const { has, one } = scope
  const failed = failures.map(failure => failure.swapped)
  const deleted = volumes ? await deleteVolumes(workplace, { owner, has, one, failed, signal }) : 0
  if (swapped.length + deleted === 0) reporter.report({ type: 'done', message: `nothing to do: ${scope.nothing}` })
  const [first] = failures
  if (first) throw first.error
  return 0
}

/** Where something could not be put back, that is what is thrown in the end: what is wrong with volumes is told here. */
async function deleteVolumes(workplace: Workplace, deleting: DeletingClaims): Promise<number> {
  try {
    return await deleteClaims(workplace, deleting)
  } catch (error) {
    if (deleting.failed.length === 0 || deleting.signal.aborted || !(error instanceof UserError)) throw error
    workplace.reporter.report({ type: 'warning', message: error.message, hint: error.hint })
    return 0
  }
}

/** What it holds was seen swapped; one that starts may have swapped since. */
function isOfAny(record: HolderRecord, swapped: Swapped[]): boolean {
  return swapped.some(({ dev, name, state }) => state === 'swapped' && (record.dev === dev || isHolderOf(record, name)))
}

function refuseSeveral(swapped: Swapped[], holders: HolderRecord[], cluster: Cluster): void {
  const starting = holders.filter(
    record => !swapped.some(({ dev, name }) => record.dev === dev || isHolderOf(record, name)),
  )
  const names = [...swapped.map(({ name }) => name), ...starting.map(({ dev }) => dev)]
  if (names.length > 1) throw several(names, cluster)
}

/** One that cannot be put back does not keep the others from it. Returns what went wrong, told already where there are several. */
async function revertAll(workplace: Workplace, all: Swapped[], how: Undoing): Promise<Failure[]> {
  const { signal } = how
  const failures: Failure[] = []
  for (const each of all) {
    try {
      await revert(workplace, each, how)
    } catch (error) {
      if (signal.aborted || !(error instanceof UserError)) throw error
      failures.push({ swapped: each, error })
      const message = `${swappedTitle(each)} could not be put back: ${error.message}`
      if (all.length > 1) workplace.reporter.report({ type: 'warning', message, hint: error.hint })
    }
  }
  return failures
}

interface Failure {
  swapped: Swapped
  error: UserError
}

interface Undoing {
  by: Undoer
  signal: AbortSignal
  /** The volumes go too. */
  volumes: boolean
}

async function revert(workplace: Workplace, swapped: Swapped, { by, signal, volumes }: Undoing): Promise<void> {
  const { cluster, reporter } = workplace
  const { kind, name } = swapped
  const ends = endsSessionText(swapped, by.owner)
  if (ends) reporter.report({ type: 'warning', message: ends })
  reporter.report({ type: 'undoing', workload: swappedTitle(swapped) })
  const reverted = await revertSwap(
    cluster,
    { kind, name },
    { by, signal, on: event => reporter.report({ type: 'swap', event }) },
  )
  for (const message of reverted.leftovers) reporter.report({ type: 'warning', message })
  reporter.report({ type: 'done', message: revertedText(reverted) })
  if (swapped.claim === undefined || volumes) return
  const kept = `the volume ${swapped.claim} stays, with what is in it`
  reporter.report({ type: 'done', message: `${kept}; podswap down --volumes ${name} deletes it` })
}

/** Whose session that is, where it is not the caller's own. */
function endsSessionText({ owner, since, lease, kind, name }: Swapped, caller: string): string | null {
  const who = lease?.owner ?? owner
  if (who === undefined || who === caller) return null
  const seen = lease ? `, seen ${Math.round(lease.ageMs / 1000)} s ago` : ''
  return `this ends the session of ${who} on ${swappedTitle({ kind, name })} (since ${lease?.since ?? since}${seen})`
}

function revertedText({ state, workload, replicas, isReady }: Reverted): string {
  switch (state) {
    case 'nothing':
      return `nothing to do: ${workload} is not in dev mode`
    case 'gone':
      return `${workload} was deleted meanwhile; its dev pod is gone too`
    case 'removed':
      return `${workload}, which podswap had made, is deleted`
    case 'reverted': {
      const count = `${replicas} ${replicas === 1 ? 'replica' : 'replicas'}`
      return isReady
        ? `${workload} is back as it was, ${count} ready`
        : `${workload} is back as it was with ${count}, which are not ready yet`
    }
  }
}

function scopeOf(workplace: Workplace, { names, options }: Invocation<DownOptions>): Scope {
  const { manifest, cluster } = workplace
  if (options.all && names.length > 0) throw new UserError('usage', 'either names or --all', { hint: 'leave one out' })
  const nothing = `nothing in the namespace ${cluster.namespace} is in dev mode`
  if (options.all) return { holds: () => true, has: () => true, one: false, nothing }
  if (names.length > 0) {
    const known = (manifest?.devs ?? []).flatMap(withServices)
    const devs = known.filter(dev => names.includes(dev.name)).flatMap(withServices)
    const all = [...names, ...devs.map(({ name }) => name)]
    return {
      holds: record => all.some(name => isHolderOf(record, name)),
      has: swapped =>
        names.some(name => [swapped.name, swapped.dev, swapped.clone].includes(name)) ||
        devs.some(dev => isSwapOf(swapped, dev)),
      one: false,
      nothing: `${names.join(', ')} ${names.length === 1 ? 'is' : 'are'} not in dev mode`,
    }
  }
  // Without a name or a manifest: what is there, if it is one thing.
  if (!manifest) return { holds: () => true, has: () => true, one: true, nothing }
  const dev = chooseDev(manifest, undefined)
  const devs = withServices(dev)
  return {
    holds: record => devs.some(({ name }) => isHolderOf(record, name)),
    has: swapped => devs.some(each => isSwapOf(swapped, each)),
    one: false,
    nothing: `${dev.name} is not in dev mode`,
  }
}
