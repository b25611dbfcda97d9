import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Cluster, KubeObject, WatchEvent } from '../../../src/cluster/cluster.ts'
import { clusterErrorOf } from '../../../src/cluster/refusal.ts'
import { until } from '../../../src/swap/follow.ts'

/** A namespace of its own, and a second hand in it. */
export interface ContractSubject {
  cluster: Cluster
  /** Applies a Deployment server-side as the manager `kubectl`, and forces nothing. Rejects where that conflicts. */
  seed(object: KubeObject): Promise<void>
  dispose(): Promise<void>
}

const waiting = { signal: AbortSignal.timeout(120_000), timeoutMs: 60_000 }

/** What every `Cluster` does; the swap depends on each of these. */
export function clusterContract(open: () => Promise<ContractSubject>): void {
  let subject: ContractSubject
  let cluster: Cluster

  beforeAll(async () => {
    subject = await open()
    cluster = subject.cluster
  })
  afterAll(() => subject?.dispose())

  const seeded = async (name: string, replicas = 0) => {
    await subject.seed(deployment(name, replicas))
    return cluster.get('Deployment', name)
  }

  describe('reading', () => {
    it('finds null and gets an error where nothing is', async () => {
      expect(await cluster.find('Deployment', 'nothing')).toBeNull()
      const error = await failure(cluster.get('Deployment', 'nothing'))
      expect(error).toMatchObject({ code: 'not-found', cause: { status: 404, reason: 'NotFound' } })
    })

    it('lists by labels and by fields, each object with its kind', async () => {
      await seeded('listed-a')
      await seeded('listed-b')
      const names = async (options: object) => (await cluster.list('Deployment', options)).map(nameOf)
      expect(await names({ labelSelector: 'app=listed-a' })).toEqual(['listed-a'])
      expect((await names({ labelSelector: 'app in (listed-a,listed-b)' })).sort()).toEqual(['listed-a', 'listed-b'])
      expect(
        await names({ labelSelector: 'app,app notin (listed-b),!other', fieldSelector: 'metadata.name=listed-a' }),
      ).toEqual(['listed-a'])
      expect(await cluster.list('Deployment', { labelSelector: 'app=listed-a' })).toMatchObject([
        { apiVersion: 'apps/v1', kind: 'Deployment' },
      ])
    })

    it('knows API groups', async () => {
      expect(await cluster.hasApiGroup('apps')).toBe(true)
      expect(await cluster.hasApiGroup('security.openshift.io')).toBe(false)
    })
  })

  describe('creating', () => {
    it('gives back what the cluster made of it', async () => {
      const { object, warnings } = await cluster.create('Deployment', deployment('made', 0))
      expect(object).toMatchObject({
        kind: 'Deployment',
        metadata: { name: 'made', generation: 1 },
        spec: { replicas: 0 },
      })
      expect(object.metadata.uid).toBeTruthy()
      expect(object.metadata.managedFields).toMatchObject([{ manager: 'podswap', operation: 'Update' }])
      expect(warnings).toEqual([])
    })

    it('refuses a name that is taken', async () => {
      await cluster.create('Deployment', deployment('twice', 0))
      const error = await failure(cluster.create('Deployment', deployment('twice', 0)))
      expect(error).toMatchObject({ code: 'conflict', cause: { status: 409, reason: 'AlreadyExists' } })
    })

    it('says what is wrong with an object, and leaves nothing of it', async () => {
      const wrong = deployment('wrong', 0)
      wrong.spec.template.metadata.labels = { app: 'another' }
      expect(await failure(cluster.create('Deployment', wrong))).toMatchObject({
        code: 'rejected',
        cause: { status: 422 },
      })
      expect(await cluster.find('Deployment', 'wrong')).toBeNull()
    })

    it('makes nothing in a dry run', async () => {
      const { object } = await cluster.create('Deployment', deployment('dry', 0), { dryRun: true })
      expect(object.metadata.name).toBe('dry')
      expect(await cluster.find('Deployment', 'dry')).toBeNull()
    })
  })

  describe('replacing', () => {
    const lease = (name: string, renewTime = '2026-11-21T08:00:00.000000Z'): KubeObject => ({
      metadata: { name },
      spec: { holderIdentity: 'ann', leaseDurationSeconds: 45, renewTime },
    })

    it('puts the new one in its place, and stamps the change with its own clock', async () => {
      const { object: made } = await cluster.create('Lease', lease('renewed'))
      const stamp = ({ metadata }: KubeObject) => Date.parse(metadata.managedFields?.[0]?.time ?? '')
      const wanted = { ...made, spec: { ...made.spec, renewTime: '2026-11-21T08:00:15.000000Z' } }
      await expect.poll(() => cluster.serverTimeMs(), { timeout: 30_000 }).toBeGreaterThan(stamp(made) + 2_000)
      const { object } = await cluster.replace('Lease', wanted)
      expect(object).toMatchObject({ kind: 'Lease', spec: { holderIdentity: 'ann', renewTime: wanted.spec.renewTime } })
      expect(object.metadata.uid).toBe(made.metadata.uid)
      expect(object.metadata.resourceVersion).not.toBe(made.metadata.resourceVersion)
      expect(stamp(object)).toBeGreaterThan(stamp(made))
      // each is told to a second
      expect(Math.abs(cluster.serverTimeMs() - stamp(object))).toBeLessThan(10_000)
    })

    it('refuses a stale version, another uid, and one that is gone', async () => {
      const { object: made } = await cluster.create('Lease', lease('stale'))
      await cluster.replace('Lease', { ...made, spec: { ...made.spec, holderIdentity: 'ben' } })
      const conflict = { code: 'conflict', cause: { status: 409 } }
      expect(await failure(cluster.replace('Lease', made))).toMatchObject(conflict)
      expect((await cluster.get('Lease', 'stale')).spec.holderIdentity).toBe('ben')
      const uid = '00000000-0000-0000-0000-000000000000'
      const { name } = made.metadata
      expect(await failure(cluster.replace('Lease', { ...made, metadata: { name, uid } }))).toMatchObject(conflict)
      await cluster.delete('Lease', 'stale')
      expect(await failure(cluster.replace('Lease', made))).toMatchObject(conflict)
      expect(await cluster.find('Lease', 'stale')).toBeNull()
    })
  })

  describe('patching', () => {
    it('merges: null removes, other fields stay', async () => {
      await seeded('merged')
      const patch = { metadata: { labels: { extra: 'x', app: null } }, spec: { minReadySeconds: 3 } }
      const { object } = await cluster.patch('Deployment', 'merged', patch)
      expect(object.metadata.labels).toEqual({ extra: 'x' })
      expect(object.spec).toMatchObject({ minReadySeconds: 3, selector: { matchLabels: { app: 'merged' } } })
    })

    it('refuses a stale version', async () => {
      const before = await seeded('stale')
      await cluster.patch('Deployment', 'stale', { metadata: { labels: { moved: 'yes' } } })
      const { resourceVersion, uid } = before.metadata
      const error = await failure(
        cluster.patch('Deployment', 'stale', { metadata: { uid, resourceVersion }, spec: { replicas: 1 } }),
      )
      expect(error).toMatchObject({ code: 'conflict', cause: { status: 409, reason: 'Conflict' } })
      expect((await cluster.get('Deployment', 'stale')).spec.replicas).toBe(0)
    })

    it('refuses another uid', async () => {
      await seeded('reborn')
      const uid = '00000000-0000-0000-0000-000000000000'
      const error = await failure(cluster.patch('Deployment', 'reborn', { metadata: { uid }, spec: { replicas: 1 } }))
      expect(clusterErrorOf(error)?.status).toBe(422)
    })

    it('changes nothing in a dry run', async () => {
      const before = await seeded('dry-patched')
      await cluster.patch('Deployment', 'dry-patched', { spec: { minReadySeconds: 9 } }, { dryRun: true })
      expect((await cluster.get('Deployment', 'dry-patched')).metadata.generation).toBe(before.metadata.generation)
    })
  })

  describe('field ownership', () => {
    it('passes to who changes a field, and an owner’s apply conflicts with it', async () => {
      await seeded('owned', 1)
      const { object } = await cluster.patch('Deployment', 'owned', { spec: { replicas: 0 } })
      expect(ownersOfReplicas(object)).toEqual(['podswap'])
      await expect(subject.seed(deployment('owned', 1))).rejects.toThrow()
    })

    it('is given back by a patch of managedFields that changes no spec', async () => {
      const before = await seeded('returned', 1)
      const mark = { 'podswap.dev/undo': 'r1' }
      await cluster.patch('Deployment', 'returned', { metadata: { labels: mark }, spec: { replicas: 0 } })
      const { object } = await cluster.patch('Deployment', 'returned', { spec: { replicas: 1 } })
      const { resourceVersion } = object.metadata
      const managedFields = before.metadata.managedFields
      const patch = { metadata: { resourceVersion, labels: { 'podswap.dev/undo': null }, managedFields } }
      // a status write may come between
      const after = await patchUntilFresh(cluster, 'returned', patch)
      expect(after.metadata.labels).toEqual(before.metadata.labels)
      expect(after.spec).toEqual(before.spec)
      expect(after.metadata.managedFields?.map(({ manager }) => manager)).not.toContain('podswap')
      expect(ownersOfReplicas(after)).toEqual(['kubectl'])
      await subject.seed(deployment('returned', 0))
    })
  })

  describe('deleting', () => {
    it('refuses another uid, takes what hangs on it along, and is content where nothing is', async () => {
      const { metadata } = await seeded('deleted', 1)
      const pods = { kind: 'Pod', labelSelector: 'app=deleted' } as const
      await until(cluster, [pods], waiting, ([found]) => found?.length === 1 || undefined)
      const other = '00000000-0000-0000-0000-000000000000'
      expect(await failure(cluster.delete('Deployment', 'deleted', { uid: other }))).toMatchObject({ code: 'conflict' })
      await cluster.delete('Deployment', 'deleted', { uid: metadata.uid! })
      expect(await cluster.find('Deployment', 'deleted')).toBeNull()
      const sets = { kind: 'ReplicaSet', labelSelector: 'app=deleted' } as const
      expect(
        await until(cluster, [pods, sets], waiting, ([p, s]) => (p!.length + s!.length === 0 ? 'gone' : undefined)),
      ).toBe('gone')
      await cluster.delete('Deployment', 'deleted')
    })

    it('takes along what has an owner reference without a controller', async () => {
      const owner = await seeded('owner')
      const owned = deployment('owned-by', 0)
      const { uid = '', name = '' } = owner.metadata
      owned.metadata.ownerReferences = [
        { apiVersion: 'apps/v1', kind: 'Deployment', name, uid, blockOwnerDeletion: false },
      ]
      await cluster.create('Deployment', owned)
      await cluster.delete('Deployment', 'owner')
      const topic = { kind: 'Deployment', fieldSelector: 'metadata.name=owned-by' } as const
      expect(await until(cluster, [topic], waiting, ([found]) => (found!.length === 0 ? 'gone' : undefined))).toBe(
        'gone',
      )
    })
  })

  describe('controllers', () => {
    it('run pods, tell when they are Ready, and take them away at 0', async () => {
      await seeded('scaled', 2)
      const topic = { kind: 'Deployment', fieldSelector: 'metadata.name=scaled' } as const
      const settled =
        (replicas: number) =>
        ([found]: KubeObject[][]) => {
          const { spec, status, metadata } = found![0]!
          const isSeen = spec.replicas === replicas && status?.observedGeneration === metadata.generation
          return isSeen && (status.readyReplicas ?? 0) === replicas ? true : undefined
        }
      expect(await until(cluster, [topic], waiting, settled(2))).toBe(true)
      const pods = await cluster.list('Pod', { labelSelector: 'app=scaled' })
      expect(pods.map(({ status }) => status.phase)).toEqual(['Running', 'Running'])
      await cluster.patch('Deployment', 'scaled', { metadata: { labels: { mark: 'x' } }, spec: { replicas: 0 } })
      expect(await until(cluster, [topic], waiting, settled(0))).toBe(true)
      const left = { kind: 'Pod', labelSelector: 'app=scaled' } as const
      expect(await until(cluster, [left], waiting, ([found]) => (found!.length === 0 ? 'gone' : undefined))).toBe(
        'gone',
      )
    })

    it('copy annotations to ReplicaSets for good, and labels not at all', async () => {
      await seeded('copied')
      const sets = { kind: 'ReplicaSet', labelSelector: 'app=copied' } as const
      const patch = { metadata: { labels: { ours: 'label' }, annotations: { ours: 'annotation' } } }
      await cluster.patch('Deployment', 'copied', patch)
      const copied = await until(cluster, [sets], waiting, ([found]) =>
        found!.find(set => set.metadata.annotations?.ours),
      )
      expect(copied?.metadata.labels).not.toHaveProperty('ours')
    })
  })

  describe('watching', () => {
    it('tells what is there, that this was all, and then each change until aborted', async () => {
      await seeded('watched')
      const seen = watched(cluster, 'app=watched')
      await seen.has('listed')
      expect(seen.events).toEqual(['ADDED watched', 'listed'])
      await cluster.patch('Deployment', 'watched', { metadata: { labels: { more: '1' } } })
      await seen.has('MODIFIED watched')
      await cluster.delete('Deployment', 'watched')
      await seen.has('DELETED watched')
      seen.stop.abort()
      await seen.ended
    })

    it('tells as deleted what its selector does not find any more', async () => {
      await seeded('left')
      const seen = watched(cluster, 'app=left')
      await seen.has('listed')
      await cluster.patch('Deployment', 'left', { metadata: { labels: { app: 'elsewhere' } } })
      await seen.has('DELETED left')
      seen.stop.abort()
      await seen.ended
    })

    it('rejects with what its listener throws', async () => {
      await seeded('thrown')
      const { signal } = new AbortController()
      const options = { labelSelector: 'app=thrown', signal }
      const watching = cluster.watch('Deployment', options, () => {
        throw new RangeError('mine')
      })
      await expect(watching).rejects.toThrow(RangeError)
    })
  })
}

