import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { UserError } from '../syncer/base/errors.ts'
import type { DemoCluster } from './cluster.ts'
import type { Call, DemoLaptop } from './laptop.ts'
import type { Narration } from './narration.ts'
import { askDebugger, textOf, timeEdit, timeEditAndPage, watchOrder } from './probes.ts'
import { until } from './until.ts'

/** Where it is told, and on what. */
export interface Scene {
  narration: Narration
  signal: AbortSignal
  cluster: DemoCluster
  laptop: DemoLaptop
}

/** The workload as it was before, byte for byte. */
export interface Original {
  spec: string
  labels: string
}

const manifest = ['-f', 'dev.node.yml']
const editsCount = 5
const readyMsMax = 120_000
const leaveMsMax = 30_000

export const appUrl = ({ laptop }: Scene) => `http://localhost:${laptop.ports[0]}/`

export async function readOriginal({ cluster, signal }: Scene): Promise<Original> {
  const api = await cluster.connect()
  const { metadata, spec } = await api.get('Deployment', 'web', { signal })
  return { spec: JSON.stringify(spec), labels: JSON.stringify(metadata.labels) }
}

/** `podswap up` in the foreground; returns when `podswap status` has probed everything as ready. */
export async function goUp(scene: Scene): Promise<Call> {
  const { narration, laptop, signal } = scene
  narration.chapter('podswap up: your laptop’s code takes the place of the Deployment’s')
  for (const { from, to } of laptop.moved) narration.note(`port ${from} is taken: the demo forwards ${to} instead`)
  narration.command('podswap up -f dev.node.yml')
  const start = performance.now()
  let isQuoted = true
  const up = laptop.start(['up', ...manifest], {
    signal,
    onLine: line => isQuoted && !signal.aborted && narration.quote(line),
  })
  const ready = async () => {
    const [dev] = await devs(scene)
    const forwards: { state: string }[] = dev?.forwards ?? []
    return dev?.state === 'ready' && forwards.every(({ state }) => state === 'ready') ? dev : undefined
  }
  const dev = await whileRunning(up, signal, inTime =>
    until('podswap status says ready', ready, { signal: inTime, deadlineMs: readyMsMax }),
  )
  isQuoted = false
  const page = await textOf(appUrl(scene), signal)
  if (!page.includes(dev.pod)) throw new UserError('pod-failed', `${appUrl(scene)} is not served by ${dev.pod}`)
  const { files } = dev.sync
  narration.seen(`${appUrl(scene)} is served by ${dev.pod}, from ${files} files`, performance.now() - start)
  return up
}

/** Edits of the app’s folder, and when the running service has them. */
export async function showEdits(scene: Scene): Promise<void> {
  const { narration, laptop, signal } = scene
  narration.chapter('An edit on the laptop')
  const template = join(laptop.app, 'public/index.html')
  let lead = 'this page changes by itself'
  const times: { servedMs: number; toldMs: number }[] = []
  for (let edit = 1; edit <= editsCount; edit++) {
    const change = { from: lead, to: `this is edit ${edit} of ${editsCount}` }
    times.push(await timeEditAndPage(template, change, appUrl(scene), signal))
    lead = change.to
  }
  const served = times.map(({ servedMs }) => servedMs)
  const all = served.map(ms => ms.toFixed(0)).join(', ')
  narration.seen(`public/index.html is in the service’s next answer after ${median(served).toFixed(0)} ms`)
  const told = median(times.map(({ toldMs }) => toldMs)).toFixed(0)
  narration.plain(`     (${editsCount} edits: ${all} ms; a page that is open is told to reload after ${told} ms)`)
  const code = { from: '!`', to: ', from an edit!`' }
  const ms = await timeEdit(join(laptop.app, 'lib/greeting.js'), code, ', from an edit!', appUrl(scene), signal)
  narration.seen(`lib/greeting.js: the pod has restarted the server, and it answers after ${ms.toFixed(0)} ms`)
}

