import { systemTimers } from '../../syncer/base/clock.ts'
import { UserError } from '../../syncer/base/errors.ts'
import { type Leftover, leftoversOf } from '../swap/leftovers.ts'
import { revertSwap } from '../swap/revert.ts'
import type { SwapEvent } from '../swap/swap-event.ts'
import { findSwapped, type Swapped, swappedTitle } from '../swap/swapped.ts'
import type { UiEvent } from '../ui/events.ts'
import { fetchBeforeDown } from './fetch-before-down.ts'
import { leftFolders } from './fetch-left.ts'
import type { Io } from './io.ts'
import { endedSessions, livingHolders } from './targets.ts'
import { SilenceTeller } from './tell-silence.ts'
import { undoerOf } from './undoer.ts'
import type { Workplace } from './workplace.ts'

/** Those of what is swapped that nobody is at, as seen from here. Changes nothing. */
export function leftSwaps(workplace: Workplace, all: Swapped[], io: Io): Leftover[] {
  const endedHere = endedSessions(workplace, all)
  const isFetchable = (swapped: Swapped) =>
    endedHere.includes(swapped.session) && swapped.pod?.phase === 'Running' && leftFolders(workplace, swapped) !== null
  return leftoversOf(all, {
    viewer: `${io.user}@${io.host}`,
    heldHere: livingHolders(workplace).flatMap(({ workload }) => workload ?? []),
    endedHere,
    fetchable: all.filter(isFetchable).map(({ session }) => session),
    nowMs: workplace.cluster.serverTimeMs(),
  })
}

/**
 * Puts one of them back, after what was written in its pod has come here, as `down` does. Throws `state` where that cannot
 * come, and where somebody is at it by now: the person may have been asked a while ago.
 */
export async function mendSwap(
  workplace: Workplace,
  { swapped: { kind, name } }: Leftover,
  { io, report }: { io: Io; report: (event: UiEvent) => void },
): Promise<void> {
  const { cluster } = workplace
  const signal = io.interrupted
  const title = swappedTitle({ kind, name })
  const all = (await findSwapped(cluster, { signal })).filter(each => swappedTitle(each) === title)
  const [left] = leftSwaps(workplace, all, io)
  if (all.length === 0) return
  if (!left) throw new UserError('state', `somebody is at ${title} by now`, { hint: 'podswap doctor looks again' })
  const reporter = { report, clear() {}, close() {} }
  using silence = new SilenceTeller(reporter, systemTimers)
  const fetching = { io, holders: [], swapped: [left.swapped], force: false, volumes: false, silence, signal }
  const [unfetched] = await fetchBeforeDown({ ...workplace, reporter }, fetching)
  if (unfetched) throw unfetched.error
  const by = undoerOf(io)
  const on = (event: SwapEvent) => report({ type: 'swap', event })
  const { leftovers } = await revertSwap(cluster, { kind, name }, { by, signal, on })
  for (const message of leftovers) report({ type: 'warning', message })
}
