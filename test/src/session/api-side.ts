import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Cluster } from '../../../src/cluster/cluster.ts'
import { clusterParts } from '../../../src/session/cluster-parts.ts'
import { Session } from '../../../src/session/run.ts'
import type { UiEvent } from '../../../src/ui/events.ts'
import type { Clock, Timers } from '../../../syncer/base/clock.ts'
import { configOf, dev, FakeSync } from './fake-parts.ts'
import { FakePod } from './fake-pod.ts'

export interface ApiSideOptions {
  cluster: Cluster
  /** The workload's name. */
  name: string
  sessionId: string
  clock: Clock & Timers
  report?: (event: UiEvent) => void
}

/** As long as the one that is shipped: what the clone's object carries. */
const startScript = readFileSync(new URL('../../../syncer/pod/start.ts', import.meta.url), 'utf8')
const noFolder = { path: '', run: '', logs: '', sync: '' }

/**
 * The session as it is shipped, with all that it asks of a cluster; its pod is an agent in memory, and its folder has
 * nothing to say. It is started.
 */
export function startApiSide({ cluster, name, sessionId, clock, report = () => {} }: ApiSideOptions): Session {
  const pod = new FakePod(clock)
  // A folder that is on no machine: that of one could be read-only.
  const sync = dev.sync.map(folder => ({ ...folder, local: join(import.meta.dirname, 'no-such-folder') }))
  const own = { ...dev, name, forward: [], sync }
  const parts = clusterParts({
    cluster,
    home: noFolder,
    dev: own,
    agent: { bundle: Buffer.from('agent'), sha256: '0'.repeat(64), startScript },
    sessionId,
    owner: 'ann@laptop',
    takeOver: false,
    env: { PODSWAP_AGENT_IMAGE: 'podswap.test/node:1' },
    clock,
    timers: clock,
  })
  const session = new Session(
    configOf({ dev: own }),
    {
      ...parts,
      attach: (_pod, lane, signal) => pod.attach(lane, signal),
      openPort: (_pod, port, signal) => pod.openPort(port, signal),
      openSync: (_folder, _swap, onEvent) => new StillSync(onEvent),
    },
    report,
  )
  session.start()
  return session
}

/** In step as soon as it is connected. */
class StillSync extends FakeSync {
  override attach(lanes: Parameters<FakeSync['attach']>[0]): void {
    super.attach(lanes)
    this.inStep()
  }
}
