import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Cluster, KubeObject } from '../../../src/cluster/cluster.ts'
import { plannedWrites } from '../../../src/commands/dry-run.ts'
import { lastingText, nothingText, readStatus } from '../../../src/commands/status.ts'
import { oneSwapped } from '../../../src/commands/targets.ts'
import { chooseDev, type Workplace } from '../../../src/commands/workplace.ts'
import { claimHolder, type HolderRecord } from '../../../src/home/holder-record.ts'
import { openHome } from '../../../src/home/home.ts'
import { processStart } from '../../../src/home/process-identity.ts'
import type { Dev, Manifest } from '../../../src/manifest/manifest.ts'
import { ControlServer } from '../../../src/session/control-server.ts'
import { applySwap } from '../../../src/swap/apply.ts'
import { UserError } from '../../../syncer/base/errors.ts'
import { MemoryCluster } from '../cluster/memory-cluster.ts'
import { dev, planOptions, webDeployment } from '../swap/shapes.ts'
import { ready, Trial } from '../swap/trial.ts'

let path: string
let cluster: MemoryCluster
let trial: Trial
const never = new AbortController().signal

beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'podswap-status-'))
  cluster = new MemoryCluster()
  trial = new Trial(cluster)
})
afterEach(() => {
  cluster.close()
  rmSync(path, { recursive: true })
})

async function seed(name: string): Promise<void> {
  const { uid, resourceVersion, ...metadata } = webDeployment().metadata
  const labels = { app: name }
  const workload: KubeObject = webDeployment()
  workload.metadata = { ...metadata, name }
  workload.spec = { ...workload.spec, selector: { matchLabels: labels } }
  workload.spec.template.metadata.labels = labels
  cluster.applyServerSide(workload)
  await ready(cluster, 'Deployment', name)
}

function workplace(devs: Dev[] | null, of: Cluster = cluster): Workplace {
  const manifest: Manifest | null = devs && { file: '/code/dev.yml', devs, warnings: [] }
  const reporter = { report() {}, clear() {}, close() {} }
  return { manifest, cluster: of, home: openHome(path), reporter }
}

function holder(more: Partial<HolderRecord> = {}): HolderRecord {
  return {
    version: 1,
    id: '0123456789abcdef',
    pid: process.pid,
    processStart: processStart(process.pid) ?? null,
    startedAtMs: 0,
    user: 'ann',
    host: 'laptop',
    token: 'token',
    socket: process.platform === 'win32' ? `\\\\.\\pipe\\podswap-status-${process.pid}` : join(path, 's.sock'),
    server: cluster.server,
    context: cluster.context,
    namespace: cluster.namespace,
    dev: 'web',
    workload: 'deployment/web',
    manifest: '/code/dev.yml',
    log: null,
    ...more,
  }
}

/** A cluster that is out of reach. */
function awayCluster(): Cluster {
  return new Proxy(cluster as Cluster, {
    get(target, property) {
      if (['namespace', 'context', 'server'].includes(String(property))) return Reflect.get(target, property)
      return async () => {
        throw new UserError('unreachable', 'no answer')
      }
    },
  })
}

describe('status', () => {
  test('of nothing', async () => {
    await seed('web')
    expect(await readStatus(workplace([dev()]), [], never)).toEqual({ devs: [] })
    expect(await readStatus(workplace(null), [], never)).toEqual({ devs: [] })
  })

  test('of nothing that was asked about says no more than that', async () => {
    await seed('web')
    await trial.up()
    const place = workplace([dev({ name: 'api', services: [dev({ name: 'jobs' })] })])
    expect(await readStatus(place, [], never)).toEqual({ devs: [] })
    const { namespace } = cluster
    expect(nothingText(place, [])).toBe(`api, jobs are not in dev mode in the namespace ${namespace}`)
    expect(nothingText(place, ['api'])).toBe(`api is not in dev mode in the namespace ${namespace}`)
    expect(nothingText(workplace(null), [])).toBe(`nothing is in dev mode in the namespace ${namespace}`)
  })

  test('of what no process of this laptop holds: what the cluster knows, and that the rest is unknown', async () => {
    await seed('web')
    await trial.up()
    await ready(cluster, 'Deployment', 'web-podswap')
    const [pod] = cluster.all('Pod').filter(({ metadata }) => metadata.name?.startsWith('web-podswap'))
    const wanted = {
      name: 'web',
      namespace: 'test',
      workload: 'deployment/web',
      state: null,
      holder: 'ann@laptop',
      pod: pod?.metadata.name,
      sync: { state: 'unknown', pending: null, files: null, conflicts: [] },
      command: { state: 'unknown' },
      holder_pid: null,
      warnings: [
        expect.stringMatching(/^ann@laptop was at it \d+ s ago, and no podswap process on this machine holds it/),
      ],
    }
    expect((await readStatus(workplace([dev()]), [], never)).devs).toMatchObject([wanted])
    cluster.aheadMs = 60_000
    wanted.warnings = [expect.stringContaining('no podswap process on this machine holds it')]
    expect((await readStatus(workplace([dev()]), [], never)).devs).toMatchObject([wanted])
    expect((await readStatus(workplace(null), [], never)).devs).toMatchObject([wanted])
    expect((await readStatus(workplace(null), ['web-podswap'], never)).devs).toHaveLength(1)
    expect((await readStatus(workplace([dev({ name: 'api' })]), [], never)).devs).toEqual([])
  })

  test('of a session of this laptop: what its process says, also while the cluster is away', async () => {
    claimHolder(openHome(path), holder())
    const answer = { name: 'web', workload: 'deployment/web', state: 'reconnecting', warnings: [] }
    const server = await ControlServer.listen(holder().socket, 'token', async () => answer)
    expect((await readStatus(workplace([dev()], awayCluster()), [], never)).devs).toEqual([answer])
    // Whether there is more cannot be known, and is not pretended.
    const { devs } = await readStatus(workplace(null, awayCluster()), [], never)
    expect(devs).toEqual([{ ...answer, warnings: [expect.stringContaining('could not be asked')] }])
    await server.close()
  })

  test('of a session here and one elsewhere', async () => {
    for (const name of ['web', 'api']) await seed(name)
    for (const name of ['web', 'api']) await trial.up({ dev: dev({ name }) })
    claimHolder(openHome(path), holder())
    const answer = { name: 'web', workload: 'deployment/web', state: 'ready', warnings: [] }
    const server = await ControlServer.listen(holder().socket, 'token', async () => answer)
    const { devs } = await readStatus(workplace(null), [], never)
    expect(devs.map(({ name, state }) => [name, state])).toEqual([
      ['web', 'ready'],
      ['api', null],
    ])
    await server.close()
  })

  test('of a process that has ended: its record says nothing any more', async () => {
    await seed('web')
    claimHolder(openHome(path), holder({ processStart: 'an earlier boot' }))
    expect(await readStatus(workplace([dev()]), [], never)).toEqual({ devs: [] })
  })

  test('of another namespace or another cluster: not this one’s', async () => {
    await seed('web')
    claimHolder(openHome(path), holder({ namespace: 'other' }))
    claimHolder(openHome(path), holder({ id: 'fedcba9876543210', server: 'https://other' }))
    expect(await readStatus(workplace(null), [], never)).toEqual({ devs: [] })
  })
})

