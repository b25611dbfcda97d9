import { existsSync } from 'node:fs'
import { systemTimers } from '../../syncer/base/clock.ts'
import { deadline } from '../../syncer/base/deadline.ts'
import { readAgentFiles } from '../agent/bundle.ts'
import { releaseHolder } from '../home/holder-record.ts'
import { readLeftNote } from '../home/left-note.ts'
import { SyncHistory } from '../home/sync-history.ts'
import type { Dev, SyncFolder } from '../manifest/manifest.ts'
import { withServices } from '../manifest/read-services.ts'
import { asUserError } from '../session/as-user-error.ts'
import { troublesOnly } from '../session/fetch-before-restart.ts'
import { claimSession, sessionId, swapSessionId } from '../session/find-holder.ts'
import { fetchLast } from '../session/last-fetch.ts'
import { newHolderRecord } from '../session/new-holder.ts'
import type { AppliedSwap, Report } from '../session/parts.ts'
import { syncParts, syncStateFolder } from '../session/sync-parts.ts'
import { acquiredAtMs } from '../swap/lease.ts'
import { type Swapped, swappedTitle } from '../swap/swapped.ts'
import { awaitDevPod } from '../swap/watch-dev-pod.ts'
import { isHistoric } from '../ui/history-text.ts'
import { eventJson } from '../ui/json-reporter.ts'
import type { Fetching } from './fetch-from-pods.ts'
import type { Io } from './io.ts'
import type { Workplace } from './workplace.ts'

const POD_TIMEOUT_MS = 10_000

/** Folders of a swap whose session is gone, as this laptop remembers them. */
export interface LeftFolders {
  dev: Pick<Dev, 'name' | 'selector'>
  folders: SyncFolder[]
}

/**
 * What a session of this laptop synced, whose process is gone; null where none of it is known here. A folder that was
 * never synced is none of it: a first contact is no business of an end.
 */
export function leftFolders(workplace: Workplace, swapped: Swapped): LeftFolders | null {
  const workload = swappedTitle(swapped)
  const known = knownFolders(workplace, swapped)
  if (!known) return null
  const folders = known.folders.filter(folder => existsSync(syncStateFolder(workplace, { workload }, folder)))
  return { dev: known.dev, folders }
}

/** As the session noted them: the manifest may have changed since. */
function knownFolders({ manifest, cluster, home }: Workplace, swapped: Swapped): LeftFolders | null {
  const note = readLeftNote(home, swapped.session)
  if (note?.workload === swappedTitle(swapped)) return note
  const devs = (manifest?.devs ?? []).flatMap(withServices)
  const dev = devs.find(dev => swapSessionId(home, sessionId(cluster, dev)) === swapped.session)
  return dev ? { dev, folders: dev.sync } : null
}

/** Brings here what was written in the pod since. Throws why not all came, `held` where a process has the session by now. */
export async function fetchLeft(
  workplace: Workplace,
  swapped: Swapped,
  { dev, folders }: LeftFolders,
  how: Fetching & { io: Io },
): Promise<void> {
  const { cluster, home, manifest, reporter } = workplace
  const { io, silence, signal, lookMs } = how
  silence.at(`fetching what was written in the dev pod of ${dev.name} since its session ended`)
  const { record: holding } = newHolderRecord({
    cluster,
    home,
    dev,
    manifest: manifest?.file ?? '',
    who: io,
    system: io,
    log: null,
  })
  const record = { ...holding, fetches: true as const }
  const agent = await readAgentFiles()
  claimSession(home, record)
  try {
    const parts = syncParts({ cluster, home, agent })
    const history = new SyncHistory(home, record.id)
    const tell = troublesOnly(event => reporter.report(event))
    const report: Report = event => {
      if (isHistoric(event)) history.append(eventJson(event, parts.clock.now()))
      tell(event)
    }
    const pod = await runningPod(workplace, swapped, signal)
    await fetchLast(parts, { folders, swap: appliedOf(swapped), pod }, { report, signal, lookMs })
  } catch (error) {
    signal.throwIfAborted()
    throw asUserError(error)
  } finally {
    releaseHolder(home, record)
  }
}

async function runningPod({ cluster }: Workplace, swapped: Swapped, signal: AbortSignal) {
  const { kind, name, clone = '', container = '', session } = swapped
  const target = { workload: swappedTitle(swapped), kind, name, clone, container, session }
  using limit = deadline(systemTimers, POD_TIMEOUT_MS, signal)
  return await awaitDevPod(cluster, target, { signal: limit.signal })
}

function appliedOf(swapped: Swapped): AppliedSwap {
  return {
    workload: swappedTitle(swapped),
    clone: swapped.clone ?? '',
    replicas: swapped.replicas,
    resumed: true,
    fence: acquiredAtMs(swapped.lease?.object),
  }
}
