import { existsSync } from 'node:fs'
import { UserError } from '../../syncer/base/errors.ts'
import { readLeftNote } from '../home/left-note.ts'
import type { SyncFolder } from '../manifest/manifest.ts'
import type { SwapClaim } from '../swap/claim.ts'
import { isSamePod } from '../swap/clone.ts'
import { titleOf } from '../swap/find-workload.ts'
import { containerStatus, currentPod } from '../swap/pod-trouble.ts'
import { marks, type SwapRecord } from '../swap/record.ts'
import type { UiEvent } from '../ui/events.ts'
import { asUserError } from './as-user-error.ts'
import { fetchLast } from './last-fetch.ts'
import type { Report } from './parts.ts'
import type { PodRef } from './session-state.ts'
import { type SyncParts, type SyncPartsOptions, syncStateFolder } from './sync-parts.ts'

interface BeforeRestart extends Pick<SyncPartsOptions, 'cluster' | 'home'> {
  parts: SyncParts
  sessionId: string
  dev: { name: string; sync: SyncFolder[] }
  report: Report
  signal: AbortSignal
  lookMs?: number
}

/**
 * A pod of this session that another manifest is about to restart, or to pair with other folders, may hold what was
 * written since the session's process went: it comes here first. Throws `state` where it cannot.
 */
export async function fetchBeforeRestart(claim: SwapClaim, how: BeforeRestart): Promise<void> {
  const { clone, record } = claim.situation
  const { cluster, home, sessionId, dev, signal } = how
  if (!clone || record?.session !== sessionId) return
  const note = readLeftNote(home, sessionId)
  const workload = titleOf(claim.workload)
  if (note?.workload !== workload) return
  const folders = note.folders.filter(folder => existsSync(syncStateFolder(how, { workload }, folder)))
  const isRestarted = !isSamePod(clone, claim.plan) && record.claim === undefined
  const toFetch = isRestarted ? folders : folders.filter(folder => !dev.sync.some(each => isSamePair(each, folder)))
  if (toFetch.length === 0) return
  const pods = await cluster.list('Pod', { labelSelector: `${marks.clone}=${claim.situation.cloneName}`, signal })
  const pod = runningPod(pods, record)
  if (!pod) return
  const { replicas } = record
  const swap = {
    workload,
    clone: claim.situation.cloneName,
    replicas,
    resumed: true,
    fence: claim.keeper?.acquiredAtMs ?? 0,
  }
  how.report({ type: 'waiting', message: `fetching what was written in the dev pod of ${dev.name}` })
  try {
    await fetchLast(how.parts, { folders: toFetch, swap, pod }, { ...how, report: troublesOnly(how.report) })
  } catch (error) {
    signal.throwIfAborted()
    tellOrRefuse(asUserError(error), how)
  }
}

function isSamePair(one: SyncFolder, other: SyncFolder): boolean {
  return one.local === other.local && one.remote === other.remote
}

/** One whose container does not run cannot be asked, and is perhaps what the change is to mend. */
function runningPod(pods: Parameters<typeof currentPod>[0], { container }: SwapRecord): PodRef | undefined {
  const pod = currentPod(pods)
  const status = pod && containerStatus(pod, container)
  if (!pod || !status?.state?.running) return undefined
  const { name = '', uid = '' } = pod.metadata
  return { name, uid, container, incarnation: status.containerID ?? uid }
}

/** A halt is mended by a new pod. */
function tellOrRefuse(why: UserError, { dev, report }: BeforeRestart): void {
  const what = `what was written last in the dev pod of ${dev.name} may not all be here`
  if (why.code === 'sync-halted') {
    report({ type: 'warning', message: `${what}: ${why.message}` })
    return
  }
  const hint = [
    ...(why.hint === undefined ? [] : [why.hint]),
    `the manifest has changed, and what is missing would go; give it up: podswap down ${dev.name} --force`,
  ].join('\n')
  throw new UserError('state', `${what}: ${why.message}`, { hint, cause: why })
}

/** How the rest of a fetch goes is no news. */
export function troublesOnly(report: Report): Report {
  return event => {
    if (isTrouble(event)) report(event)
  }
}

function isTrouble(event: UiEvent): boolean {
  return event.type === 'sync' && ['conflict', 'problem', 'halted'].includes(event.event.type)
}
