import { UserError } from '../../syncer/base/errors.ts'
import type { HolderRecord } from '../home/holder-record.ts'
import type { Dev } from '../manifest/manifest.ts'
import { withServices } from '../manifest/read-services.ts'
import { askHolder } from '../session/control-client.ts'
import { findHolder, sessionId, swapSessionId } from '../session/find-holder.ts'
import { findSwapped, type Swapped } from '../swap/swapped.ts'
import type { Invocation } from './io.ts'
import { holdersHere, isHolderOf, several } from './targets.ts'
import { openWorkplace, type Workplace } from './workplace.ts'

/** Its pod may differ from the laptop. */
const swappedStates: Swapped['state'][] = ['swapped', 'no-clone']

export interface FlushOptions {
  /** Seconds. */
  timeout: number
}

/** Returns when everything that was written on either side before the call is on the other. */
export async function flush(invocation: Invocation<FlushOptions>): Promise<number> {
  return await flushMeant(await openWorkplace(invocation, { manifest: 'optional' }), invocation)
}

/** Throws `not-found` where one that is meant has no process here, `timeout` where it is not done in time. */
export async function flushMeant(workplace: Workplace, invocation: Invocation<FlushOptions>): Promise<number> {
  const { io, names, options } = invocation
  const signal = io.interrupted
  const records = holdersMeant(workplace, names[0])
  const untilMs = performance.now() + options.timeout * 1000
  // What one pod wrote is on the laptop after the first round, and in the other pods after the second.
  for (let rounds = records.length > 1 ? 2 : 1; rounds > 0; rounds -= 1) {
    const timeoutMs = Math.max(1, Math.ceil(untilMs - performance.now()))
    await Promise.all(records.map(record => askHolder(record, { method: 'flush', timeoutMs }, { signal })))
  }
  await requireHeld(workplace, names[0], signal)
  return 0
}

/**
 * Throws `not-found` where a dev that is meant is swapped by this laptop and its process is gone: nothing flushes that.
 * The cluster is asked only where not all of them are held.
 */
async function requireHeld(workplace: Workplace, name: string | undefined, signal: AbortSignal): Promise<void> {
  const { cluster, home } = workplace
  const isHeld = (id: string) => findHolder(home, id) !== null
  const away = devsMeant(workplace, name)
    .map(dev => ({ dev, id: sessionId(cluster, dev) }))
    .filter(({ id }) => !isHeld(id))
  if (away.length === 0) return
  const swapped = (await findSwapped(cluster, { signal })).filter(({ state }) => swappedStates.includes(state))
  const sessions = new Set(swapped.map(({ session }) => session))
  // one that came up meanwhile is flushed by the next call
  const lost = away.find(({ id }) => sessions.has(swapSessionId(home, id)) && !isHeld(id))
  if (!lost) return
  const { name: what } = lost.dev
  throw new UserError('not-found', `${what} is in dev mode, and no podswap process on this machine holds it`, {
    hint: `podswap up ${what} --detach comes back to it`,
  })
}

function devsMeant({ manifest }: Workplace, name: string | undefined): Dev[] {
  const devs = (manifest?.devs ?? []).flatMap(withServices)
  return name === undefined ? devs : devs.filter(dev => dev.name === name).flatMap(withServices)
}

/**
 * The sessions here that are meant: by the name given, with the services of that dev; else all of the manifest, else all
 * of the namespace that come of one manifest. At least one. Throws `not-found` or `usage`.
 */
export function holdersMeant(workplace: Workplace, name: string | undefined): HolderRecord[] {
  const { manifest, cluster } = workplace
  const names = [...devsMeant(workplace, name).map(dev => dev.name), ...(name === undefined ? [] : [name])]
  const isAny = name === undefined && manifest === null
  const found = holdersHere(workplace).filter(record => isAny || names.some(each => isHolderOf(record, each)))
  const isHere = name === undefined ? found.length > 0 : found.some(record => isHolderOf(record, name))
  if (!isHere) throw nobody(workplace, name ?? (manifest?.devs.length === 1 ? names[0] : undefined))
  if (isAny && new Set(found.map(record => record.manifest)).size > 1) {
    const all = found.map(record => record.dev)
    throw several(all, cluster)
  }
  return found
}

function nobody({ cluster }: Workplace, name: string | undefined): UserError {
  return new UserError(
    'not-found',
    `no podswap process on this machine holds ${name ?? `anything in ${cluster.namespace}`}`,
    {
      hint: `podswap up${name ? ` ${name}` : ''} --detach starts one`,
    },
  )
}
