import type { Timers } from '../../syncer/base/clock.ts'
import { checkLaptopFolder } from '../../syncer/session/laptop-folder.ts'
import { agentImage } from '../agent/agent-image.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { ForwardHosts } from '../forward/forward-hosts.ts'
import { ReverseForwards } from '../forward/reverse-forwards.ts'
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
import { fetchBeforeRestart } from './fetch-before-restart.ts'
import type { Report, SessionParts } from './parts.ts'
import { type SyncPartsOptions, syncParts } from './sync-parts.ts'

const UNDO_READY_MS = 60_000

export interface ClusterPartsOptions extends SyncPartsOptions {
  dev: Dev
  sessionId: string
  /** `user@host` */
  owner: string
  takeOver: boolean
  keepCommand?: boolean
  env: Record<string, string | undefined>
  /** So long the original's pods are waited for when a swap is undone. */
  undoReadyMs?: number
}

/** The parts of a session on a real cluster and a real folder. */
export function clusterParts(options: ClusterPartsOptions): SessionParts {
  const { cluster, dev } = options
  const sync = syncParts(options)
  const { timers } = sync
  let applied: Applied | null = null
  let report: Report = () => {}
  let target: { kind: WorkloadKind; name: string } | null = null
  const hosts = new ForwardHosts(cluster)
  return {
    ...sync,
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
          await fetchBeforeRestart(claim, { ...options, parts: sync, report, signal: how.signal })
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
    forwards: dev.forward.length > 0,
    ...(dev.reverse && { reverses: reverseForwards(dev.reverse, event => report(event)) }),
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

/** `deployment/web` */
export function parseTitle(title: string): { kind: WorkloadKind; name: string } {
  const [kind, name = ''] = title.split('/')
  return { kind: kind === 'statefulset' ? 'StatefulSet' : 'Deployment', name }
}
