import { describe, expect, it } from 'vitest'
import { ClusterError, type KubeObject, type WriteOptions } from '../../../src/cluster/cluster.ts'
import type { SwapEvent } from '../../../src/swap/swap-event.ts'
import { tryOriginal } from '../../../src/swap/try-original.ts'
import { UserError } from '../../../syncer/base/errors.ts'
import { MemoryCluster } from '../cluster/memory-cluster.ts'
import { dbStatefulSet, webDeployment } from './shapes.ts'

const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-5', uid: 'uid-5', controller: true }
const ownerReferences = [{ ...owner, blockOwnerDeletion: true }]
const running: KubeObject = { metadata: { name: 'web-1', ownerReferences }, status: { phase: 'Running' } }

/** Asks of a workload that runs; `answer` is the API server's to a new pod. */
async function asked(
  workload: KubeObject,
  answer?: UserError,
  { oldPods = [running], warnings = [] as string[] } = {},
) {
  using cluster = new Asked(answer)
  cluster.warn = () => warnings
  const { uid, resourceVersion, ...metadata } = workload.metadata
  cluster.applyServerSide({ ...workload, metadata })
  const told: SwapEvent[] = []
  const options = { signal: AbortSignal.timeout(60_000), on: (event: SwapEvent) => told.push(event) }
  const done = tryOriginal(cluster, { workload, oldPods }, options)
  const error = await done.catch((error: unknown) => error)
  const now = cluster.peek(workload.kind as 'Deployment', metadata.name ?? '')!
  expect(JSON.stringify(now)).not.toContain('podswap')
  return { error, told, pods: cluster.pods }
}

class Asked extends MemoryCluster {
  readonly pods: { pod: KubeObject; options: WriteOptions }[] = []
  readonly #answer: UserError | undefined

  constructor(answer: UserError | undefined) {
    super()
    this.#answer = answer
  }

  override async create(kind: 'Pod', pod: KubeObject, options: WriteOptions = {}) {
    this.pods.push({ pod, options })
    if (this.#answer) throw this.#answer
    return super.create(kind, pod, options)
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

const refused = (status: number, message: string, code: 'rejected' | 'forbidden' = 'rejected') =>
  new UserError(code, message, { cause: new ClusterError(status, 'Forbidden', message) })

describe('a pod of the original, before it is scaled to 0', () => {
  it('is one that its controller could make, and is not made', async () => {
    const { error, told, pods } = await asked(dbStatefulSet())
    expect([error, told]).toEqual([undefined, []])
    const [{ pod, options }] = pods as [(typeof pods)[0]]
    expect(options.dryRun).toBe(true)
    expect(pod.metadata.ownerReferences).toEqual([owner])
    const mounts = pod.spec.containers.flatMap((of: { volumeMounts?: { name: string }[] }) => of.volumeMounts ?? [])
    const volumes = pod.spec.volumes.map(({ name }: { name: string }) => name)
    for (const { name } of mounts) expect(volumes).toContain(name)
    expect(mounts.length).toBeGreaterThan(0)
  })

  it('that is refused by now keeps it from being swapped', async () => {
    const { error } = await asked(webDeployment(), refused(403, 'pods "web" is forbidden: violates PodSecurity'))
    expect(error).toMatchObject({
      code: 'rejected',
      message: expect.stringMatching(/^deployment\/web could not come back: .*violates PodSecurity/),
      hint: expect.stringContaining('nothing was touched'),
    })
  })

  it('that a webhook refuses is a warning: it may mean who asks', async () => {
    const message = 'admission webhook "pods.example" denied the request: you make no pods here'
    const { error, told } = await asked(webDeployment(), refused(403, message))
    expect(error).toBeUndefined()
    expect(told).toMatchObject([
      { type: 'warning', message: `a new pod of deployment/web is refused: ${message}`, hint: expect.any(String) },
    ])
  })

  it.each([
    ['a quota, which the old pods use up', refused(403, 'exceeded quota: one')],
    ['a webhook that cannot tell', refused(400, 'does not support dry run')],
    ['no answer', new UserError('timeout', 'late')],
  ])('that is refused for %s says nothing', async (_why, answer) => {
    expect(await asked(webDeployment(), answer)).toMatchObject({ error: undefined, told: [] })
  })

  it('is not asked for where none runs', async () => {
    expect(await asked(webDeployment(), refused(403, 'no'), { oldPods: [] })).toMatchObject({
      error: undefined,
      pods: [],
    })
  })

  it('that the person may not make is judged by what Pod Security says of the workload', async () => {
    const answer = refused(403, 'you may not', 'forbidden')
    expect(await asked(webDeployment(), answer)).toMatchObject({ error: undefined, told: [] })
    const warnings = ['would violate PodSecurity "restricted:latest": runAsNonRoot']
    const { told } = await asked(webDeployment(), answer, { warnings })
    expect(told).toMatchObject([
      {
        type: 'warning',
        message: 'new pods of deployment/web would violate PodSecurity "restricted:latest": runAsNonRoot',
        hint: expect.stringContaining('cannot bring them back'),
      },
    ])
  })
})
