import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { loadAll } from 'js-yaml'
import { Client, Pool } from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { localPortsOf, withPorts } from '../../demo/local-ports.ts'
import { CleanUp } from './support/clean-up.ts'
import type { RunningCommand } from './support/command.ts'
import { Debugger } from './support/debugger.ts'
import { environment, repository } from './support/environment.ts'
import { Hand } from './support/hand.ts'
import { Kubectl } from './support/kubectl.ts'
import { Laptop } from './support/laptop.ts'
import { freePorts } from './support/ports.ts'
import { handInDevPod, ServiceClient } from './support/service-client.ts'
import { type Before, before, expectLaptopClean, expectRestored } from './support/traces.ts'
import { eventually, until } from './support/until.ts'

/**
 * The first `up` of a reader of the README: the manifest as it is in the repository, but for ports of this machine that
 * may be taken, in the developers' namespace.
 */
const release = /release 41 on web-/

describe('from up to down with manifests/dev.node.yml', () => {
  const env = environment()
  const admin = new Kubectl(env.admin, env.namespace)
  const stack = new CleanUp()
  const web = `http://web.${env.namespace}/`
  let laptop: Laptop
  let client: ServiceClient
  let folder: string
  let manifest: string
  let was: Before
  let originalPods: string[]
  let up: RunningCommand
  let inPod: Hand
  let onLaptop: Hand
  /** Of this machine: for the app, the debugger and PostgreSQL. */
  let ports: [number, number, number]
  let app: string
  let database: { host: string; port: number; user: string; password: string; database: string }

  beforeAll(async () => {
    laptop = stack.use(new Laptop())
    cpSync(join(repository, 'manifests'), join(laptop.root, 'manifests'), { recursive: true })
    manifest = join(laptop.root, 'manifests/dev.node.yml')
    folder = join(laptop.root, 'manifests/demo/app')
    const text = readFileSync(manifest, 'utf8')
    ports = (await freePorts(3)) as typeof ports
    app = `http://localhost:${ports[0]}`
    database = { host: 'localhost', port: ports[2], user: 'postgres', password: 'kiosk', database: 'postgres' }
    const moved = localPortsOf(text).map((from, index) => ({ from, to: ports[index]! }))
    writeFileSync(manifest, withPorts(text, moved))
    const objects = join(repository, 'manifests/demo/k8s.yml')
    stack.defer(() => admin.run(['delete', '-f', objects, '--ignore-not-found', '--wait=true']))
    await admin.apply(...(loadAll(readFileSync(objects, 'utf8')) as object[]))
    for (const name of ['web', 'worker', 'postgres']) await admin.rolledOut(`deployment/${name}`)
    client = stack.use(await ServiceClient.start(admin))
    onLaptop = stack.use(Hand.onLaptop())
    was = await before(admin)
    originalPods = (await admin.list('pods', 'app=web')).map(pod => pod.metadata.name)
  })

  afterAll(() => stack[Symbol.asyncDispose]())

  it('has two replicas that run their own code, before', async () => {
    expect(originalPods).toHaveLength(2)
    await eventually(async () => expect(await client.get(web)).toMatch(release))
  })

  describe('up', () => {
    it('comes to the state ready', async () => {
      up = laptop.start(['up', '-f', 'manifests/dev.node.yml'])
      const status = await laptop.untilState('ready', ['-f', manifest])
      expect(status).toMatchObject({ name: 'web', namespace: env.namespace, workload: 'deployment/web' })
      expect(status.holder).toMatch(/^.+@.+$/)
      expect(up.running).toBe(true)
    })

    it('scales the original to 0 and runs one dev pod with its labels, sidecar and volumes', async () => {
      const original = await admin.get('deployment', 'web')
      expect(original.spec.replicas).toBe(0)
      const clone = await admin.get('deployment', 'web-podswap')
      expect(clone.spec.replicas).toBe(1)
      const pods = (await admin.list('pods', 'app=web')).filter(pod => !pod.metadata.deletionTimestamp)
      expect(pods).toHaveLength(1)
      const [pod] = pods
      expect(pod!.metadata.labels).toMatchObject({ app: 'web', tier: 'frontend' })
      const containers: { name: string; image: string }[] = pod!.spec.containers
      expect(containers.map(({ name, image }) => `${name} ${image}`)).toEqual([
        'app podswap.test/node:1',
        'about podswap.test/node:1',
      ])
      const volumes: { name: string; configMap?: { name: string } }[] = pod!.spec.volumes
      expect(volumes.find(volume => volume.name === 'code')?.configMap?.name).toBe('web-code')
    })

    it('sends the Service to the local code, and the sidecar serves as before', async () => {
      await eventually(async () => expect(await client.get(web)).toContain('<h1>Hello from your laptop!</h1>'))
      expect(await client.get(`http://web.${env.namespace}:9001/about.txt`)).toContain('served by the sidecar')
    })

    it('keeps the environment of the workload and adds the manifest’s', async () => {
      const served = JSON.parse(await client.get(`${web}whoami`))
      expect(served).toMatchObject({ release: '41', greeting: 'Hello from your laptop' })
    })
  })

  describe('sync', () => {
    beforeAll(async () => {
      inPod = stack.use(await handInDevPod(admin))
    })

    it('has the same folder at both ends', async () => {
      await laptop.ok(['flush', '-f', manifest])
      const remote = await inPod.tree('/app')
      expect(remote).toEqual(await onLaptop.tree(folder))
      expect(Object.keys(remote)).toContain('lib/greeting.js')
    })

    it('shows an edit of the template in the next response', async () => {
      const file = join(folder, 'public/index.html')
      writeFileSync(file, readFileSync(file, 'utf8').replace('</h1>', ' An edit.</h1>'))
      await laptop.ok(['flush', '-f', manifest])
      expect(await client.get(web)).toContain('<h1>Hello from your laptop! An edit.</h1>')
    })

    it('shows an edit of the code as soon as the server has restarted', async () => {
      const file = join(folder, 'lib/greeting.js')
      const served = Date.parse(JSON.parse(await client.get(`${web}whoami`)).startedAt)
      writeFileSync(file, readFileSync(file, 'utf8').replace('!`', ', again!`'))
      await eventually(async () => expect(await client.get(web)).toContain('Hello from your laptop, again!'))
      const restarted = Date.parse(JSON.parse(await client.get(`${web}whoami`)).startedAt)
      expect(restarted).toBeGreaterThan(served)
    })

    it('brings a file written in the pod to the laptop', async () => {
      await inPod.write('/app/db/schema.txt', 'written in the pod\n')
      await eventually(() => expect(readFileSync(join(folder, 'db/schema.txt'), 'utf8')).toBe('written in the pod\n'))
    })

    it('case 1: carries a delete from the laptop, and one from the pod', async () => {
      for (const name of ['mine.txt', 'theirs.txt']) writeFileSync(join(folder, name), name)
      await laptop.ok(['flush', '-f', manifest])
      expect(await inPod.read('/app/theirs.txt')).toBe('theirs.txt')
      rmSync(join(folder, 'mine.txt'))
      await inPod.remove('/app/theirs.txt')
      await eventually(async () => expect(await inPod.read('/app/mine.txt')).toBeNull())
      await eventually(() => expect(existsSync(join(folder, 'theirs.txt'))).toBe(false))
    })

    it('carries renames of files and of folders both ways', async () => {
      mkdirSync(join(folder, 'old/deep'), { recursive: true })
      writeFileSync(join(folder, 'old/deep/a.txt'), 'a')
      writeFileSync(join(folder, 'old/b.txt'), 'b')
      await laptop.ok(['flush', '-f', manifest])
      renameSync(join(folder, 'old'), join(folder, 'new'))
      await laptop.ok(['flush', '-f', manifest])
      expect(await inPod.read('/app/new/deep/a.txt')).toBe('a')
      expect(await inPod.read('/app/old/b.txt')).toBeNull()
      await inPod.move('/app/new/b.txt', '/app/new/c.txt')
      await inPod.move('/app/new/deep', '/app/new/deeper')
      await laptop.ok(['flush', '-f', manifest])
      expect(readFileSync(join(folder, 'new/c.txt'), 'utf8')).toBe('b')
      expect(readFileSync(join(folder, 'new/deeper/a.txt'), 'utf8')).toBe('a')
      expect(existsSync(join(folder, 'new/deep'))).toBe(false)
      expect(await inPod.tree('/app')).toEqual(await onLaptop.tree(folder))
    })
  })

  describe('forwards', () => {
    it('serve real queries of PostgreSQL', async () => {
      const client = new Client(database)
      await client.connect()
      await client.query('create table numbers as select n, md5(n::text) as hash from generate_series(1, 50000) n')
      const { rows } = await client.query('select n, hash from numbers order by n')
      expect(rows).toHaveLength(50_000)
      expect(rows[41]).toEqual({ n: 42, hash: 'a1d0c6e83f027327d8461063f4ac58a6' })
      await client.end()
    })

    it('serve twenty clients at once', async () => {
      const pool = new Pool({ ...database, max: 20 })
      const sums = await Promise.all(
        Array.from({ length: 100 }, (_, i) => pool.query('select $1::int as n, pg_sleep(0.02)', [i])),
      )
      expect(sums.map(({ rows }) => rows[0].n)).toEqual(Array.from({ length: 100 }, (_, i) => i))
      await pool.end()
    })

    it('serve the app: an order goes into the database, and the cluster’s worker packs it by the Service', async () => {
      const placed = await fetch(`${app}/orders`, { method: 'POST', body: 'tea' })
      expect([placed.status, await placed.json()]).toEqual([201, { id: 1, item: 'tea', packed_at: null }])
      const client = new Client(database)
      await client.connect()
      await eventually(async () => {
        const { rows } = await client.query('select item from orders where packed_at is not null')
        expect(rows).toEqual([{ item: 'tea' }])
      })
      await client.end()
    })

    it('tell the page at once that it has changed', async () => {
      const stop = new AbortController()
      const { body } = await fetch(`${app}/live`, { signal: stop.signal })
      const versions = versionsIn(body!.pipeThrough(new TextDecoderStream()))
      const first = (await versions.next()).value
      const file = join(folder, 'public/index.html')
      writeFileSync(file, readFileSync(file, 'utf8').replace('An edit.', 'Another edit.'))
      const second = (await versions.next()).value
      expect(first).toBeTruthy()
      expect(second).toBeTruthy()
      expect(second).not.toBe(first)
      expect(await (await fetch(`${app}/`)).text()).toContain('Another edit.')
      stop.abort()
    })

    it('pass on the end of what the client sends', async () => {
      const answer = await new Promise<string>((resolve, reject) => {
        let text = ''
        const socket = createConnection({ port: ports[0], host: 'localhost', allowHalfOpen: true })
        socket.setEncoding('utf8').on('data', part => {
          text += part
        })
        socket.on('end', () => resolve(text)).on('error', reject)
        socket.end('GET /whoami HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
      })
      expect(answer).toContain('Hello from your laptop')
    })

    it('let a debugger stop at a breakpoint in a synced file', async () => {
      using inspector = await until('the inspector answers', () => Debugger.attach(ports[1]))
      await inspector.send('Debugger.enable')
      const source = readFileSync(join(folder, 'lib/greeting.js'), 'utf8').split('\n')
      const lineNumber = source.findIndex(line => line.includes('return `'))
      const urlRegex = '/app/lib/greeting\\.js$'
      const { locations } = await inspector.send('Debugger.setBreakpointByUrl', { lineNumber, urlRegex })
      expect(locations).toHaveLength(1)
      const response = fetch(`${app}/`)
      const paused = (await inspector.event('Debugger.paused')) as {
        callFrames: { callFrameId: string; functionName: string; location: { lineNumber: number } }[]
      }
      const [frame] = paused.callFrames
      expect(frame).toMatchObject({ functionName: 'greeting', location: { lineNumber } })
      const { result } = await inspector.send('Debugger.evaluateOnCallFrame', {
        callFrameId: frame!.callFrameId,
        expression: 'name',
      })
      expect(result).toMatchObject({ type: 'string', value: 'Hello from your laptop' })
      await inspector.send('Debugger.resume')
      expect(await (await response).text()).toContain('Hello from your laptop, again!')
    })

    it('are in the status, each probed', async () => {
      const [status] = await laptop.devs(['-f', manifest])
      expect(status!.forwards.map(({ direction, state }) => `${direction} ${state}`)).toEqual(
        Array.from({ length: 3 }, () => 'local ready'),
      )
    })
  })

  describe('the other commands', () => {
    it('exec gives the command’s own exit code', async () => {
      const done = await laptop.podswap(['exec', '-f', manifest, '--', 'sh', '-c', 'exit 7'])
      expect(done.code).toBe(7)
    })

    it('exec carries stdin, stdout and stderr, byte for byte', async () => {
      const noise = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7919) % 256))
      const sent = noise.toString('base64')
      const copied = await laptop.ok(['exec', '-f', manifest, '--', 'cat'], { input: sent })
      expect(copied.stdout).toBe(sent)
      const split = await laptop.ok(['exec', '-f', manifest, '--', 'sh', '-c', 'echo out; echo err >&2'])
      expect(split).toMatchObject({ stdout: 'out\n', stderr: 'err\n' })
    })

    it('exec runs in the dev container, in its folder, with its environment', async () => {
      const name = 'process.stdout.write(require("os").hostname())'
      const script = `pwd; echo $RELEASE $GREETING; test -e "$PODSWAP_ROOT/podswap/init" && node -e '${name}'`
      const { stdout } = await laptop.ok(['exec', '-f', manifest, '--', 'sh', '-c', script])
      expect(stdout).toMatch(/\/app\n41 Hello from your laptop\nweb-podswap-/)
    })

    it('status is for people without --json, and plain without a terminal', async () => {
      const { stdout } = await laptop.ok(['status', '-f', manifest])
      expect(stdout).toMatch(/web/)
      expect(stdout).toMatch(/ready/)
      expect(stdout).not.toContain('\x1b')
    })

    it('status --json has the promised shape', async () => {
      // a file of a moment ago may still be on its way
      await eventually(async () => {
        const [status] = await laptop.devs(['-f', manifest])
        const pods = (await admin.list('pods', 'app=web')).map(pod => pod.metadata.name)
        expect(pods).toContain(status!.pod)
        const files = Object.values(await onLaptop.tree(folder)).filter(token => /^[fx]/.test(token)).length
        expect(status).toMatchObject({
          name: 'web',
          namespace: env.namespace,
          workload: 'deployment/web',
          state: 'ready',
          sync: { pending: 0, conflicts: [], problems: [], files },
          forwards: expect.arrayContaining([
            expect.objectContaining({ remote: expect.stringContaining('5432'), direction: 'local', state: 'ready' }),
          ]),
        })
        expect(status!.sync.bytes_sent).toBeGreaterThan(1000)
        expect(status!.sync.bytes_received).toBeGreaterThan(0)
        expect(status!.sync.first_sync_seconds).toBeGreaterThan(0)
        expect(Date.parse(String(status!.sync.last_change_at))).toBeGreaterThan(Date.now() - 600_000)
      })
    })

    it('flush returns when both ends hold what was written before', async () => {
      for (let round = 0; round < 5; round++) {
        writeFileSync(join(folder, `up-${round}.txt`), `laptop ${round}`)
        await inPod.write(`/app/down-${round}.txt`, `pod ${round}`)
        await laptop.ok(['flush', '-f', manifest])
        expect(await inPod.read(`/app/up-${round}.txt`)).toBe(`laptop ${round}`)
        expect(readFileSync(join(folder, `down-${round}.txt`), 'utf8')).toBe(`pod ${round}`)
      }
    })
  })

  describe('the session', () => {
    it('leaves dev mode on when it is interrupted, and says how to end it', async () => {
      up.child.kill('SIGINT')
      const done = await up.finished()
      expect(done.code).toBe(130)
      expect(done.stdout + done.stderr).toMatch(/podswap down/)
      expect((await admin.get('deployment', 'web')).spec.replicas).toBe(0)
      await eventually(async () => expect(await client.get(web)).toContain('Hello from your laptop'))
    })

    it('comes back in the background with up --detach, to the same pod and the same process', async () => {
      const pid = JSON.parse(await client.get(`${web}whoami`)).pid
      const done = await laptop.ok(['up', '--detach', '-f', manifest])
      expect(done.stdout + done.stderr).not.toContain('\x1b')
      const [status] = await laptop.devs(['-f', manifest])
      expect(status!.state).toBe('ready')
      expect(JSON.parse(await (await fetch(`${app}/whoami`)).text()).pid).toBe(pid)
    })

    it('attach shows what the program printed and prints', async () => {
      const terminal = laptop.terminal(['attach', '-f', manifest])
      await terminal.shows(/listening on 8080/)
      const from = terminal.output.length
      writeFileSync(join(folder, 'lib/whoami.js'), `${readFileSync(join(folder, 'lib/whoami.js'), 'utf8')}\n`)
      await terminal.shows(/listening on 8080/, { from })
      terminal.type('\r~.')
      expect(await terminal.finished()).toMatchObject({ code: 0, settingsKept: true })
    })
  })

  describe('down', () => {
    it('puts everything back, from another folder and another laptop, with only -n', async () => {
      await using elsewhere = new Laptop()
      const { stdout, stderr } = await elsewhere.ok(['down', '-n', env.namespace], { cwd: '/' })
      expect(stdout + stderr).toMatch(/web/)
      await expectRestored(admin, was)
      // a Ready pod is an endpoint of its Service a moment later
      await eventually(async () => expect(await client.get(web)).toMatch(release))
    })

    it('leaves nothing on the laptop: no process, no port, no temp file', async () => {
      await expectLaptopClean(laptop, ports, [folder])
    })

    it('says that there is nothing to do when there is nothing', async () => {
      const again = await laptop.ok(['down', '-f', manifest])
      expect(again.stdout + again.stderr).toMatch(/nothing to do/i)
      const byNamespace = await laptop.ok(['down', '-n', env.namespace], { cwd: '/' })
      expect(byNamespace.stdout + byNamespace.stderr).toMatch(/nothing to do/i)
      await expectRestored(admin, was)
    })
  })
})

/** Of the page, as its server tells them to whoever shows it. */
async function* versionsIn(events: AsyncIterable<string>): AsyncGenerator<string> {
  let text = ''
  for await (const part of events) {
    const lines = (text + part).split('\n\n')
    text = lines.pop()!
    for (const line of lines) {
      const version = /^event: version\ndata: (.+)$/m.exec(line)
      if (version) yield version[1]!
    }
  }
}
