import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Cluster, KubeObject } from '../../../src/cluster/cluster.ts'
import { type DownOptions, putBack } from '../../../src/commands/down.ts'
import { flushMeant, holdersMeant } from '../../../src/commands/flush.ts'
import type { Invocation, Io } from '../../../src/commands/io.ts'
import { readStatus } from '../../../src/commands/status.ts'
import { endedSessions } from '../../../src/commands/targets.ts'
import type { Workplace } from '../../../src/commands/workplace.ts'
import { claimHolder, type HolderRecord, releaseHolder } from '../../../src/home/holder-record.ts'
import { openHome } from '../../../src/home/home.ts'
import { writeLeftNote } from '../../../src/home/left-note.ts'
import { processStart } from '../../../src/home/process-identity.ts'
import type { Dev, Manifest, SyncFolder } from '../../../src/manifest/manifest.ts'
import { ManifestError } from '../../../src/manifest/manifest-error.ts'
import { ControlServer } from '../../../src/session/control-server.ts'
import { sessionId, swapSessionId } from '../../../src/session/find-holder.ts'
import { syncStateFolder } from '../../../src/session/sync-parts.ts'
import { findSwapped } from '../../../src/swap/swapped.ts'
import type { UiEvent } from '../../../src/ui/events.ts'
import { UserError } from '../../../syncer/base/errors.ts'
import { MemoryCluster } from '../cluster/memory-cluster.ts'
import { dev, webDeployment } from '../swap/shapes.ts'
import { ready, Trial } from '../swap/trial.ts'

const at = { file: '/code/dev.yml', line: 4, column: 7 }
let path: string
let cluster: MemoryCluster
let said: string[]

beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'podswap-down-'))
  cluster = new MemoryCluster()
  said = []
})
afterEach(() => {
  cluster.close()
  rmSync(path, { recursive: true })
})

function workplace(laptop: string, devs: Dev[] | null = null, of: Cluster = cluster): Workplace {
  const manifest: Manifest | null = devs && { file: '/code/dev.yml', devs, warnings: [] }
  const report = (event: UiEvent) => void ('message' in event && said.push(String(event.message)))
  return {
    manifest,
    cluster: of,
    home: openHome(join(path, laptop)),
    reporter: { report, clear() {}, close() {} },
  }
}

function call(options: DownOptions, names: string[] = []): Invocation<DownOptions> {
  const io = { user: 'ann', host: 'laptop', interrupted: new AbortController().signal } as Io
  return { io, globals: { color: false }, names, rest: null, options }
}

/** A dev of this laptop, with a volume, up. */
async function up(laptop: string, name: string, fields: Partial<Dev> = {}): Promise<void> {
  const { uid, resourceVersion, ...metadata } = webDeployment().metadata
  const workload: KubeObject = webDeployment()
  workload.metadata = { ...metadata, name, labels: { app: name } }
  workload.spec.selector = { matchLabels: { app: name } }
  workload.spec.template.metadata.labels = { app: name }
  if (!cluster.peek('Deployment', name)) cluster.applyServerSide(workload)
  await ready(cluster, 'Deployment', name)
  const wanted = dev({
    name,
    volumes: [{ path: '/cache', at }],
    persistentVolume: { size: '1Gi', accessMode: 'ReadWriteOnce', at },
    ...fields,
  })
  const id = sessionId(cluster, wanted)
  const session = swapSessionId(openHome(join(path, laptop)), id)
  await new Trial(cluster).up({ dev: wanted, options: { sessionId: session } })
  await ready(cluster, 'Deployment', `${name}-podswap`)
}

/** A session that this process holds, as far as another can see; it cannot be ended by a signal. */
function recordOf(of: Pick<Dev, 'name' | 'selector'>, more: Partial<HolderRecord> = {}): HolderRecord {
  const { server, context, namespace } = cluster
  const id = sessionId({ server, namespace, ...more }, { name: more.dev ?? of.name, selector: of.selector })
  const about = { id, server, context, namespace, dev: of.name, workload: null }
  const process_ = { pid: process.pid, processStart: null, startedAtMs: 0, user: 'ann', host: 'laptop' }
  const socket =
    process.platform === 'win32' ? `\\\\.\\pipe\\podswap-down-${process.pid}-${of.name}` : join(path, `${of.name}.sock`)
  return { version: 1, ...about, ...process_, token: of.name, socket, log: null, manifest: '/code/dev.yml', ...more }
}

