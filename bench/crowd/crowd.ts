import { type ChildProcess, fork } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Cluster } from '../../src/cluster/cluster.ts'
import { connectCluster } from '../../src/cluster/connect.ts'
import type { Session } from '../../src/session/run.ts'
import { systemClock, systemTimers } from '../../syncer/base/clock.ts'
import { CleanUp } from '../../test/e2e/support/clean-up.ts'
import { until } from '../../test/e2e/support/until.ts'
import { startApiSide } from '../../test/src/session/api-side.ts'
import { Link } from '../link.ts'
import type { ServerAnswer, ServerFigures, ServerRequest } from './server-messages.ts'

export interface CrowdOptions {
  sessions: number
  /** How long the idle crowd is looked at. */
  idleSeconds: number
  /** How many start at once. */
  atOnce: number
  say: (text: string) => void
}

/** What a stretch of time was for the API server. */
export interface CrowdFigures {
  seconds: number
  renewalsPerSecond: number
  watchesOpenedPerSecond: number
  otherCallsPerSecond: number
  /** TCP, with TLS: as seen by the API server's machine. */
  inBytesPerSecond: number
  outBytesPerSecond: number
  /** Connections that stand at its end; a session has one for each of its watches. */
  connections: number
  serverMiB: number
  /** Of one CPU. */
  serverLoad: number
}

export interface CrowdReport {
  sessions: number
  /** Memory of the server before the first session, with all workloads there. */
  emptyMiB: number
  starting: CrowdFigures
  idle: CrowdFigures
}

const perNamespace = 10
const connectionsPerSession = 8
/** Events for the most part. */
const objectsPerSession = 60
const readyMs = 300_000
const clock = { ...systemClock, ...systemTimers }

/** Many sessions as they are shipped, on one API server; their pods are agents in memory, in this process. */
export async function measureCrowd({ sessions, idleSeconds, atOnce, say }: CrowdOptions): Promise<CrowdReport> {
  await using cleanUp = new CleanUp()
  const server = await CrowdServer.start(cleanUp, sessions)
  const people = await server.people(sessions)
  const empty = await server.look()
  const live: Session[] = []
  cleanUp.defer(() => {
    for (const session of live) session.stop()
    return Promise.all(live.map(session => session.done))
  })
  const startOne = async (index: number) => {
    const { cluster, name } = people[index]!
    const session = startApiSide({ cluster, name, sessionId: `s${index}`, clock })
    live.push(session)
    await until(`${name} is ready`, () => isReady(session), { deadlineMs: readyMs })
    if (live.length % 100 === 0) say(`${live.length} sessions`)
  }
  await inTurns(sessions, atOnce, startOne)
  const started = await server.look()
  say(`idle for ${idleSeconds} s`)
  await pause(idleSeconds * 1_000)
  const rested = await server.look()
  const lost = live.filter(session => !isReady(session)).length
  if (lost > 0) throw new Error(`${lost} of ${sessions} sessions were not ready any more`)
  return { sessions, emptyMiB: empty.rssMiB, starting: between(empty, started), idle: between(started, rested) }
}

function isReady(session: Session): boolean {
  const { phase, trouble } = session.snapshot()
  if (phase === 'ended') throw new Error(`a session ended: ${trouble}`)
  return phase === 'ready'
}

async function inTurns(count: number, atOnce: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0
  const worker = async () => {
    for (let index = next++; index < count; index = next++) await work(index)
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, worker))
}

interface Look extends ServerFigures {
  atMs: number
  inBytes: number
  outBytes: number
  connections: number
}

class CrowdServer {
  readonly #child: ChildProcess
  readonly #cleanUp: CleanUp
  readonly #namespaces: string[]
  #link!: Link
  #kubeconfig = ''

  private constructor(child: ChildProcess, cleanUp: CleanUp, namespaces: string[]) {
    this.#child = child
    this.#cleanUp = cleanUp
    this.#namespaces = namespaces
  }