function watched(cluster: Cluster, labelSelector: string) {
  const stop = new AbortController()
  const events: string[] = []
  let wake = () => {}
  const add = (event: string) => {
    events.push(event)
    wake()
  }
  const on = ({ type, object }: WatchEvent) => add(`${type} ${object.metadata.name}`)
  const listed = () => add('listed')
  const ended = cluster.watch('Deployment', { labelSelector, signal: stop.signal, listed }, on)
  const has = async (event: string) => {
    while (!events.includes(event)) {
      await new Promise<void>(resolve => {
        wake = resolve
      })
    }
  }
  return { events, has, stop, ended }
}

async function failure(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => expect.unreachable('it should have been refused'),
    error => error,
  )
}

async function patchUntilFresh(cluster: Cluster, name: string, patch: { metadata: object }): Promise<KubeObject> {
  for (;;) {
    const { resourceVersion } = (await cluster.get('Deployment', name)).metadata
    const fresh = { ...patch, metadata: { ...patch.metadata, resourceVersion } }
    const written = await cluster.patch('Deployment', name, fresh).catch(error => {
      if (clusterErrorOf(error)?.status !== 409) throw error
    })
    if (written) return written.object
  }
}

function ownersOfReplicas(object: KubeObject): (string | undefined)[] {
  const fields = (entry: object) => (entry as { fieldsV1?: Record<string, Record<string, object>> }).fieldsV1
  return (object.metadata.managedFields ?? [])
    .filter(entry => fields(entry)?.['f:spec']?.['f:replicas'])
    .map(({ manager }) => manager)
}

function nameOf({ metadata }: KubeObject): string | undefined {
  return metadata.name
}

/** Small, quick to stop, and there on the test cluster. */
export function deployment(name: string, replicas: number): KubeObject {
  const labels = { app: name }
  const container = {
    name: 'app',
    image: 'podswap.test/busybox:1',
    imagePullPolicy: 'IfNotPresent',
    command: ['sh', '-c', "trap 'exit 0' TERM; while :; do sleep 0.1; done"],
  }
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, labels },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { terminationGracePeriodSeconds: 1, containers: [container] } },
    },
  }
}