const claims = () => cluster.all('PersistentVolumeClaim').map(({ metadata }) => metadata.name)

test('where the manifest cannot be read, nothing found here is no end: it may name another namespace', async () => {
  const unread = new ManifestError([{ message: 'a list is not closed', at }])
  const blind = { ...workplace('mine'), unread }
  const { io, ...rest } = call({}, ['web'])
  const asked = { ...rest, io: { ...io, cwd: '/code' } as Io }
  await expect(putBack(blind, asked)).rejects.toMatchObject({
    code: 'manifest',
    message: expect.stringContaining(`in the namespace ${cluster.namespace}`),
    hint: 'dev.yml:4:7: a list is not closed\nmend it, or say where to look with -n',
  })
  expect(await putBack(blind, { ...asked, globals: { color: false, namespace: cluster.namespace } })).toBe(0)
  await up('mine', 'web')
  expect(await putBack(blind, asked)).toBe(0)
})

describe('down --volumes', () => {
  test('deletes what this laptop made, a dev with a selector too, and needs no manifest for it', async () => {
    await up('mine', 'web')
    await up('mine', 'api', { name: 'backend', selector: { app: 'api' } })
    expect(claims()).toHaveLength(2)
    expect(await putBack(workplace('mine'), call({ all: true, volumes: true }))).toBe(0)
    expect(claims()).toEqual([])
  })

  test('means by the dev pod’s name what that is of', async () => {
    await up('mine', 'web')
    await up('mine', 'api')
    const kept = claims().find(name => name?.startsWith('api-'))
    expect(await putBack(workplace('mine'), call({ volumes: true }, ['web-podswap']))).toBe(0)
    expect(claims()).toEqual([kept])
    // the name that a clone has where something else bears the first one
    expect(await putBack(workplace('mine'), call({ volumes: true }, ['api-deployment-podswap']))).toBe(0)
    expect(claims()).toEqual([])
  })

  test('leaves what another machine with the same user and host name made', async () => {
    await up('another', 'web')
    const [theirs] = claims()
    expect(await putBack(workplace('mine'), call({ all: true, volumes: true }))).toBe(0)
    expect(claims()).toEqual([theirs])
    const home = join(path, 'mine')
    const why = `it is ann@laptop’s too, but not of the state folder ${home}`
    expect(said).toContain(`the volume ${theirs} of deployment/web stays: ${why}`)
    expect(await putBack(workplace('another'), call({ all: true, volumes: true }))).toBe(0)
    expect(claims()).toEqual([])
  })

  test('leaves the volume of what could not be put back, and deletes the others', async () => {
    await up('mine', 'api')
    await up('mine', 'web')
    const kept = claims().find(name => name?.startsWith('web-'))
    const broken = new Proxy(cluster as Cluster, {
      get(target, property) {
        const value = Reflect.get(target, property)
        if (property !== 'patch') return typeof value === 'function' ? value.bind(target) : value
        return async (...[kind, name, ...rest]: Parameters<Cluster['patch']>) => {
          if (name === 'web') throw new UserError('forbidden', 'you may not')
          return target.patch(kind, name, ...rest)
        }
      },
    })
    const failing = putBack(workplace('mine', null, broken), call({ all: true, volumes: true }))
    await expect(failing).rejects.toMatchObject({ code: 'forbidden' })
    expect(claims()).toEqual([kept])
    expect(said).toContain(`the volume ${kept} of deployment/web stays: deployment/web could not be put back`)
  })
})

test('why a workload cannot be put back is told, though its volumes cannot be listed either', async () => {
  await up('mine', 'web')
  const broken = new Proxy(cluster as Cluster, {
    get(target, property) {
      const value = Reflect.get(target, property)
      if (property !== 'patch' && property !== 'list') return typeof value === 'function' ? value.bind(target) : value
      return async (...[kind, ...rest]: unknown[]) => {
        if (kind === 'PersistentVolumeClaim') throw new UserError('forbidden', 'no claims for you')
        if (rest[0] === 'web') throw new UserError('forbidden', 'you may not patch web')
        return value.apply(target, [kind, ...rest])
      }
    },
  })
  const failing = putBack(workplace('mine', null, broken), call({ volumes: true }, ['web']))
  await expect(failing).rejects.toMatchObject({ code: 'forbidden', message: 'you may not patch web' })
  expect(said).toContain('volumes cannot be deleted: no claims for you')
  expect(claims()).toHaveLength(1)
})