  static async start(cleanUp: CleanUp, sessions: number): Promise<CrowdServer> {
    const program = fileURLToPath(new URL('server.ts', import.meta.url))
    const child = fork(program, { execArgv: ['--expose-gc', '--import', 'tsx'] })
    cleanUp.defer(() => child.kill())
    const namespaces = Array.from({ length: Math.ceil(sessions / perNamespace) }, (_, index) => `team-${index}`)
    const server = new CrowdServer(child, cleanUp, namespaces)
    const limits = { connectionsMax: sessions * connectionsPerSession, objectsMax: sessions * objectsPerSession }
    const started = await server.#ask({ type: 'start', namespaces, ...limits }, 'started')
    server.#link = cleanUp.use(await Link.to('127.0.0.1', Number(new URL(started.url).port)))
    const folder = mkdtempSync(join(tmpdir(), 'podswap-crowd-'))
    cleanUp.defer(() => rmSync(folder, { recursive: true }))
    server.#kubeconfig = join(folder, 'kubeconfig')
    const metered = `https://127.0.0.1:${server.#link.port}`
    writeFileSync(server.#kubeconfig, started.kubeconfig.replaceAll(started.url, metered))
    return server
  }

  /** A person for each session, with a connection of their own and a workload. */
  async people(count: number): Promise<{ cluster: Cluster; name: string }[]> {
    const people: { cluster: Cluster; name: string }[] = []
    for (const namespace of this.#namespaces) {
      const size = Math.min(perNamespace, count - people.length)
      const names = Array.from({ length: size }, (_, index) => `web-${index}`)
      await this.#ask({ type: 'deploy', namespace, names }, 'deployed')
      for (const name of names) {
        const cluster = await connectCluster({ kubeconfig: this.#kubeconfig, namespace, env: {}, deadlineMs: 60_000 })
        this.#cleanUp.defer(() => cluster.close())
        people.push({ cluster, name })
      }
    }
    const [first, last] = [people[0]!, people.at(-1)!]
    for (const { cluster, name } of [first, last]) {
      const isThere = async () => (await cluster.get('Deployment', name)).status?.readyReplicas === 1
      await until('the workloads are Ready', isThere, { deadlineMs: readyMs, everyMs: 500 })
    }
    return people
  }

  async look(): Promise<Look> {
    const { figures } = await this.#ask({ type: 'figures' }, 'figures')
    const { sentBytes, receivedBytes, connections } = this.#link
    return { ...figures, atMs: performance.now(), inBytes: sentBytes, outBytes: receivedBytes, connections }
  }

  #ask<Type extends ServerAnswer['type']>(
    request: ServerRequest,
    type: Type,
  ): Promise<Extract<ServerAnswer, { type: Type }>> {
    return new Promise((resolve, reject) => {
      const child = this.#child
      const ended = () => reject(new Error('the API server’s process has ended'))
      child.once('exit', ended)
      child.once('message', (answer: ServerAnswer) => {
        child.off('exit', ended)
        if (answer.type === type) resolve(answer as Extract<ServerAnswer, { type: Type }>)
        else reject(new Error(`asked for ${type}, got ${answer.type}`))
      })
      child.send(request)
    })
  }
}

function between(before: Look, after: Look): CrowdFigures {
  const seconds = (after.atMs - before.atMs) / 1_000
  const callsPerSecond = (kind: string) => ((after.requests[kind] ?? 0) - (before.requests[kind] ?? 0)) / seconds
  return {
    seconds,
    renewalsPerSecond: callsPerSecond('renewal'),
    watchesOpenedPerSecond: callsPerSecond('watch'),
    otherCallsPerSecond: callsPerSecond('other'),
    inBytesPerSecond: (after.inBytes - before.inBytes) / seconds,
    outBytesPerSecond: (after.outBytes - before.outBytes) / seconds,
    connections: after.connections,
    serverMiB: after.rssMiB,
    serverLoad: (after.cpuMs - before.cpuMs) / 1_000 / seconds,
  }
}
