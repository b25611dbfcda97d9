import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { type Clock, systemClock, systemTimers, type Timers } from '../../syncer/base/clock.ts'
import { checkLaptopFolder } from '../../syncer/session/laptop-folder.ts'
import { openSyncSession } from '../../syncer/session/sync-session.ts'
import { agentImage } from '../agent/agent-image.ts'
import { attachAgent } from '../agent/attach.ts'
import type { AgentFiles } from '../agent/bundle.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { ForwardHosts } from '../forward/forward-hosts.ts'
import { ReverseForwards } from '../forward/reverse-forwards.ts'
import type { Home } from '../home/home.ts'
import type { Dev, Reverse } from '../manifest/manifest.ts'
import { type AppliedSwap as Applied, applyClaim } from '../swap/apply.ts'
import { claimSwap, releaseClaim } from '../swap/claim.ts'
import type { DevPodNews } from '../swap/dev-pod-watcher.ts'
import { followOriginal } from '../swap/follow-original.ts'
import { awaitAlone } from '../swap/old-pod.ts'
import type { PlanOptions } from '../swap/plan-input.ts'
import type { WorkloadKind } from '../swap/record.ts'
import { revertSwap } from '../swap/revert.ts'
import type { OnSwapEvent, SwapEvent } from '../swap/swap-event.ts'
import { watchClaim } from '../swap/watch-claim.ts'
import { watchDevPod } from '../swap/watch-dev-pod.ts'
import { bindForwards } from './bind-forwards.ts'
import type { AppliedSwap, Report, SessionParts } from './parts.ts'

const UNDO_READY_MS = 60_000
/** For each step of an attach: a line that has gone dead is noticed before the person gives up. */
const ATTACH_STEP_MS = 15_000

export interface ClusterPartsOptions {
  cluster: Cluster
  home: Home
  dev: Dev
  agent: AgentFiles
  /** The native program for this machine; null where there is none. */
  init?: string | null
  sessionId: string
  /** `user@host` */
  owner: string
  takeOver: boolean
  keepCommand?: boolean
  env: Record<string, string | undefined>
  clock?: Clock
  /** So long the original's pods are waited for when a swap is undone. */
  undoReadyMs?: number
  timers?: Timers
}

/** The parts of a session on a real cluster and a real folder. */
export function clusterParts(options: ClusterPartsOptions): SessionParts {
  const { cluster, dev, agent, clock = systemClock, timers = systemTimers } = options
  let applied: Applied | null = null
  let report: Report = () => {}
  let target: { kind: WorkloadKind; name: string } | null = null
  const hosts = new ForwardHosts(cluster)
  return {
    clock,
    timers,
    random: Math.random,
    bindForwards: (dial, report) => bindForwards(dev, { dial, hosts, report, timers }),
    async claimSwap(how) {
      const { signal } = how
      report = how.report
      for (const { local } of dev.sync) checkLaptopFolder(local)
      let touching = () => {}
      const on = (event: SwapEvent) => {
        if (event.type === 'touching') {
          target = parseTitle(event.workload)
          touching()
        }
        report({ type: 'swap', event })
      }
      const plan = planOptions(options)
      await hosts.check(dev.forward, { signal, warn: warning => report({ type: 'warning', ...warning }) })
      const claim = await claimSwap(cluster, {
        dev,
        options: plan,
        takeOver: options.takeOver,
        keepCommand: options.keepCommand === true,
        signal,
        on,
        timers,
      })
      const { keeper } = claim
      return {
        tookOver: claim.tookOver,
        ...(claim.command && { command: claim.command.argv }),
        async apply(how) {
          touching = how.touching
          applied = await applyClaim(cluster, claim, how.signal)
          target = { kind: applied.kind, name: applied.name }
          const { workload, clone, replicas, resumed } = applied
          return { workload, clone, replicas, resumed, fence: keeper?.acquiredAtMs ?? 0 }
        },
        keep: async signal => keeper?.keep(signal),
        renew: () => keeper?.renewNow(),
        release: () => releaseClaim(cluster, claim),
      }
    },
    async revertSwap({ signal, report }) {
      if (!target) return
      const on = (event: SwapEvent) => report({ type: 'swap', event })
      const by = { owner: options.owner, session: options.sessionId }
      const { undoReadyMs: readyMs = UNDO_READY_MS } = options
      const { leftovers, isReady, workload } = await revertSwap(cluster, target, { by, signal, on, readyMs })
      for (const message of leftovers) report({ type: 'warning', message })
      if (isReady) return
      const message = `not all pods of ${workload} are ready yet`
      report({ type: 'warning', message, hint: '`kubectl get pods,events` says what they wait for' })
    },
    async awaitAlone({ signal, report }) {
      const on = (event: SwapEvent) => report({ type: 'swap', event })
      if (applied) await awaitAlone(cluster, applied.original, { signal, on })
    },
    async watchPod(_swap, { signal, on }) {
      const told = (event: SwapEvent) => report({ type: 'swap', event })
      if (applied) await watchSwap(cluster, applied, { signal, on, told, timers })
    },
    async attach(pod, lane, signal, starting) {
      const where = { pod: pod.name, container: pod.container }
      const { io } = await attachAgent(cluster, where, {
        bundle: agent.bundle,
        hello: { lane },
        signal,
        starting,
        stepTimeoutMs: ATTACH_STEP_MS,
      })
      return io
    },
    forwards: dev.forward.length > 0,
    ...(dev.reverse && { reverses: reverseForwards(dev.reverse, event => report(event)) }),
    openPort: (pod, port, signal) => cluster.portForward({ pod: pod.name, port, signal }),
    openSync(folder, swap, onEvent) {
      const sessionKey = syncKey(cluster, swap, folder)
      const { local, mode, prefer, include, initial } = folder
      return openSyncSession({
        local,
        rules: { policy: { mode, ...(prefer && { prefer }) }, ...(include && { include }) },
        initial,
        sessionKey,
        stateFolder: syncStateFolder(options, swap, folder),
        onEvent,
        ...(options.init && { init: options.init }),
      })
    },
  }
}

