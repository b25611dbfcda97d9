import { expect, vi } from 'vitest'
import type { Cluster, KubeObject } from '../../../src/cluster/cluster.ts'
import { applySwap } from '../../../src/swap/apply.ts'
import type { SwapRequest } from '../../../src/swap/claim.ts'
import { until } from '../../../src/swap/follow.ts'
import { undoSession } from '../../../src/swap/lease.ts'
import { marks, type WorkloadKind } from '../../../src/swap/record.ts'
import { type Reverted, revertSwap } from '../../../src/swap/revert.ts'
import type { SwapEvent } from '../../../src/swap/swap-event.ts'
import { dev, planOptions } from './shapes.ts'

/** `up` and `down` on one workload, with everything that was told. */
export class Trial {
  readonly events: SwapEvent[] = []
  readonly cluster: Cluster

  constructor(cluster: Cluster) {
    this.cluster = cluster
  }

  up(
    more: Partial<Omit<SwapRequest, 'options'>> & { options?: Partial<SwapRequest['options']> } = {},
    cluster = this.cluster,
  ) {
    return applySwap(cluster, {
      dev: dev(),
      signal: AbortSignal.timeout(60_000),
      on: event => this.events.push(event),
      ...more,
      options: { ...planOptions, ...more.options },
    })
  }

  down(
    target: { kind?: WorkloadKind; name?: string; readyMs?: number; signal?: AbortSignal } = {},
    cluster = this.cluster,
  ): Promise<Reverted> {
    const { kind = 'Deployment', name = 'web', readyMs = 20_000, signal = AbortSignal.timeout(60_000) } = target
    const by = { owner: 'cara@desk', session: undoSession('1') }
    const options = { by, signal, on: (event: SwapEvent) => this.events.push(event), readyMs }
    return revertSwap(cluster, { kind, name }, options)
  }

  types(): string[] {
    return this.events.map(({ type }) => type)
  }
}

/**
 * Nothing of ours is in the namespace, and the workload is as it was. Where the clone was lost before `down`, nobody
 * knows any more who owned `replicas`: then nobody does.
 */
export async function expectUntouched(
  cluster: Cluster,
  before: KubeObject,
  { cloneWasLost = false } = {},
): Promise<void> {
  const after = await cluster.get(before.kind as WorkloadKind, before.metadata.name ?? '')
  expect(JSON.stringify(after.spec)).toBe(JSON.stringify(before.spec))
  expect(after.metadata.labels).toEqual(before.metadata.labels)
  expect(after.metadata.annotations).toEqual(before.metadata.annotations)
  if (!cloneWasLost) expect(owners(after)).toEqual(owners(before))
  expect((after.metadata.managedFields ?? []).map(({ manager }) => manager)).not.toContain('podswap')
  const labelSelector = marks.clone
  for (const kind of ['Deployment', 'ReplicaSet', 'Pod'] as const) {
    // What was deleted in the background may take its time to end.
    const left = async () => (await cluster.list(kind, { labelSelector })).map(({ metadata }) => metadata.name)
    // tests that run side by side have no poll of their own here
    await vi.waitFor(async () => expect(await left()).toEqual([]), { timeout: 60_000, interval: 200 })
  }
  expect(await cluster.list('Lease', { labelSelector: marks.lease })).toEqual([])
  const rest = [...(await cluster.list('ReplicaSet')), ...(await cluster.list('Pod'))]
  expect(JSON.stringify(rest.map(({ metadata: { managedFields, ...metadata } }) => metadata))).not.toContain(
    'podswap.dev',
  )
}

/** Who owns what in spec, labels and annotations; controllers write status in between. */
function owners({ metadata }: KubeObject) {
  return (metadata.managedFields ?? [])
    .filter(({ subresource, manager }) => subresource !== 'status' && manager !== 'controllers')
    .map(({ manager, operation, subresource, fieldsV1 }) => ({
      manager,
      operation,
      subresource,
      fieldsV1: sorted(fieldsV1),
    }))
}

function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([key, item]) => [key, sorted(item)]))
}

/** Until the workload has all its pods. */
export async function ready(cluster: Cluster, kind: WorkloadKind, name: string): Promise<KubeObject> {
  const topic = { kind, fieldSelector: `metadata.name=${name}` }
  const limits = { signal: AbortSignal.timeout(120_000), timeoutMs: 60_000 }
  const found = await until(cluster, [topic], limits, ([objects]) => {
    const object = objects?.[0]
    const isSeen = object?.status?.observedGeneration === object?.metadata.generation
    return object && isSeen && (object.status?.readyReplicas ?? 0) === object.spec.replicas ? object : undefined
  })
  return found as KubeObject
}