test('a dev with a selector is known as this laptop’s own before its clone is there', async () => {
  const frontend = { name: 'frontend', selector: { app: 'web' } }
  await up('mine', 'web', frontend)
  for (const { metadata } of cluster.all('Lease')) cluster.remove('Lease', metadata.name ?? '')
  cluster.remove('Deployment', 'web-podswap')
  expect(cluster.peek('Deployment', 'web')!.spec.replicas).toBe(0)
  const there = async (laptop: string) =>
    (await readStatus(workplace(laptop, [dev(frontend)]), [], new AbortController().signal)).devs
  expect(await there('another')).toEqual([])
  expect(await there('mine')).toMatchObject([{ workload: 'deployment/web' }])
  expect(await putBack(workplace('mine', [dev(frontend)]), call({}))).toBe(0)
  expect(cluster.peek('Deployment', 'web')!.spec.replicas).toBe(2)
})

describe('down --all', () => {
  const replicas = (name: string) => cluster.peek('Deployment', name)!.spec.replicas

  test('puts back what a session swapped while it was asked to end, whatever other workload has its dev’s name', async () => {
    await up('mine', 'web', { name: 'front', selector: { app: 'web' } })
    const home = openHome(join(path, 'mine'))
    const api = { name: 'web', selector: { app: 'api' } }
    const record = recordOf(api)
    expect(claimHolder(home, record)).toEqual({ claimed: true })
    // the process has others, so it is not waited for
    const other = recordOf({ name: 'other' }, { namespace: 'another' })
    expect(claimHolder(home, other)).toEqual({ claimed: true })
    const server = await ControlServer.listen(record.socket, record.token, async () => {
      await up('mine', 'api', api)
      releaseHolder(home, record)
      return {}
    })
    try {
      expect(await putBack(workplace('mine'), call({ all: true }))).toBe(0)
    } finally {
      await server.close()
    }
    expect([replicas('web'), replicas('api')]).toEqual([2, 2])
  })

  test('a session that has heard ends while the original comes back; its dev pod goes after that', async () => {
    await up('mine', 'web')
    const home = openHome(join(path, 'mine'))
    const record = recordOf({ name: 'web' })
    expect(claimHolder(home, record)).toEqual({ claimed: true })
    // the process has others, so it is not waited for
    expect(claimHolder(home, recordOf({ name: 'other' }, { namespace: 'another' }))).toEqual({ claimed: true })
    const order: string[] = []
    const seen = new Proxy(cluster as Cluster, {
      get(target, property) {
        const value = Reflect.get(target, property)
        if (property !== 'patch') return typeof value === 'function' ? value.bind(target) : value
        return (...[kind, name, patch, ...rest]: Parameters<Cluster['patch']>) => {
          if ('spec' in patch) order.push(`${name} ${JSON.stringify(patch.spec)}`)
          return target.patch(kind, name, patch, ...rest)
        }
      },
    })
    const server = await ControlServer.listen(record.socket, record.token, async (request, emit) => {
      if (request.method === 'fetch') return null
      emit({ type: 'stopping' })
      const isBack = () => cluster.peek('Deployment', 'web')!.status?.readyReplicas
      await expect.poll(isBack, { timeout: 60_000 }).toBe(2)
      order.push('ended')
      releaseHolder(home, record)
      return null
    })
    try {
      expect(await putBack(workplace('mine', null, seen), call({}, ['web']))).toBe(0)
    } finally {
      await server.close()
    }
    expect(order).toEqual(['web {"replicas":2}', 'ended', 'web-podswap {"replicas":0}'])
  })

  const mayBeMissing = 'what was written last in the dev pod of web may not all be here, and'
  const full = 'big could not be written on the laptop (ENOSPC)'

  test.each<[string, DownOptions, boolean, string[]]>([
    ['what was written in the pod comes first', {}, true, []],
    [
      'what cannot come and stays in a volume is said',
      {},
      false,
      [`${mayBeMissing} stays in the volume VOLUME: ${full}`],
    ],
    ['what is given up is said', { volumes: true, force: true }, false, [`${mayBeMissing} goes with the pod: ${full}`]],
  ])('%s', async (_name, options, comes, warnings) => {
    const asked = await downOf('web', options, comes)
    expect(asked).toEqual(['fetch', 'stop'])
    const lines = said.filter(line => line.startsWith('what was written'))
    expect(lines.map(line => line.replace(/web-\S+/, 'VOLUME').replace(/VOLUME(?=[^:])/, 'VOLUME:'))).toEqual(warnings)
  })

  test('a pod that holds what cannot come is not taken away', async () => {
    const error = await downOf('web', { volumes: true }, false).catch(error => error)
    expect(error).toMatchObject({ code: 'state', message: `${mayBeMissing} would go with the pod: ${full}` })
    expect(error.hint).toContain('podswap down web --force')
    expect(cluster.peek('Deployment', 'web-podswap')?.spec.replicas).toBe(1)
    expect(claims()).toHaveLength(1)
  })

  test('nor one whose session dies while it is asked, before what it had not fetched is here', async () => {
    const home = openHome(join(path, 'mine'))
    await up('mine', 'web', { volumes: [], persistentVolume: undefined })
    const process_ = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
    const record = recordOf({ name: 'web' }, { pid: process_.pid!, processStart: processStart(process_.pid!) ?? null })
    expect(claimHolder(home, record)).toEqual({ claimed: true })
    const folder: SyncFolder = { local: path, remote: '/app', mode: 'two-way', initial: 'mirror', at }
    const note = { version: 1 as const, dev: dev({ name: 'web' }), workload: 'deployment/web', folders: [folder] }
    writeLeftNote(home, swapSessionId(home, record.id), note)
    mkdirSync(syncStateFolder({ cluster, home }, { workload: 'deployment/web' }, folder), { recursive: true })
    const server = await ControlServer.listen(record.socket, record.token, async ({ method }) => {
      if (method === 'status') return { sync: { state: 'ready', bytes_received: 0 } }
      process_.kill('SIGKILL')
      await once(process_, 'exit')
      throw new UserError('interrupted', 'the process that holds the session went away')
    })
    try {
      const error = await putBack(workplace('mine'), call({}, ['web'])).catch(error => error)
      expect(error).toMatchObject({ code: 'state', message: expect.stringContaining('would go with the pod') })
    } finally {
      await server.close()
    }
    expect(cluster.peek('Deployment', 'web-podswap')?.spec.replicas).toBe(1)
  })

  /** What the session was asked, whose fetch succeeds or not. */
  async function downOf(name: string, options: DownOptions, comes: boolean): Promise<string[]> {
    const home = openHome(join(path, 'mine'))
    await up('mine', name)
    const record = recordOf({ name })
    expect(claimHolder(home, record)).toEqual({ claimed: true })
    // the process has others, so it is not waited for
    expect(claimHolder(home, recordOf({ name: 'other' }, { namespace: 'another' }))).toEqual({ claimed: true })
    const asked: string[] = []
    const server = await ControlServer.listen(record.socket, record.token, async ({ method }, emit) => {
      if (method === 'status') return { sync: { state: 'ready', bytes_received: 0 } }
      asked.push(method)
      if (method === 'fetch' && !comes) throw new UserError('timeout', full)
      if (method === 'stop') {
        emit({ type: 'stopping' })
        releaseHolder(home, record)
      }
      return null
    })
    try {
      expect(await putBack(workplace('mine'), call(options, [name]))).toBe(0)
      return asked
    } finally {
      await server.close()
    }
  }

  test('asks all sessions at once, and names the one that does not answer', async () => {
    const home = openHome(join(path, 'mine'))
    const names = ['api', 'web', 'worker']
    const asked: string[] = []
    const servers: ControlServer[] = []
    // the process has others, so it is not waited for
    expect(claimHolder(home, recordOf({ name: 'other' }, { namespace: 'another' }))).toEqual({ claimed: true })
    for (const name of names) {
      await up('mine', name)
      const record = recordOf({ name })
      expect(claimHolder(home, record)).toEqual({ claimed: true })
      const listening = ControlServer.listen(record.socket, record.token, async (request, emit) => {
        if (request.method === 'fetch') return null
        asked.push(name)
        const isSlow = asked[0] === name
        await expect.poll(() => asked.length, { timeout: 60_000 }).toBe(names.length)
        const line = `asking process ${process.pid}, which holds ${name}, to end`
        if (isSlow) await expect.poll(() => said, { timeout: 60_000 }).toContain(line)
        emit({ type: 'stopping' })
        releaseHolder(home, record)
        return null
      })
      servers.push(await listening)
    }
    try {
      expect(await putBack(workplace('mine'), call({ all: true }))).toBe(0)
    } finally {
      for (const server of servers) await server.close()
    }
    expect(names.map(replicas)).toEqual([2, 2, 2])
  })

  test('leaves alone what a process that does not end holds, and puts back all else', async () => {
    for (const name of ['api', 'web', 'worker']) await up('mine', name)
    const home = openHome(join(path, 'mine'))
    // nothing listens at its socket
    const record = recordOf({ name: 'web' })
    expect(claimHolder(home, record)).toEqual({ claimed: true })
    const kept = claims().find(name => name?.startsWith('web-'))
    const failing = putBack(workplace('mine'), call({ all: true, volumes: true }))
    await expect(failing).rejects.toMatchObject({ code: 'timeout', message: expect.stringContaining('holds web') })
    expect([replicas('api'), replicas('web'), replicas('worker')]).toEqual([2, 0, 2])
    expect(claims()).toEqual([kept])
    expect(cluster.peek('Deployment', 'web-podswap')!.spec.replicas).toBe(1)
  })
})