/** A file that a program in the pod makes. */
export async function showFileFromPod(scene: Scene): Promise<void> {
  const { narration, laptop, signal } = scene
  narration.chapter('A file made in the pod')
  const name = 'made-in-the-pod.txt'
  const host = `require('node:os').hostname()`
  const script = `const at = Date.now(); fs.writeFileSync('${name}', ${host}); console.log(at)`
  narration.command(`podswap exec -- node -e "fs.writeFileSync('${name}', ${host})"`)
  const call = laptop.run(['exec', ...manifest, '--', 'node', '-e', script], { signal })
  call.catch(() => {})
  const arrived = until(
    `${name} is on the laptop`,
    () => {
      const text = existsSync(join(laptop.app, name)) && readFileSync(join(laptop.app, name), 'utf8')
      return text ? { text, at: Date.now() } : undefined
    },
    { signal, everyMs: 1 },
  )
  // what the command has to say comes first
  const { stdout } = await Promise.race([call, arrived.then(() => call)])
  const { text, at } = await arrived
  narration.seen(`it is on the laptop after ${at - Number(stdout)} ms, and says that ${text} made it`)
}

/** An order: through the app into PostgreSQL, packed by the cluster's worker, read from the laptop. */
export async function showDatabase(scene: Scene): Promise<void> {
  const { narration, laptop, cluster, signal } = scene
  narration.chapter('The database beside the app')
  const port = laptop.ports[2]!
  narration.command(`psql -h localhost -p ${port} -U postgres   # or any client of yours; here it is node-postgres`)
  const database = { port, password: cluster.databasePassword }
  const { id, item, version } = await watchOrder(appUrl(scene), database, signal)
  narration.seen(`PostgreSQL ${version} answers on localhost:${port}`)
  narration.seen(`order ${id}, “${item}”, went through your code, and the cluster’s own worker has packed it`)
}

export async function showDebugger(scene: Scene): Promise<void> {
  const { narration, laptop, signal } = scene
  narration.chapter('The debugger')
  const port = laptop.ports[1]!
  const expression = `['Node', process.version, 'process', process.pid, process.argv[1].split('/').at(-1)].join(' ')`
  narration.seen(`localhost:${port} answers: ${await askDebugger(port, expression, signal)}`)
}

/** `podswap down`, and what the cluster has then. */
export async function goDown(scene: Scene, up: Call, original: Original): Promise<void> {
  const { narration, laptop, cluster, signal } = scene
  narration.chapter('podswap down: everything is put back')
  narration.command('podswap down -f dev.node.yml')
  await laptop.run(['down', ...manifest], { signal, onLine: line => narration.quote(line) })
  await until('podswap up has ended', () => (up.isRunning() ? undefined : true), { signal, deadlineMs: leaveMsMax })
  const now = await readOriginal(scene)
  if (now.spec !== original.spec || now.labels !== original.labels) {
    throw new UserError('conflict', `deployment/web is not what it was: ${now.spec} ${now.labels}`)
  }
  const hash = createHash('sha256').update(now.spec).digest('hex').slice(0, 12)
  narration.seen(`the spec of deployment/web is what it was, all ${now.spec.length} bytes (sha256 ${hash}…)`)
  const api = await cluster.connect()
  const left = [...(await api.list('Deployment', { signal })), ...(await api.list('Lease', { signal }))]
  const ours = left.filter(({ metadata }) => metadata.name?.includes('podswap'))
  if (ours.length > 0) throw new UserError('conflict', `left behind: ${ours.map(({ metadata }) => metadata.name)}`)
  narration.seen('no Deployment and no Lease of podswap is left in the cluster')
}

// biome-ignore lint/suspicious/noExplicitAny: the fields that are read are checked where they are
async function devs({ laptop, signal }: Scene): Promise<any[]> {
  const { stdout } = await laptop.run(['status', '--json', ...manifest], { signal })
  return JSON.parse(stdout).devs
}

/** @throws UserError `pod-failed` as soon as the call has ended */
async function whileRunning<T>(call: Call, signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const over = new AbortController()
  const ended = call.ended.then(({ code }) => {
    throw new UserError('pod-failed', `podswap up ended with ${code ?? 'a signal'}`)
  })
  try {
    return await Promise.race([work(AbortSignal.any([signal, over.signal])), ended])
  } finally {
    over.abort()
    ended.catch(() => {})
  }
}

function median(values: number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}