function reverseForwards(reverse: Reverse[], report: Report): ReverseForwards {
  return new ReverseForwards({
    reverse,
    onOpen: ({ local, remote }) =>
      report({ type: 'forwards-bound', forwards: [{ local, remote, direction: 'reverse' }] }),
    warn: warning => report({ type: 'warning', ...warning }),
  })
}

/** The dev pod and the original, until aborted; what ends the one watch ends the other. */
async function watchSwap(
  cluster: Cluster,
  swap: Applied,
  how: { signal: AbortSignal; on: (news: DevPodNews) => void; told: OnSwapEvent; timers: Timers },
): Promise<void> {
  const stop = new AbortController()
  const signal = AbortSignal.any([how.signal, stop.signal])
  const watches = [
    watchDevPod(cluster, swap, { signal, on: how.on }),
    followOriginal(cluster, swap, { signal, on: how.told, timers: how.timers }),
    ...(swap.record.claim === undefined
      ? []
      : [watchClaim(cluster, swap.record.claim, { signal, on: how.on, timers: how.timers })]),
  ]
  try {
    await Promise.all(watches)
  } finally {
    stop.abort()
    await Promise.allSettled(watches)
  }
}

export function planOptions(options: Omit<ClusterPartsOptions, 'cluster' | 'home'>): PlanOptions {
  const { dev, env, agent, sessionId, owner } = options
  return {
    agentImage: agentImage(env, dev.initContainer?.image),
    startScript: agent.startScript,
    sessionId,
    owner,
    since: new Date().toISOString(),
  }
}

/** Where the laptop remembers what a folder and its workload's agreed on. */
export function syncStateFolder(
  { cluster, home }: Pick<ClusterPartsOptions, 'cluster' | 'home'>,
  swap: Pick<AppliedSwap, 'workload'>,
  folder: { local: string; remote: string },
): string {
  return join(home.sync, syncKey(cluster, swap, folder))
}

/** Names the pairing of a laptop's folder with a workload's: the ancestor of one must never be taken for another's. */
function syncKey(
  cluster: Cluster,
  { workload }: Pick<AppliedSwap, 'workload'>,
  folder: { local: string; remote: string },
): string {
  const text = JSON.stringify([cluster.server, cluster.namespace, workload, folder.local, folder.remote])
  return createHash('sha256').update(text).digest('hex').slice(0, 32)
}

/** `deployment/web` */
export function parseTitle(title: string): { kind: WorkloadKind; name: string } {
  const [kind, name = ''] = title.split('/')
  return { kind: kind === 'statefulset' ? 'StatefulSet' : 'Deployment', name }
}
