import type { Duplex } from 'node:stream'
import type { Dev, SyncFolder } from '../../../src/manifest/manifest.ts'
import type { SessionConfig } from '../../../src/session/config.ts'
import type { ClaimedSwap, Dial, SessionParts } from '../../../src/session/parts.ts'
import type { PodRef } from '../../../src/session/session-state.ts'
import type { DevPodNews } from '../../../src/swap/dev-pod-watcher.ts'
import { UserError } from '../../../syncer/base/errors.ts'
import { type SyncEvent, type SyncSession, type SyncStatus, unusableCode } from '../../../syncer/session/sync-port.ts'
import { FakeTime } from '../../syncer/wire/fake-time.ts'
import { FakePod } from './fake-pod.ts'

export const at = { file: '/work/dev.yml', line: 1, column: 1 }
export const folder: SyncFolder = { local: '/work', remote: '/app', mode: 'two-way', initial: 'mirror', at }
export const dev: Dev = {
  name: 'web',
  at,
  command: ['node', 'server.js'],
  workdir: '/app',
  sync: [folder],
  forward: [{ localPort: 8080, remotePort: 8080, at }],
  environment: [],
  interface: 'localhost',
}

export function podRef(n: number): PodRef {
  return { name: `web-podswap-${n}`, uid: `uid-${n}`, container: 'app', incarnation: `container-${n}` }
}

export function configOf(more: Partial<SessionConfig> = {}): SessionConfig {
  return {
    dev,
    command: { argv: dev.command, cwd: '/app', env: { TERM: 'xterm' }, terminal: { columns: 80, rows: 24 } },
    endsWithCommand: true,
    interactive: false,
    downOnExit: false,
    ...more,
  }
}

/** A laptop's end of a folder whose progress the test decides. */
export class FakeSync implements SyncSession {
  readonly id = 'sync-1'
  readonly #on: (event: SyncEvent) => void
  readonly #flushes = new Set<() => void>()
  lanes: { control: Duplex; bulk: Duplex } | null = null
  attaches = 0
  closed = false
  halted = false
  current: SyncStatus = {
    state: 'paused',
    pending: 0,
    files: 3,
    conflicts: [],
    problems: [],
    replaced: 0,
    bytesSent: 0,
    bytesReceived: 0,
  }

  constructor(on: (event: SyncEvent) => void) {
    this.#on = on
  }

  attach(lanes: { control: Duplex; bulk: Duplex }): void {
    this.lanes = lanes
    this.attaches++
    for (const lane of [lanes.control, lanes.bulk]) lane.once('close', () => this.#laneClosed(lane)).resume()
    this.turn('scanning')
  }

  detach(): void {
    this.lanes = null
    if (this.current.state !== 'paused') this.turn('paused')
  }

  status(): SyncStatus {
    return this.current
  }

  flush(signal: AbortSignal): Promise<void> {
    if (this.current.state === 'paused' || this.current.state === 'scanning') {
      return Promise.reject(new UserError('sync-halted', 'not connected'))
    }
    return new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason))
      this.#flushes.add(resolve)
      if (this.current.state === 'ready') this.inStep()
    })
  }

  fetch(signal: AbortSignal): Promise<void> {
    return this.flush(signal)
  }

  close(): void {
    this.closed = true
  }

  turn(state: SyncStatus['state']): void {
    this.current = { ...this.current, state }
    this.#on({ type: 'state', state })
  }

  /** Both ends hold the same. */
  inStep(): void {
    if (this.current.state !== 'ready') this.turn('ready')
    this.endFlushes()
  }

  endFlushes(): void {
    for (const done of this.#flushes) done()
    this.#flushes.clear()
  }

  refuse(): void {
    const problem = { side: 'pod' as const, path: '', code: unusableCode, message: 'no right (EACCES)' }
    this.#on({ type: 'problem', problem })
    this.turn('paused')
  }

  halt(): void {
    this.turn('halted')
    this.#on({ type: 'halted', reason: 'the folder is empty', hint: 'look at it' })
  }

  #laneClosed(lane: Duplex): void {
    if (this.lanes?.control !== lane && this.lanes?.bulk !== lane) return
    this.detach()
  }
}