test('a status that is watched is another when more than its traffic changed', async () => {
  await seed('web')
  await trial.up()
  const report = await readStatus(workplace(null), [], never)
  const [first] = report.devs
  const moved = { devs: [{ ...first!, sync: { ...first!.sync, bytes_sent: 5, last_probe_at: 'now' } }] }
  expect(lastingText(moved)).toBe(lastingText(report))
  expect(lastingText({ devs: [{ ...first!, state: 'ready' }] })).not.toBe(lastingText(report))
})

describe('which one is meant', () => {
  test('the only one; several must be named', async () => {
    for (const name of ['web', 'api']) await seed(name)
    await trial.up({ dev: dev({ name: 'web' }) })
    expect(await oneSwapped(workplace(null), undefined, never)).toMatchObject({ name: 'web' })
    await trial.up({ dev: dev({ name: 'api' }) })
    await expect(oneSwapped(workplace(null), undefined, never)).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringMatching(/api, web/),
    })
    expect(await oneSwapped(workplace(null), 'api', never)).toMatchObject({ name: 'api' })
    expect(await oneSwapped(workplace([dev({ name: 'api' })]), undefined, never)).toMatchObject({ name: 'api' })
    // A name that the manifest does not have may be a workload's.
    expect(await oneSwapped(workplace([dev({ name: 'api' })]), 'web', never)).toMatchObject({ name: 'web' })
  })

  test('a dev by its selector, whatever its workload is called', async () => {
    await seed('web')
    const frontend = dev({ name: 'frontend', selector: { app: 'web' } })
    await trial.up({ dev: frontend })
    expect(await oneSwapped(workplace([frontend]), undefined, never)).toMatchObject({ name: 'web', dev: 'frontend' })
    expect(await oneSwapped(workplace(null), 'frontend', never)).toMatchObject({ name: 'web' })
  })

  test('none', async () => {
    await seed('web')
    await expect(oneSwapped(workplace([dev()]), undefined, never)).rejects.toMatchObject({
      code: 'not-found',
      message: 'web is not in dev mode in test',
      hint: 'podswap up web starts it',
    })
  })

  test('a dev of the manifest', () => {
    const manifest: Manifest = { file: '/code/dev.yml', devs: [dev(), dev({ name: 'api' })], warnings: [] }
    expect(chooseDev(manifest, 'api').name).toBe('api')
    expect(() => chooseDev(manifest, undefined)).toThrow(expect.objectContaining({ code: 'usage' }))
    expect(() => chooseDev(manifest, 'app')).toThrow(
      expect.objectContaining({ code: 'usage', hint: 'it has web, api' }),
    )
  })
})

test('a dry run of a swap shows its writes and makes none', async () => {
  await seed('web')
  const before = cluster.peek('Deployment', 'web')
  const run = () =>
    plannedWrites(cluster, recording =>
      applySwap(recording, { dev: dev(), options: planOptions, signal: never, on: () => {} }),
    )
  expect(await run()).toMatchObject([
    { verb: 'create', kind: 'Lease', name: 'podswap.deployment.web' },
    { verb: 'patch', kind: 'Deployment', name: 'web', body: { spec: { replicas: 0 } } },
    { verb: 'create', kind: 'Deployment', name: 'web-podswap', body: { spec: { replicas: 1 } } },
  ])
  expect(cluster.peek('Deployment', 'web')).toEqual(before)
  expect(cluster.all('Deployment')).toHaveLength(1)
  await trial.up()
  expect(await run()).toMatchObject([{ verb: 'replace', kind: 'Lease', name: 'podswap.deployment.web' }])
})
