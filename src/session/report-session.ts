import { systemTimers } from '../../syncer/base/clock.ts'
import { deadline } from '../../syncer/base/deadline.ts'
import type { CommandState } from '../../syncer/wire/services.ts'
import { describeHolder, findPortHolder } from '../forward/port-holder.ts'
import type { HolderRecord } from '../home/holder-record.ts'
import type { Link } from './link.ts'
import type { BoundForwards } from './parts.ts'
import type { Session, SessionSnapshot } from './run.ts'
import {
  commandStatus,
  type DevStatus,
  devState,
  type ForwardStatus,
  folderStatus,
  iso,
  summarize,
} from './status-report.ts'

const PROBE_TIMEOUT_MS = 2_000

/** How a session of this process is, from probes made now: each forward is dialled, the agent is asked. */
export async function reportSession(session: Session, record: HolderRecord, now: () => number): Promise<DevStatus> {
  const { link } = session
  const { forwards, waitingForwards } = session.snapshot()
  const [command, probed, waiting] = await Promise.all([
    link ? askCommand(link) : null,
    Promise.all(forwards.map(forward => probeForward(link, forward))),
    Promise.all(waitingForwards.map(probeWaiting)),
  ])
  return composeStatus({
    record,
    snapshot: session.snapshot(),
    command,
    forwards: [...probed, ...waiting],
    nowMs: now(),
  })
}

/** Puts together what was found. Pure. */
export function composeStatus(found: {
  record: HolderRecord
  snapshot: SessionSnapshot
  /** null where the agent did not answer. */
  command: CommandState | null
  forwards: ForwardStatus[]
  nowMs: number
}): DevStatus {
  const { record, snapshot, command, nowMs } = found
  const seeming = devState(snapshot.phase, snapshot.folders, nowMs)
  // What seems to stand but does not answer does not stand.
  const state = seeming === 'ready' && command === null ? 'reconnecting' : seeming
  const sync = summarize(snapshot.folders)
  const warnings: string[] = []
  if (snapshot.trouble !== null && state !== 'ready') warnings.push(snapshot.trouble)
  if (command?.state === 'exited') warnings.push('the dev command has ended; podswap up --take-over starts it again')
  return {
    name: record.dev,
    namespace: record.namespace,
    workload: snapshot.swap?.workload ?? record.workload ?? record.dev,
    state,
    has_problems: sync.problems.length > 0,
    holder: `${record.user}@${record.host}`,
    pod: snapshot.pod,
    sync,
    forwards: [
      ...found.forwards,
      ...snapshot.reverses.map(({ local, remote, state, error }) => {
        return { local, remote, direction: 'reverse' as const, state, error }
      }),
    ],
    command: commandStatus(command),
    holder_pid: record.pid,
    since: iso(record.startedAtMs),
    folders: snapshot.folders.map(folderStatus),
    warnings,
  }
}

async function askCommand(link: Link): Promise<CommandState | null> {
  try {
    using limit = deadline(systemTimers, PROBE_TIMEOUT_MS)
    return await link.agent.call({ method: 'command-state' }, limit.signal)
  } catch {
    return null
  }
}

/** Who has its port now. */
async function probeWaiting({
  local,
  remote,
  localPort,
}: SessionSnapshot['waitingForwards'][number]): Promise<ForwardStatus> {
  const holder = await findPortHolder(localPort)
  const error = holder ? `${describeHolder(holder)} has the port` : null
  return { local, remote, direction: 'local', state: 'waiting', error }
}

async function probeForward(link: Link | null, forward: BoundForwards['lines'][number]): Promise<ForwardStatus> {
  const { local, remote, port, resolve } = forward
  const as = (state: ForwardStatus['state'], error: string | null): ForwardStatus => {
    return { local, remote, direction: 'local', state, error }
  }
  if (!link) return as('reconnecting', null)
  try {
    using resolving = deadline(systemTimers, PROBE_TIMEOUT_MS)
    const host = resolve ? await resolve(resolving.signal) : forward.host
    const probe = { method: 'probe-tcp', host, port, timeoutMs: PROBE_TIMEOUT_MS } as const
    using limit = deadline(systemTimers, PROBE_TIMEOUT_MS + 500)
    const result = await link.agent.call(probe, limit.signal)
    return result.ok ? as('ready', null) : as('failed', result.error)
  } catch (error) {
    return as('reconnecting', error instanceof Error ? error.message : String(error))
  }
}
