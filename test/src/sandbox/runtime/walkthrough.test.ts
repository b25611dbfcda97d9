import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { loadAll } from 'js-yaml'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { KubeObject } from '../../../../src/cluster/cluster.ts'
import { connectCluster } from '../../../../src/cluster/connect.ts'
import { type ProcessRuntime, startProcessRuntime } from '../../../../src/sandbox/runtime/process-runtime.ts'
import { readRuntimePrograms } from '../../../../src/sandbox/runtime/runtime-programs.ts'
import { Sandbox } from '../../../../src/sandbox/sandbox.ts'
import { CleanUp } from '../../../e2e/support/clean-up.ts'
import { repository } from '../../../e2e/support/environment.ts'
import { Laptop } from '../../../e2e/support/laptop.ts'
import { freePorts } from '../../../e2e/support/ports.ts'
import { eventually } from '../../../e2e/support/until.ts'

const labels = (app: string) => ({ app, tier: 'test' })

function deployment(name: string, container: object, more: object = {}): KubeObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: labels(name) },
        spec: {
          containers: [{ name: 'app', image: 'node:22', ...container }],
          terminationGracePeriodSeconds: 5,
          ...more,
        },
      },
    },
  }
}

function service(name: string, targetPort: number): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: { selector: { app: name }, ports: [{ port: 80, targetPort }] },
  }
}

const original = `
  const { createServer } = require('node:http')
  createServer((request, response) => response.end('original')).listen(8080)
  process.on('SIGTERM', () => process.exit(0))`
/** Answers what it is sent, behind its name. */
const database = `
  require('node:net').createServer({ allowHalfOpen: true }, socket => {
    // a probe looks, and goes
    socket.on('error', () => {})
    socket.write('database '); socket.pipe(socket)
  }).listen(5432)`
const development = (greeting: string) => `
const { createServer } = require('node:http')
const fs = require('node:fs')
createServer((request, response) => {
  const { GREETING, HOSTNAME, NODE_OPTIONS } = process.env
  response.end(JSON.stringify({ greeting: ${JSON.stringify(greeting)}, GREETING, cwd: process.cwd(), HOSTNAME, NODE_OPTIONS }))
}).listen(8080)
fs.writeFileSync('started.txt', String(process.pid))
`

const probe = { httpGet: { path: '/', port: 8080 }, periodSeconds: 1 }
const waits = { deadlineMs: 90_000 }

// the agent brings Node by Linux's loader, and who is alive is read from /proc
const kinds = [
  { kind: 'the native program', isPortable: false },
  { kind: 'what stands for it elsewhere', isPortable: true },
]

