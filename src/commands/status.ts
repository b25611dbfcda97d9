import { setTimeout as pause } from 'node:timers/promises'
import { systemTimers } from '../../syncer/base/clock.ts'
import { deadline } from '../../syncer/base/deadline.ts'
import { UserError } from '../../syncer/base/errors.ts'
import type { HolderRecord } from '../home/holder-record.ts'
import { withServices } from '../manifest/read-services.ts'
import { askHolder } from '../session/control-client.ts'
import { findHolder, isAlive } from '../session/find-holder.ts'
import { commandStatus, type DevStatus, emptySummary, type StatusReport } from '../session/status-report.ts'
import { findSwapped, type Swapped, swappedTitle } from '../swap/swapped.ts'
import { statusText } from '../ui/status-text.ts'
import { paintFor, wantsColour } from '../ui/style.ts'
import type { Invocation, Io } from './io.ts'
import { holdersHere, isHolderOf, isSwapOf } from './targets.ts'
import { openWorkplace, type Workplace } from './workplace.ts'

const ANSWER_TIMEOUT_MS = 6_000
const WATCH_INTERVAL_MS = 1_000

/** Says how sessions are: those of this laptop by asking their processes, others by what the cluster knows. */
export async function status(invocation: Invocation<{ watch?: boolean }>): Promise<number> {
  const { io, globals, options } = invocation
  const workplace = await openWorkplace(invocation, { manifest: 'optional' })
  const paint = paintFor(wantsColour(io.stdout, io.env, globals))
  const show = (report: StatusReport) => {
    if (globals.json) return `${JSON.stringify(report, null, options.watch ? undefined : 2)}\n`
    if (report.devs.length === 0) return `${nothingText(workplace, invocation.names)}\n`
    return statusText(report, { nowMs: Date.now(), paint })
  }
  const look = () => readStatus(workplace, invocation.names, io.interrupted)
  if (!options.watch) {
    io.stdout.write(show(await look()))
    return 0
  }
  try {
    return await watch(look, report => io.stdout.write(show(report)), io)
  } catch (error) {
    // Ctrl-C is how this ends.
    if (io.interrupted.aborted) return 130
    throw error
  }
}

/** Others may well be in dev mode where only some were asked about. */
export function nothingText({ manifest, cluster }: Workplace, names: string[]): string {
  const asked =
    names.length > 0 ? names : [...new Set((manifest?.devs ?? []).flatMap(withServices).map(dev => dev.name))]
  if (asked.length === 0) return `nothing is in dev mode in the namespace ${cluster.namespace}`
  return `${asked.join(', ')} ${asked.length === 1 ? 'is' : 'are'} not in dev mode in the namespace ${cluster.namespace}`
}

/** Shows it again whenever it is another than before. */
async function watch(look: () => Promise<StatusReport>, show: (report: StatusReport) => void, io: Io): Promise<never> {
  for (let last = ''; ; ) {
    const report = await look()
    const now = lastingText(report)
    if (now !== last) show(report)
    last = now
    await pause(WATCH_INTERVAL_MS, undefined, { signal: io.interrupted })
  }
}

/** Without what moves by itself: traffic, and when something was last asked. */
export function lastingText(report: StatusReport): string {
  return JSON.stringify(report, (key, value) =>
    ['bytes_sent', 'bytes_received', 'last_probe_at', 'last_change_at', 'transfer'].includes(key) ? undefined : value,
  )
}

export async function readStatus(workplace: Workplace, names: string[], signal: AbortSignal): Promise<StatusReport> {
  const wanted = wantedOf(workplace, names)
  const holders = holdersHere(workplace).filter(record => wanted.holds(record))
  const devs = await Promise.all(holders.map(record => askStatus(workplace, record, signal)))
  const held = devs.filter(dev => dev !== null)
  // What a process of this laptop holds needs no answer of the cluster, which may be out of reach just now.
  if (wanted.count !== null && held.length >= wanted.count) return { devs: held }
  const others = await findOthers(workplace, held, signal)
  return {
    devs: [...held, ...others.filter(swapped => wanted.has(swapped)).map(each => swappedStatus(workplace, each))],
  }
}

interface Wanted {
  holds(record: HolderRecord): boolean
  has(swapped: Swapped): boolean
  /** How many there can be; null: whatever there is. */
  count: number | null
}