test('a dev without a selector means the workload of its name, not another’s that a dev of this name has swapped', async () => {
  await up('theirs', 'billing', { name: 'web', selector: { app: 'billing' } })
  const mine = workplace('mine', [dev({ name: 'web' })])
  expect(await putBack(mine, call({}))).toBe(0)
  expect(cluster.peek('Deployment', 'billing')!.spec.replicas).toBe(0)
  expect((await readStatus(mine, [], new AbortController().signal)).devs).toEqual([])
  await up('theirs', 'web')
  expect(await putBack(mine, call({}))).toBe(0)
  expect(cluster.peek('Deployment', 'web')!.spec.replicas).toBe(2)
  expect(cluster.peek('Deployment', 'billing')!.spec.replicas).toBe(0)
})

describe('down of a dev with a selector', () => {
  test('leaves what another manifest’s dev of this name has swapped, and puts back its own from anywhere', async () => {
    await up('theirs', 'billing', { name: 'api', selector: { app: 'billing' } })
    const mine = dev({ name: 'api', selector: { app: 'web' } })
    for (const names of [[], ['other']]) {
      const other = { ...mine, name: 'other', services: [mine] }
      const devs = names.length > 0 ? [other] : [mine]
      expect(await putBack(workplace('mine', devs), call({}, names))).toBe(0)
      expect(cluster.peek('Deployment', 'billing')!.spec.replicas).toBe(0)
    }
    expect((await readStatus(workplace('mine', [mine]), [], new AbortController().signal)).devs).toEqual([])
    const theirs = dev({ name: 'api', selector: { app: 'billing' } })
    expect(await putBack(workplace('mine', [theirs]), call({}))).toBe(0)
    expect(cluster.peek('Deployment', 'billing')!.spec.replicas).toBe(2)
  })

  test('puts back what lost its label meanwhile, where this laptop swapped it', async () => {
    const mine = { name: 'api', selector: { app: 'web' } }
    await up('mine', 'web', mine)
    const original = cluster.peek('Deployment', 'web')!
    const { app: _, ...labels } = original.metadata.labels!
    cluster.store('Deployment', { ...original, metadata: { ...original.metadata, labels } })
    expect(await putBack(workplace('mine', [dev(mine)]), call({}))).toBe(0)
    expect(cluster.peek('Deployment', 'web')!.spec.replicas).toBe(2)
  })
})

