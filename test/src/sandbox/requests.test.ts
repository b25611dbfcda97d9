import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Cluster, Kind } from '../../../src/cluster/cluster.ts'
import { readResourcePath } from '../../../src/sandbox/api/api-path.ts'
import type { SeenRequest } from '../../../src/sandbox/api/api-server.ts'
import { resourceTypes } from '../../../src/sandbox/store/resource-types.ts'
import { deployment } from '../cluster/cluster-contract.ts'
import { dev } from '../swap/shapes.ts'
import { ready, Trial } from '../swap/trial.ts'
import { SandboxWorld } from './sandbox-world.ts'

/** What a server says to what it does not serve. */
const unserved = [405, 406, 415, 501]

/** Served though podswap sends it not: who needs it. */
const otherwise: Record<string, string> = {
  configmaps: 'pods take files and variables from them; a person looks at them with kubectl',
  namespaces: 'kubectl asks for one to tell what is missing: the object or its place',
  secrets: 'as config maps',
  services: 'a person looks at them with kubectl; the launcher makes them',
  endpointslices: 'a person looks at them with kubectl',
  persistentvolumeclaims: 'a person looks at them with kubectl; StatefulSets make them',
  'deployments/scale': 'kubectl scale',
  'replicasets/scale': 'kubectl scale',
  'statefulsets/scale': 'kubectl scale',
}

describe('what podswap sends', () => {
  let world: SandboxWorld
  let cluster: Cluster
  beforeAll(async () => {
    world = await SandboxWorld.make()
    cluster = await world.connect('ann')
    await work(world, cluster)
  }, 120_000)
  afterAll(() => world?.close())

  const served = () =>
    Object.values(resourceTypes).flatMap(({ plural, subresources }) => [
      plural,
      ...subresources.map(each => `${plural}/${each}`),
    ])

  it('is served, all of it', () => {
    expect(world.requests.length).toBeGreaterThan(30)
    const refused = world.requests.filter(({ code }) => unserved.includes(code))
    expect(refused.map(describeRequest)).toEqual([])
  })

  it('is what is served, but for what somebody else needs', () => {
    const sent = new Set(world.requests.flatMap(({ url }) => resourceOf(url) ?? []))
    const idle = served().filter(resource => !sent.has(resource) && !otherwise[resource])
    expect(idle).toEqual([])
    expect(Object.keys(otherwise).filter(resource => !served().includes(resource))).toEqual([])
  })

  it('asks for reviews where it is refused, and for groups', () => {
    const paths = world.requests.map(({ url }) => url.split('?')[0])
    expect(paths).toContain('/apis/authorization.k8s.io/v1/selfsubjectaccessreviews')
    expect(paths).toContain('/apis/security.openshift.io')
  })
})

/** A swap and its end, everything that our adapter can do, and a refusal. */
async function work(world: SandboxWorld, cluster: Cluster): Promise<void> {
  world.sandbox.apply([
    deployment('web', 1),
    { ...deployment('db', 1), kind: 'StatefulSet', spec: { ...deployment('db', 1).spec, serviceName: 'db' } },
  ])
  for (const kind of ['Deployment', 'StatefulSet'] as const) {
    const name = kind === 'Deployment' ? 'web' : 'db'
    await ready(cluster, kind, name)
    const trial = new Trial(cluster)
    await trial.up({ dev: dev({ name }) })
    await ready(cluster, 'Deployment', `${name}-podswap`)
    const [pod] = await cluster.list('Pod', { labelSelector: `app=${name}` })
    const stream = await cluster.exec({ pod: pod!.metadata.name!, container: 'app', command: ['echo'] })
    stream.io.resume()
    await stream.exit
    const forward = await cluster.portForward({ pod: pod!.metadata.name!, port: 8080 })
    forward.on('error', () => {}).destroy()
    await cluster.logs(pod!.metadata.name!, { container: 'app', tailLines: 5, previous: false })
    await cluster.list('Event', { fieldSelector: `involvedObject.uid=${pod!.metadata.uid}` })
    await cluster.list('ReplicaSet')
    await trial.down({ kind, name })
  }
  const { object } = await cluster.create('Lease', { metadata: { name: 'l' }, spec: { holderIdentity: 'ann' } })
  await cluster.replace('Lease', object)
  await cluster.delete('Lease', 'l', { uid: object.metadata.uid! })
  await cluster.hasApiGroup('security.openshift.io')
  const eve = await world.connect('eve')
  const kinds: Kind[] = ['Deployment', 'Lease']
  for (const kind of kinds) await eve.create(kind, { metadata: { name: 'no' }, spec: {} }).catch(() => {})
}

function resourceOf(url: string): string[] | undefined {
  const path = readResourcePath(url.split('?')[0]!)
  return path && [path.plural, ...(path.subresource ? [`${path.plural}/${path.subresource}`] : [])]
}

function describeRequest({ method, url, headers, code }: SeenRequest): string {
  return `${code} ${method} ${url} ${headers['content-type'] ?? ''}`
}