function wantedOf(workplace: Workplace, names: string[]): Wanted {
  const { manifest } = workplace
  if (names.length === 0 && !manifest) return { holds: () => true, has: () => true, count: null }
  const known = (manifest?.devs ?? []).flatMap(withServices)
  const devs = names.length === 0 ? known : known.filter(dev => names.includes(dev.name))
  const all = names.length === 0 ? [...new Set(devs.map(dev => dev.name))] : names
  return {
    holds: record => all.some(name => isHolderOf(record, name)),
    has: swapped =>
      devs.some(dev => isSwapOf(workplace, swapped, dev)) ||
      names.some(name => [swapped.name, swapped.dev, swapped.clone].includes(name)),
    count: all.length,
  }
}

async function findOthers({ cluster }: Workplace, held: DevStatus[], signal: AbortSignal): Promise<Swapped[]> {
  try {
    const all = await findSwapped(cluster, { signal })
    return all.filter(swapped => !held.some(dev => dev.workload === swappedTitle(swapped)))
  } catch (error) {
    if (held.length === 0 || signal.aborted) throw error
    for (const dev of held) dev.warnings.push('the cluster could not be asked about other workloads')
    return []
  }
}

/** null where the process went away meanwhile. */
async function askStatus({ home }: Workplace, record: HolderRecord, signal: AbortSignal): Promise<DevStatus | null> {
  using limit = deadline(systemTimers, ANSWER_TIMEOUT_MS, signal)
  while (!limit.late.aborted) {
    try {
      const answer = await askHolder(record, { method: 'status' }, { signal: limit.signal })
      return answer as DevStatus
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof UserError)) throw error
      if (!findHolder(home, record.id)) return null
      // It has claimed the session and does not listen yet.
      if (error.code !== 'not-found') break
      await pause(25)
    }
  }
  return isAlive(record) ? silentStatus(record) : null
}

function silentStatus(record: HolderRecord): DevStatus {
  return {
    ...emptyStatus(record),
    name: record.dev,
    workload: record.workload ?? record.dev,
    state: 'failed',
    holder: `${record.user}@${record.host}`,
    holder_pid: record.pid,
    since: new Date(record.startedAtMs).toISOString(),
    warnings: [
      `process ${record.pid} holds the session and does not answer: it is stopped or hangs, and nothing is synced meanwhile`,
      `where it stays so: kill -9 ${record.pid}, then podswap up comes back to the same pod`,
    ],
  }
}

/** Swapped, and held by no process of this laptop: what can be seen from here is what the cluster says. */
function swappedStatus({ cluster }: Workplace, swapped: Swapped): DevStatus {
  return {
    ...emptyStatus(cluster),
    name: swapped.dev ?? swapped.name,
    workload: swappedTitle(swapped),
    state: null,
    holder: swapped.lease?.owner ?? swapped.owner ?? null,
    pod: swapped.pod?.name ?? null,
    since: swapped.since ?? null,
    warnings: [
      ...refusedText(swapped),
      ...(swapped.state === 'swapped' ? [] : [`${unfinishedText(swapped)}; podswap down puts it back`]),
      awayText(swapped),
    ],
  }
}

function refusedText({ refused, replicas }: Swapped): string[] {
  if (!refused) return []
  const count = `${refused.pods} of ${replicas} pods`
  return [`it is scaled up again and has ${count}: ${refused.reason}; podswap down asks for them anew`]
}

function unfinishedText({ state }: Swapped): string {
  return state === 'claimed' ? 'it is claimed, and not swapped' : 'it is half swapped'
}

function awayText({ lease }: Swapped): string {
  if (lease && !lease.isExpired) {
    const seen = `${lease.owner} was at it ${Math.round(lease.ageMs / 1000)} s ago`
    return `${seen}, and no podswap process on this machine holds it, so nothing is known of its sync`
  }
  return 'no podswap process on this machine holds it, so nothing is known of its sync; podswap up takes it up again'
}

function emptyStatus({ namespace }: { namespace: string }): DevStatus {
  return {
    name: '',
    namespace,
    workload: '',
    state: null,
    has_problems: null,
    holder: null,
    pod: null,
    sync: emptySummary('unknown'),
    forwards: [],
    command: commandStatus(null),
    holder_pid: null,
    since: null,
    folders: [],
    warnings: [],
  }
}
