import { once } from 'node:events'
import { cpSync, existsSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { formatDuration } from '../src/ui/quantity.ts'
import { UserError } from '../syncer/base/errors.ts'
import { DemoCluster } from './cluster.ts'
import { DemoLaptop } from './laptop.ts'
import type { Narration } from './narration.ts'
import {
  appUrl,
  goDown,
  goUp,
  readOriginal,
  type Scene,
  showDatabase,
  showDebugger,
  showEdits,
  showFileFromPod,
} from './story.ts'

export interface DemoOptions {
  /** Of the clone. */
  repository: string
  narration: Narration
  /** Leaves it up at the end, until it is interrupted. */
  isStaying: boolean
  /** Aborted by a signal: everything is cleaned up, whatever it was at. */
  interrupted: AbortSignal
}

/**
 * The whole demo. Nothing is left when it returns or fails, but the logs of a failure.
 * @throws UserError where anything was not as it should be; `interrupted`
 */
export async function runDemo(options: DemoOptions): Promise<void> {
  const { narration, interrupted } = options
  const start = performance.now()
  narration.title('podswap', 'the real CLI on an embedded cluster: no Docker, no root, nothing stays behind')
  narration.chapter('A cluster of its own')
  await using cluster = await startCluster(options)
  let laptop: DemoLaptop | undefined
  let isOver = false
  try {
    const deployed = performance.now()
    // the database, which takes longest to start, is waited for where it is needed
    const { pods } = await cluster.deploy(['web', 'worker'], interrupted)
    const text = `manifests/demo/k8s.yml is applied; the ${pods} pods of web and worker are Ready, postgres is starting`
    narration.seen(text, performance.now() - deployed)
    laptop = await DemoLaptop.prepare(cluster, options.repository)
    const scene: Scene = { narration, cluster, laptop, signal: interrupted }
    const original = await readOriginal(scene)
    const up = await goUp(scene)
    await showEdits(scene)
    await showFileFromPod(scene)
    await showDatabase(scene)
    await showDebugger(scene)
    if (options.isStaying) await stay(scene)
    isOver = options.isStaying
    // who stays ends it by Ctrl-C; what is left to do then is not what was interrupted
    await goDown({ ...scene, signal: isOver ? new AbortController().signal : interrupted }, up, original)
  } catch (error) {
    if (interrupted.aborted && !isOver) throw interrupted.reason
    throw withLogs(error, await keepLogs(cluster, laptop))
  }
  narration.plain(`\nAll of it took ${formatDuration(performance.now() - start)}.`)
  if (isOver) return
  narration.plain('\nGo on:')
  narration.plain('   npm run demo -- --stay     the same, left up: with a folder to edit, and a page that follows')
  narration.plain('   README.md                  the same on a cluster of your own\n')
}

async function startCluster({ repository, narration, interrupted }: DemoOptions): Promise<DemoCluster> {
  const start = performance.now()
  interrupted.throwIfAborted()
  const cluster = await DemoCluster.start({ repository, onWarning: message => narration.note(message) })
  narration.seen(
    `an API server answers on ${cluster.url}; its pods are processes of this machine`,
    performance.now() - start,
  )
  return cluster
}

/** Returns when it is interrupted. */
async function stay(scene: Scene): Promise<void> {
  const { narration, laptop, cluster, signal } = scene
  const [, debuggerPort, databasePort] = laptop.ports
  const variables = Object.entries(laptop.environment).map(([name, value]) => `${name}=${value}`)
  const podswap = `node ${laptop.cli}`
  const lines = [
    '\nIt stays up until you press Ctrl-C; then podswap down runs, and all of it goes, the folder too.\n',
    `   open    ${appUrl(scene)}`,
    `   edit    ${join(laptop.app, 'public/index.html')} and what else is there: the page follows`,
    `   query   psql -h localhost -p ${databasePort} -U postgres   (password: ${cluster.databasePassword})`,
    `   debug   localhost:${debuggerPort}   (chrome://inspect, or your editor)`,
    `   ask     cd ${laptop.folder} && export ${variables.join(' ')}`,
    `           ${podswap} status   (or: exec, attach, flush, down)\n`,
  ]
  for (const line of lines) narration.plain(line)
  signal.throwIfAborted()
  await once(signal, 'abort')
}

/** What the CLI said, what its session noted, and what the cluster has, in a folder that is kept. */
async function keepLogs(cluster: DemoCluster, laptop: DemoLaptop | undefined): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'podswap-demo-logs-'))
  for (const from of laptop ? [laptop.logs, join(laptop.folder, 'state/log')] : []) {
    if (existsSync(from)) cpSync(from, folder, { recursive: true })
  }
  const state = await cluster.describe().catch(error => `${error}`)
  writeFileSync(join(folder, 'cluster.json'), state)
  return folder
}

function withLogs(error: unknown, folder: string): UserError {
  const { message, hint, code } = error instanceof UserError ? error : new UserError('unsupported', String(error))
  const logs = `the logs are in ${folder}`
  return new UserError(code, message, { hint: hint ? `${hint}; ${logs}` : logs, cause: error })
}
