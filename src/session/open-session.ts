import { readAgentFiles } from '../agent/bundle.ts'
import { findNativeInit } from '../agent/native-init.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { HolderRecord } from '../home/holder-record.ts'
import type { Home } from '../home/home.ts'
import { type LeftNote, writeLeftNote } from '../home/left-note.ts'
import { SyncHistory } from '../home/sync-history.ts'
import type { Dev, Manifest } from '../manifest/manifest.ts'
import type { UiEvent } from '../ui/events.ts'
import { isHistoric } from '../ui/history-text.ts'
import { eventJson } from '../ui/json-reporter.ts'
import { clusterParts } from './cluster-parts.ts'
import type { SessionConfig } from './config.ts'
import { EventLog } from './event-log.ts'
import { findHolder, sessionId, stopHolder, swapSessionId } from './find-holder.ts'
import { HeldSession } from './hold-session.ts'
import { newHolderRecord } from './new-holder.ts'
import { Session } from './run.ts'

export interface OpenSessionOptions {
  cluster: Cluster
  home: Home
  manifest: Manifest
  config: SessionConfig
  who: { user: string; host: string }
  system: { platform: NodeJS.Platform; tmpdir: string; env: Record<string, string | undefined> }
  takeOver: boolean
  /** Where a background process writes; null in the foreground. */
  log: string | null
  report: (event: UiEvent) => void
  signal: AbortSignal
}

export interface OpenedSession {
  /** Not started yet. */
  session: Session
  record: HolderRecord
  close(): Promise<void>
}

/** Makes this process the holder of a dev's session. Throws `held` where another process on this machine is it. */
export async function openSession(options: OpenSessionOptions): Promise<OpenedSession> {
  const { cluster, home, config, takeOver } = options
  const { dev } = config
  const id = sessionId(cluster, dev)
  const agent = await readAgentFiles()
  const there = takeOver ? findHolder(home, id) : null
  if (there) await stopHolder(home, there, options.signal)
  const { record, folder } = newHolderRecord({ ...options, dev, manifest: options.manifest.file })
  const log = new EventLog()
  const sessionInCluster = swapSessionId(home, id)
  const parts = clusterParts({
    cluster,
    home,
    dev,
    agent,
    init: findNativeInit(),
    sessionId: sessionInCluster,
    owner: `${record.user}@${record.host}`,
    takeOver,
    keepCommand: config.keepCommand,
    env: options.system.env,
  })
  const history = new SyncHistory(home, id)
  const session = new Session(config, parts, event => {
    log.push(event)
    // before anything syncs
    if (event.type === 'swapped') writeLeftNote(home, sessionInCluster, noteOf(dev, event.workload))
    if (isHistoric(event)) history.append(eventJson(event, parts.clock.now()))
    options.report(event)
  })
  const held = await HeldSession.open({ home, record, socketFolder: folder, log, session, now: parts.clock.now })
  return { session, record, close: () => held.close() }
}

function noteOf({ name, selector, sync }: Dev, workload: string): LeftNote {
  return { version: 1, dev: { name, ...(selector && { selector }) }, workload, folders: sync }
}