describe.runIf(process.platform === 'linux').each(kinds)('from up to down, by $kind', ({ isPortable }) => {
  const stack = new CleanUp()
  const namespace = 'team'
  let runtime: ProcessRuntime
  let sandbox: Sandbox
  let laptop: Laptop
  let folder: string
  let before: string
  let webPort: number
  let databasePort: number
  const manifest = ['-f', 'dev.yml']

  beforeAll(async () => {
    const programs = await readRuntimePrograms()
    runtime = await startProcessRuntime({ programs: { ...programs, ...(isPortable && { init: null }) } })
    const rbac = loadAll(await readFile(join(repository, 'manifests/rbac.yml'), 'utf8')) as KubeObject[]
    sandbox = await Sandbox.start({
      runtime,
      namespaces: [namespace],
      people: [{ name: 'ann', groups: ['developers'] }],
      rbac,
    })
    stack.defer(() => sandbox.close())
    const web = { command: ['node', '-e', original], readinessProbe: probe, ports: [{ containerPort: 8080 }] }
    const mounts = [{ name: 'cache', mountPath: '/app/cache' }]
    sandbox.apply([
      deployment('web', { ...web, volumeMounts: mounts }, { volumes: [{ name: 'cache', emptyDir: {} }] }),
      service('web', 8080),
      deployment('db', {
        command: ['node', '-e', database],
        readinessProbe: { tcpSocket: { port: 5432 }, periodSeconds: 1 },
      }),
      service('db', 5432),
    ])
    laptop = stack.use(new Laptop({ kubeconfig: '', agentImage: 'node:22', cli: join(repository, 'dist/podswap.cjs') }))
    laptop.kubeconfig = join(laptop.root, 'kubeconfig')
    writeFileSync(laptop.kubeconfig, sandbox.kubeconfigs.ann!)
    ;[webPort, databasePort] = (await freePorts(2)) as [number, number]
    folder = laptop.folder('app', {
      'server.js': development('hello'),
      'package.json': '{"scripts":{"start":"node --watch server.js"}}',
      '.gitignore': 'started.txt\n',
    })
    laptop.folder('.', {
      'dev.yml': {
        dev: {
          web: {
            workdir: '/app',
            command: ['npm', 'start'],
            sync: ['./app:/app'],
            forward: [`${webPort}:8080`, `${databasePort}:db:80`],
            environment: { GREETING: 'from the manifest', NODE_OPTIONS: '--no-deprecation' },
          },
        },
      },
    })
    await eventually(async () => expect(await readyPods()).toEqual(['db', 'web']), waits)
    before = await specOf('web')
  })
  afterAll(() => stack[Symbol.asyncDispose]())

  let isUp: boolean | undefined
  beforeEach(() => {
    // without it the others would only wait
    if (isUp === false) throw new Error('it did not come up')
  })

  async function specOf(name: string): Promise<string> {
    const cluster = await connectCluster({ kubeconfig: laptop.kubeconfig, namespace, env: {} })
    try {
      return JSON.stringify((await cluster.get('Deployment', name)).spec)
    } finally {
      cluster.close()
    }
  }

  async function readyPods(): Promise<string[]> {
    const cluster = await connectCluster({ kubeconfig: laptop.kubeconfig, namespace, env: {} })
    try {
      const pods = (await cluster.list('Pod')).filter(({ metadata }) => !metadata.deletionTimestamp)
      const ready = pods.filter(({ status }) =>
        status?.conditions?.some(
          (each: { type: string; status: string }) => each.type === 'Ready' && each.status === 'True',
        ),
      )
      return ready.map(({ metadata }) => metadata.labels!.app!).sort()
    } finally {
      cluster.close()
    }
  }

  const fetchWeb = async () => (await fetch(`http://127.0.0.1:${webPort}/`)).text()

  it('comes up, and serves the laptop’s code', async () => {
    isUp = false
    await laptop.ok(['up', ...manifest, '--detach'], { timeoutMs: 120_000 })
    isUp = true
    await laptop.untilState('ready', manifest, waits)
    await eventually(async () => {
      expect(JSON.parse(await fetchWeb())).toMatchObject({ greeting: 'hello', GREETING: 'from the manifest' })
    }, waits)
    const { cwd, HOSTNAME, NODE_OPTIONS } = JSON.parse(await fetchWeb())
    expect(NODE_OPTIONS).toMatch(/--require .* --no-deprecation$/)
    // where that is really
    expect(cwd.startsWith(`${runtime.folder}/`)).toBe(true)
    expect(cwd.endsWith('/app')).toBe(true)
    expect(HOSTNAME).toMatch(/^web-podswap-/)
  })

  it('gives the Service to other pods', async () => {
    const { stdout } = await laptop.ok([
      'exec',
      ...manifest,
      '--',
      'node',
      '-e',
      `fetch('http://web.${namespace}').then(r => r.json()).then(r => console.log(r.greeting))`,
    ])
    expect(stdout).toBe('hello\n')
  })

  it('shows an edit as soon as node --watch has restarted', async () => {
    writeFileSync(join(folder, 'server.js'), development('edited'))
    await eventually(async () => expect(JSON.parse(await fetchWeb()).greeting).toBe('edited'), waits)
  })

  it('brings back what is made in the pod, but not what is ignored or a volume’s', async () => {
    const command = 'echo made > made.txt; mkdir -p deep; cp made.txt deep/; echo c > cache/file; ls -a'
    const { stdout } = await laptop.ok(['exec', ...manifest, '--', 'sh', '-c', command])
    expect(stdout).toContain('cache')
    expect(stdout).toContain('started.txt')
    await laptop.ok(['flush', ...manifest])
    await eventually(() => expect(readFileSync(join(folder, 'deep/made.txt'), 'utf8')).toBe('made\n'))
    expect(existsSync(join(folder, 'started.txt'))).toBe(false)
    expect(existsSync(join(folder, 'cache/file'))).toBe(false)
    mkdirSync(join(folder, 'more'))
    writeFileSync(join(folder, 'more/here.txt'), 'laptop')
    rmSync(join(folder, 'made.txt'))
    await laptop.ok(['flush', ...manifest])
    const seen = await laptop
      .ok(['exec', ...manifest, '--', 'sh', '-c', 'cat - more/here.txt; ls made.txt'], {
        input: 'piped ',
      })
      .catch(error => error.message)
    expect(seen).toContain('piped laptop')
    expect(seen).toContain('made.txt')
  })

  it('maps container paths in an argument', async () => {
    expect((await laptop.ok(['exec', ...manifest, '--', 'cat', '/app/more/here.txt'])).stdout).toBe('laptop')
    const { code } = await laptop.podswap(['exec', ...manifest, '--', 'sh', '-c', 'exit 7'])
    expect(code).toBe(7)
  })

  it('carries a forward through a Service', async () => {
    await eventually(async () => expect(await echo(databasePort, 'query')).toBe('database query'), waits)
    await eventually(async () => {
      const [dev] = await laptop.devs(manifest)
      expect(dev!.forwards.map(({ state }) => state)).toEqual(['ready', 'ready'])
      expect(dev).toMatchObject({ state: 'ready', sync: { pending: 0, conflicts: [] } })
    }, waits)
  })

  it.runIf(hasPython())('has a terminal', async () => {
    const terminal = laptop.terminal(['exec', ...manifest, '--', 'sh'])
    await terminal.shows(/[$#] /)
    terminal.type('tty; echo at $((6 * 7))\r')
    await terminal.shows(/\/dev\/pts\/\d+\s+at 42/)
    terminal.type('exit 3\r')
    expect((await terminal.finished()).code).toBe(3)
  })

  it('goes down, and leaves everything as it was', async () => {
    await laptop.ok(['down', ...manifest], { timeoutMs: 120_000 })
    await eventually(async () => expect(await readyPods()).toEqual(['db', 'web']), waits)
    expect(await specOf('web')).toBe(before)
    expect(readFileSync(join(folder, 'server.js'), 'utf8')).toBe(development('edited'))
    await sandbox.close()
    expect(existsSync(runtime.folder)).toBe(false)
  })
})

/** What holds the laptop's terminal in these tests. */
function hasPython(): boolean {
  return spawnSync('python3', ['-c', 'import pty']).status === 0
}

function echo(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = ''
    const socket = connect({ port, host: '127.0.0.1' }, () => socket.end(text))
    socket.on('data', piece => {
      answer += piece
    })
    socket.on('end', () => resolve(answer))
    socket.on('error', reject)
  })
}
