import { UserError } from '../../syncer/base/errors.ts'
import type { HolderRecord } from '../home/holder-record.ts'
import { askHolder } from '../session/control-client.ts'
import type { Invocation } from './io.ts'
import { holdersHere, isHolderOf, several } from './targets.ts'
import { chooseDev, openWorkplace, type Workplace } from './workplace.ts'

/** Returns when everything that was written on either side before the call is on the other. */
export async function flush(invocation: Invocation<{ timeout: number }>): Promise<number> {
  const { io, names, options } = invocation
  const workplace = await openWorkplace(invocation, { manifest: 'optional' })
  const record = holderOf(workplace, names[0])
  await askHolder(record, { method: 'flush', timeoutMs: options.timeout * 1000 }, { signal: io.interrupted })
  return 0
}

function holderOf(workplace: Workplace, name: string | undefined): HolderRecord {
  const { manifest, cluster } = workplace
  const wanted = name ?? (manifest ? chooseDev(manifest, undefined).name : undefined)
  const found = holdersHere(workplace).filter(record => wanted === undefined || isHolderOf(record, wanted))
  const [only, ...others] = found
  if (only && others.length === 0) return only
  if (only)
    throw several(
      found.map(record => record.dev),
      cluster,
    )
  throw new UserError(
    'not-found',
    `no podswap process on this machine holds ${wanted ?? `anything in ${cluster.namespace}`}`,
    {
      hint: `podswap up${wanted ? ` ${wanted}` : ''} --detach starts one`,
    },
  )
}
