import { randomBytes } from 'node:crypto'
import type { Cluster } from '../cluster/cluster.ts'
import type { HolderRecord } from '../home/holder-record.ts'
import type { Home } from '../home/home.ts'
import { processStart } from '../home/process-identity.ts'
import { socketPlace } from '../home/socket-path.ts'
import type { Dev } from '../manifest/manifest.ts'
import { sessionId } from './find-holder.ts'

export interface NewHolder {
  cluster: Cluster
  home: Home
  dev: Pick<Dev, 'name' | 'selector'>
  /** The manifest's file. */
  manifest: string
  who: { user: string; host: string }
  system: { platform: NodeJS.Platform; tmpdir: string }
  /** Where a background process writes; null in the foreground. */
  log: string | null
}

/** What this process leaves for others to find, where it is to hold a dev's session. `folder`: to be made for the socket. */
export function newHolderRecord(options: NewHolder): { record: HolderRecord; folder?: string } {
  const { cluster, home, dev, manifest, who, system, log } = options
  const id = sessionId(cluster, dev)
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
    dev: dev.name,
    workload: null,
    manifest,
    log,
  }
  return { record, ...(place.folder !== undefined && { folder: place.folder }) }
}
