import { systemTimers } from '../../syncer/base/clock.ts'
import { UserError } from '../../syncer/base/errors.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { HolderRecord } from '../home/holder-record.ts'
import type { Home } from '../home/home.ts'
import { withServices } from '../manifest/read-services.ts'
import { beginStop, swapSessionId } from '../session/find-holder.ts'
import { type Reverted, revertSwap } from '../swap/revert.ts'
import type { SwapEvent } from '../swap/swap-event.ts'
import { findSwapped, type Swapped, swappedTitle } from '../swap/swapped.ts'
import type { Undoer } from '../swap/undo-guard.ts'
import { fetchBeforeDown } from './fetch-before-down.ts'
import type { Invocation } from './io.ts'
import { type DeletingClaims, deleteClaims } from './kept-claims.ts'
import { holdersHere, isHolderOf, isSwapOf, several } from './targets.ts'
import { SilenceTeller } from './tell-silence.ts'
import { undoerOf } from './undoer.ts'
import { chooseDev, openWorkplace, perhapsElsewhere, type Workplace } from './workplace.ts'

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
  /** What cannot be fetched from the pods is given up. */
  force?: boolean
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
  using silence = new SilenceTeller(reporter, systemTimers)
  const scope = scopeOf(workplace, invocation)
  const find = async () => (await findSwapped(cluster, { signal })).filter(each => scope.has(each))
  // The cluster is asked first: where it does not answer, a session that runs is left alone.
  silence.at('asking the cluster what is swapped')
  const before = await find()
  const holders = holdersHere(workplace).filter(record => scope.holds(record))
  if (scope.one) refuseSeveral(before, holders, cluster)
  const isSeen = (record: HolderRecord) => isOfAny(home, record, before)
  const { volumes = false, force = false } = invocation.options
  const fetching = { io: invocation.io, holders: holders.filter(isSeen), swapped: before, force, volumes }
  const unfetched = await fetchBeforeDown(workplace, { ...fetching, silence, signal })
  const isKept = (record: HolderRecord) => unfetched.some(each => each.record === record)
  const toStop = holders.filter(record => !isKept(record))
  const { stuck, leaving } = await stopAll(workplace, toStop, { isSeen, silence, signal })
  const now = holders.every(isSeen) ? before : await find()
  const stays = unfetched.map(each => swappedTitle(each.swapped))
  const isHeld = (swapped: Swapped) =>
    stays.includes(swappedTitle(swapped)) || stuck.some(({ record }) => isHeldBy(home, record, swapped))
  const swapped = now.filter(each => !isHeld(each))
  const by = undoerOf(invocation.io)
  const isOneOfSeveral = swapped.length + stuck.length + unfetched.length > 1
  const failures = await revertAll(workplace, swapped, { by, signal, volumes, isOneOfSeveral, leaving, silence })
  await Promise.allSettled(leaving.map(({ ended }) => ended))
  const { owner } = by
  const { has, one } = scope
  const titles = failures.map(failure => swappedTitle(failure.swapped))
  const hasFailed = (swapped: Swapped) => isHeld(swapped) || titles.includes(swappedTitle(swapped))
  for (const { error } of isOneOfSeveral ? unfetched : []) {
    reporter.report({ type: 'warning', message: error.message, hint: error.hint })
  }
  const [first] = [...stuck, ...failures, ...unfetched]
  const deleting = { owner, has, one, hasFailed, signal }
  const deleted = volumes ? await deleteVolumes(workplace, deleting, first !== undefined) : 0
  if (first) throw first.error
  if (swapped.length + deleted > 0) return 0
  const elsewhere = perhapsElsewhere(workplace, invocation)
  if (elsewhere) throw elsewhere
  reporter.report({ type: 'done', message: `nothing to do: ${scope.nothing}` })
  return 0
}

/** Where something could not be put back, that is what is thrown in the end: what is wrong with volumes is told here. */
async function deleteVolumes(workplace: Workplace, deleting: DeletingClaims, isFailing: boolean): Promise<number> {
  try {
    return await deleteClaims(workplace, deleting)
  } catch (error) {
    if (!isFailing || deleting.signal.aborted || !(error instanceof UserError)) throw error
    workplace.reporter.report({ type: 'warning', message: error.message, hint: error.hint })
    return 0
  }
}

interface Stuck {
  record: HolderRecord
  error: UserError
}

/** A session that begins nothing any more, and has not ended yet. */
interface Leaving {
  record: HolderRecord
  ended: Promise<void>
}

interface StoppingAll {
  isSeen: (record: HolderRecord) => boolean
  silence: SilenceTeller
  signal: AbortSignal
}

/**
 * All are asked at once. One that does not answer keeps what it holds, and no other from being put back: `stuck`, told all
 * but the first. One whose swap was not seen may still make it, and its end is waited for.
 */