/** A cluster, a pod and folders in memory; `log` holds what was done, in order. */
export class FakeParts implements SessionParts {
  readonly clock = new FakeTime()
  readonly timers = this.clock
  readonly random = () => 0
  readonly log: string[] = []
  readonly pod = new FakePod(this.clock)
  readonly syncs: FakeSync[] = []
  readonly forwards = false
  dial: Dial | null = null
  tell: (news: DevPodNews) => void = () => {}
  loseClaim: (error: UserError) => void = () => {}
  loseClone: (error: UserError) => void = () => {}
  /** How the swap goes. */
  resumed = false
  tookOver = false
  portTaken: UserError | null = null
  portTakenTimes = Number.POSITIVE_INFINITY
  refusedBefore: UserError | null = null
  refusedAfter: UserError | null = null
  revertFails: UserError | null = null
  aloneGate: Promise<void> = Promise.resolve()
  revertGate: Promise<void> = Promise.resolve()
  /** The swap waits after its first write until the test lets it go. */
  swapGate: Promise<void> = Promise.resolve()

  async bindForwards(dial: Dial) {
    this.log.push('bind')
    if (this.portTaken && this.portTakenTimes > 0) {
      this.portTakenTimes -= 1
      throw this.portTaken
    }
    this.dial = dial
    const lines = [{ local: 'localhost:8080', remote: 'localhost:8080', host: 'localhost', port: 8080 }]
    return { lines, waiting: () => [], close: async () => void this.log.push('unbind') }
  }

  keptCommand: string[] | null | undefined

  async claimSwap(): Promise<ClaimedSwap> {
    this.log.push('claim')
    if (this.refusedBefore) throw this.refusedBefore
    return {
      tookOver: this.tookOver,
      ...(this.keptCommand !== undefined && { command: this.keptCommand }),
      apply: how => this.#apply(how),
      keep: signal =>
        new Promise((resolve, reject) => {
          signal.addEventListener('abort', () => resolve())
          this.loseClaim = reject
        }),
      renew: () => void this.log.push('renew'),
      release: async () => void this.log.push('release'),
    }
  }

  async #apply({ signal, touching }: Parameters<ClaimedSwap['apply']>[0]) {
    this.log.push('apply')
    if (!this.resumed) touching()
    await this.swapGate
    signal.throwIfAborted()
    if (this.refusedAfter) throw this.refusedAfter
    return { workload: 'deployment/web', clone: 'web-podswap', replicas: 2, resumed: this.resumed, fence: 7 }
  }

  async revertSwap() {
    this.log.push('revert')
    await this.revertGate
    if (this.revertFails) throw this.revertFails
  }

  /** The original's last pods go. */
  async awaitAlone() {
    await this.aloneGate
  }

  watchPod(_swap: unknown, { signal, on }: Parameters<SessionParts['watchPod']>[1]): Promise<void> {
    this.log.push('watch')
    this.tell = on
    return new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => resolve())
      this.loseClone = reject
    })
  }

  openPort(pod: PodRef, port: number, signal: AbortSignal) {
    this.log.push(`port ${pod.name}`)
    return this.pod.openPort(port, signal)
  }

  attach(pod: PodRef, lane: 'control' | 'bulk', signal: AbortSignal, starting?: () => void) {
    this.log.push(`attach ${pod.name} ${lane}`)
    starting?.()
    return this.pod.attach(lane, signal)
  }

  openSync(_folder: SyncFolder, _swap: unknown, onEvent: (event: SyncEvent) => void) {
    this.log.push('open-sync')
    const sync = new FakeSync(onEvent)
    this.syncs.push(sync)
    return sync
  }
}