describe('which sessions a flush means', () => {
  const web = dev({ services: [dev({ name: 'worker' })] })

  function hold(name: string, more: Partial<HolderRecord> = {}): void {
    const { server, context, namespace } = cluster
    const id = sessionId(cluster, { name })
    const about = { id, server, context, namespace, dev: name, workload: `deployment/${name}` }
    const process_ = { pid: process.pid, processStart: processStart(process.pid) ?? null, startedAtMs: 0 }
    const place = { user: 'ann', host: 'laptop', token: 'token', socket: join(path, `${name}.sock`), log: null }
    const record: HolderRecord = { version: 1, ...about, ...process_, ...place, manifest: '/code/dev.yml', ...more }
    expect(claimHolder(openHome(join(path, 'mine')), record)).toEqual({ claimed: true })
  }
  const meant = (devs: Dev[] | null, name?: string) =>
    holdersMeant(workplace('mine', devs), name)
      .map(record => record.dev)
      .sort()

  test('all of the manifest that are held here, services too', () => {
    for (const name of ['web', 'worker', 'other']) hold(name)
    expect(meant([web])).toEqual(['web', 'worker'])
    expect(meant([web, dev({ name: 'other' }), dev({ name: 'down' })])).toEqual(['other', 'web', 'worker'])
    expect(meant([web, dev({ name: 'other' })], 'web')).toEqual(['web', 'worker'])
    expect(meant([web], 'worker')).toEqual(['worker'])
  })

  test('without a manifest all that one manifest brought up', () => {
    for (const name of ['web', 'worker']) hold(name)
    expect(meant(null)).toEqual(['web', 'worker'])
    expect(meant(null, 'worker')).toEqual(['worker'])
    hold('other', { manifest: '/other/dev.yml' })
    expect(() => meant(null)).toThrow(expect.objectContaining({ code: 'usage' }))
  })

  test('fails where one of them is swapped from here and its process is gone', async () => {
    const all = [web, dev({ name: 'api' })]
    const { token, socket } = recordOf(web)
    let asked = 0
    const server = await ControlServer.listen(socket, token, async () => {
      asked += 1
      return null
    })
    const flush = (devs: Dev[], names: string[] = []) =>
      flushMeant(workplace('mine', devs), { ...call({}, names), options: { timeout: 30 } })
    try {
      await up('mine', 'web')
      hold('web', { token, socket })
      expect(await flush(all)).toBe(0)
      await up('another', 'api')
      expect(await flush(all)).toBe(0)
      expect(await putBack(workplace('another'), call({}, ['api']))).toBe(0)
      await up('mine', 'api')
      await expect(flush(all)).rejects.toMatchObject({
        code: 'not-found',
        message: 'api is in dev mode, and no podswap process on this machine holds it',
        hint: 'podswap up api --detach comes back to it',
      })
      expect(asked).toBe(3)
      expect(await flush(all, ['web'])).toBe(0)
      await up('mine', 'worker')
      await expect(flush(all, ['web'])).rejects.toMatchObject({ code: 'not-found' })
    } finally {
      await server.close()
    }
  })

  test('nothing where the one that is named is not held here', () => {
    hold('worker')
    expect(() => meant([web], 'web')).toThrow(expect.objectContaining({ code: 'not-found' }))
    expect(() => meant([dev({ name: 'api' })])).toThrow(expect.objectContaining({ code: 'not-found' }))
  })
})

