import { randomBytes } from 'node:crypto'
import { readAgentFiles } from '../agent/bundle.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { HolderRecord } from '../home/holder-record.ts'
import type { Home } from '../home/home.ts'
import { processStart } from '../home/process-identity.ts'
import { socketPlace } from '../home/socket-path.ts'
import { SyncHistory } from '../home/sync-history.ts'
import type { Manifest } from '../manifest/manifest.ts'
import type { UiEvent } from '../ui/events.ts'
import { isHistoric } from '../ui/history-text.ts'
import { eventJson } from '../ui/json-reporter.ts'
import { clusterParts } from './cluster-parts.ts'
import { EventLog } from './event-log.ts'
import { findHolder, sessionId, stopHolder, swapSessionId } from './find-holder.ts'
import { HeldSession } from './hold-session.ts'
import { Session, type SessionConfig } from './run.ts'

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
  const { record, folder } = newRecord(id, options)
  const log = new EventLog()
  const parts = clusterParts({
    cluster,
    home,
    dev,
    agent,
    sessionId: swapSessionId(home, id),
    owner: `${record.user}@${record.host}`,
    takeOver,
    keepCommand: config.keepCommand,
    env: options.system.env,
  })
  const history = new SyncHistory(home, id)
  const session = new Session(config, parts, event => {
    log.push(event)
    if (isHistoric(event)) history.append(eventJson(event, parts.clock.now()))
    options.report(event)
  })
  const held = await HeldSession.open({ home, record, socketFolder: folder, log, session, now: parts.clock.now })
  return { session, record, close: () => held.close() }
}

function newRecord(id: string, options: OpenSessionOptions): { record: HolderRecord; folder?: string } {
  const { cluster, home, manifest, who, system } = options
  const token = randomBytes(16).toString('hex')
  // A name of its own: what a dead process left can be removed while a new one already listens.
  const name = `${id}-${token.slice(0, 8)}`
  const place = socketPlace(home, name, { platform: system.platform, tmpdir: system.tmpdir, user: who.user })
  const record: HolderRecord = {
    version: 1,
    id,
    pid: process.pid,
    processStart: processStart(process.pid) ?? null,
    startedAtMs: Date.now(),
    user: who.user,
    host: who.host,
    token,
    socket: place.path,
    server: cluster.server,
    context: cluster.context,
    namespace: cluster.namespace,
    dev: options.config.dev.name,
    workload: null,
    manifest: manifest.file,
    log: options.log,
  }
  return { record, folder: place.folder }
}