async function stopAll(
  { home, reporter }: Workplace,
  holders: HolderRecord[],
  { isSeen, silence, signal }: StoppingAll,
): Promise<{ stuck: Stuck[]; leaving: Leaving[] }> {
  const stuck: Stuck[] = []
  const leaving: Leaving[] = []
  const asked = holders.map(record => ({ record, ...beginStop(home, record, signal) }))
  for (const { record, heard, ended } of asked) {
    silence.at(`asking process ${record.pid}, which holds ${record.dev}, to end`)
    try {
      await (isSeen(record) ? heard : ended)
      leaving.push({ record, ended })
    } catch (error) {
      if (signal.aborted || !(error instanceof UserError)) throw error
      if (stuck.length > 0) reporter.report({ type: 'warning', message: error.message, hint: error.hint })
      stuck.push({ record, error })
    }
  }
  return { stuck, leaving }
}

/** What it holds was seen swapped; one that starts may have swapped since. */
function isOfAny(home: Home, record: HolderRecord, all: Swapped[]): boolean {
  const held = swapSessionId(home, record.id)
  return all.some(({ session, state }) => state === 'swapped' && session === held)
}

/** Or was, before somebody took it over: its process may not know yet. */
function isHeldBy(home: Home, record: HolderRecord, swapped: Swapped): boolean {
  return swapped.session === swapSessionId(home, record.id) || swappedTitle(swapped) === record.workload
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
  const { signal, isOneOfSeveral } = how
  const failures: Failure[] = []
  for (const each of all) {
    try {
      await revert(workplace, each, how)
    } catch (error) {
      if (signal.aborted || !(error instanceof UserError)) throw error
      failures.push({ swapped: each, error })
      const message = `${swappedTitle(each)} could not be put back: ${error.message}`
      if (isOneOfSeveral) workplace.reporter.report({ type: 'warning', message, hint: error.hint })
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
  /** What is wrong with one is told when it is seen. */
  isOneOfSeveral: boolean
  leaving: Leaving[]
  silence: SilenceTeller
}

async function revert(workplace: Workplace, swapped: Swapped, how: Undoing): Promise<void> {
  const { cluster, reporter, home } = workplace
  const { by, signal, volumes } = how
  const untilLeft = async () => {
    for (const { record, ended } of how.leaving) if (isHeldBy(home, record, swapped)) await ended
  }
  const { kind, name } = swapped
  const ends = endsSessionText(swapped, by.owner)
  if (ends) reporter.report({ type: 'warning', message: ends })
  reporter.report({ type: 'undoing', workload: swappedTitle(swapped) })
  const title = swappedTitle(swapped)
  how.silence.at(`asking the cluster to scale ${title} up`)
  const on = (event: SwapEvent) => {
    reporter.report({ type: 'swap', event })
    how.silence.at(stageAfter(event, title))
  }
  const reverted = await revertSwap(cluster, { kind, name }, { by, signal, on, untilLeft })
  for (const message of reverted.leftovers) reporter.report({ type: 'warning', message })
  reporter.report({ type: 'done', message: revertedText(reverted) })
  if (swapped.claim === undefined || volumes) return
  const kept = `the volume ${swapped.claim} stays, with what is in it`
  reporter.report({ type: 'done', message: `${kept}; podswap down --volumes ${name} deletes it` })
}

/** What goes on, as long as nothing else is told. */
function stageAfter({ type }: SwapEvent, title: string): string {
  switch (type) {
    case 'stopping-clone':
    case 'waiting-clone-pod':
      return `taking the dev pod of ${title} away`
    case 'clone-deleted':
    case 'original-ready':
      return `looking whether ${title} is as it was`
    default:
      return `seeing ${title} through until it is as it was`
  }
}

/** Whose session that is, where it is not the caller's own. */
function endsSessionText({ owner, since, lease, kind, name }: Swapped, caller: string): string | null {
  const who = lease?.owner ?? owner
  if (who === undefined || who === caller) return null
  const seen = lease ? `, seen ${Math.round(lease.ageMs / 1000)} s ago` : ''
  return `this ends the session of ${who} on ${swappedTitle({ kind, name })} (since ${lease?.since ?? since}${seen})`
}

function revertedText({ state, workload, replicas, isReady, refusal }: Reverted): string {
  switch (state) {
    case 'nothing':
      return `nothing to do: ${workload} is not in dev mode`
    case 'gone':
      return `${workload} was deleted meanwhile; its dev pod is gone too`
    case 'removed':
      return `${workload}, which podswap had made, is deleted`
    case 'reverted': {
      const count = `${replicas} ${replicas === 1 ? 'replica' : 'replicas'}`
      if (isReady) return `${workload} is back as it was, ${count} ready`
      return `${workload} is back as it was with ${count}, not all ready yet${refusal === undefined ? '' : `: ${refusal}`}`
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
        devs.some(dev => isSwapOf(workplace, swapped, dev)),
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
    has: swapped => devs.some(each => isSwapOf(workplace, swapped, each)),
    one: false,
    nothing: `${dev.name} is not in dev mode`,
  }
}