describe('which sessions have ended here', () => {
  const ended = async (devs: Dev[] | null = null) => {
    const all = await findSwapped(cluster, { signal: new AbortController().signal })
    const sessions = endedSessions(workplace('mine', devs), all)
    return all.filter(({ session }) => sessions.includes(session)).map(({ name }) => name)
  }

  test('those that left a note of their folders, without the manifest too', async () => {
    const home = openHome(join(path, 'mine'))
    const mine = dev({ name: 'backend', selector: { app: 'api' } })
    await up('mine', 'api', mine)
    const session = swapSessionId(home, sessionId(cluster, mine))
    writeLeftNote(home, session, { version: 1, dev: mine, workload: 'deployment/api', folders: [] })
    expect(await ended()).toEqual(['api'])
    expect(claimHolder(home, recordOf(mine))).toEqual({ claimed: true })
    expect(await ended()).toEqual([])
  })

  test('those of dead processes, of the manifest, and of no selector', async () => {
    const home = openHome(join(path, 'mine'))
    const mine = dev({ name: 'backend', selector: { app: 'api' } })
    await up('mine', 'web')
    await up('mine', 'api', mine)
    await up('another', 'other')
    expect(await ended()).toEqual(['web'])
    expect(await ended([mine])).toEqual(['api', 'web'])
    expect(claimHolder(home, recordOf(mine, { processStart: 'of one before' }))).toEqual({ claimed: true })
    expect(await ended()).toEqual(processStart(process.pid) === undefined ? ['web'] : ['api', 'web'])
    // before it is known which workload it is
    expect(claimHolder(home, recordOf({ name: 'web' }))).toEqual({ claimed: true })
    expect(await ended()).not.toContain('web')
  })
})
