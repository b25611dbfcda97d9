import { UserError } from '../../syncer/base/errors.ts'
import type { HolderRecord } from '../home/holder-record.ts'
import { withServices } from '../manifest/read-services.ts'
import { askHolder } from '../session/control-client.ts'
import type { Invocation } from './io.ts'
import { holdersHere, isHolderOf, several } from './targets.ts'
import { openWorkplace, type Workplace } from './workplace.ts'

/** Returns when everything that was written on either side before the call is on the other. */
export async function flush(invocation: Invocation<{ timeout: number }>): Promise<number> {
  const { io, names, options } = invocation
  const workplace = await openWorkplace(invocation, { manifest: 'optional' })
  const records = holdersMeant(workplace, names[0])
  const untilMs = performance.now() + options.timeout * 1000
  // What one pod wrote is on the laptop after the first round, and in the other pods after the second.
  for (let rounds = records.length > 1 ? 2 : 1; rounds > 0; rounds -= 1) {
    const timeoutMs = Math.max(1, Math.ceil(untilMs - performance.now()))
    const signal = io.interrupted
    await Promise.all(records.map(record => askHolder(record, { method: 'flush', timeoutMs }, { signal })))
  }
  return 0
}

/**
 * The sessions here that are meant: by the name given, with the services of that dev; else all of the manifest, else all
 * of the namespace that come of one manifest. At least one. Throws `not-found` or `usage`.
 */
export function holdersMeant(workplace: Workplace, name: string | undefined): HolderRecord[] {
  const { manifest, cluster } = workplace
  const devs = (manifest?.devs ?? []).flatMap(withServices)
  const wanted = name === undefined ? devs : devs.filter(dev => dev.name === name).flatMap(withServices)
  const names = [...wanted.map(dev => dev.name), ...(name === undefined ? [] : [name])]
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
