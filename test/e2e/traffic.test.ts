import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DevSession } from './support/dev-session.ts'
import { freePort } from './support/ports.ts'
import { expectRestored } from './support/traces.ts'
import { until } from './support/until.ts'

const connections = 10

/**
 * Asks the Service over ten connections that it keeps as long as it can, without a pause. `GET /` on 9000 gives what came
 * of the requests that were begun since the last time, and the longest time in which nobody answered any.
 */
const asker = `
const http = require('node:http')
const agent = new http.Agent({ keepAlive: true, maxSockets: ${connections} })
const round = () => ({ answers: {}, failures: {}, silentMs: 0 })
let seen = round()
let answeredAt = performance.now()
const count = (list, who) => (list[who] = (list[who] ?? 0) + 1)
const answered = () => {
  seen.silentMs = Math.max(seen.silentMs, performance.now() - answeredAt)
  answeredAt = performance.now()
}
const ask = () => new Promise(resolve => {
  const { answers, failures } = seen
  const fail = error => (count(failures, error.code), setTimeout(resolve, 20))
  const request = http.get({ host: 'web', port: 80, agent, timeout: 10_000 }, response => {
    let body = ''
    response.on('data', data => (body += data)).on('end', () => {
      answered()
      count(answers, body.split(' ')[0])
      resolve()
    })
  })
  request.on('timeout', () => request.destroy(Object.assign(new Error(), { code: 'TIMEOUT' }))).once('error', fail)
})
const loop = async () => { for (;;) await ask() }
for (let i = 0; i < ${connections}; i++) loop()
http.createServer((_, answer) => {
  const { answers, failures, silentMs } = seen
  answer.end(JSON.stringify({ answers, failures, silentMs }))
  seen = round()
}).listen(9000)
`
/** Ends only when it is killed, and serves its old connections until then: a rolling app that takes its time. */
const stubborn = `
require('node:http').createServer((_, answer) => answer.end('original ' + process.pid)).listen(8080)
process.on('SIGTERM', () => {})
`
const devServer = `require('node:http').createServer((_, answer) => answer.end('dev pod')).listen(8080)`

const tell = (command: string, silentMs: number) =>
  console.info(`${command}: nobody answered for ${Math.round(silentMs)} ms`)

interface Seen {
  answers: Record<string, number>
  /** Error code → how often. */
  failures: Record<string, number>
  silentMs: number
}

describe('requests through the Service', () => {
  let session: DevSession
  beforeAll(async () => {
    const dev = { command: ['node', '-e', devServer], forward: [`${await freePort()}:8080`] }
    const workload = { replicas: 2, command: ['node', '-e', stubborn] }
    session = await DevSession.create({ purpose: 'traffic', workload, dev })
    await session.namespace.admin.apply({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'asker' },
      spec: {
        terminationGracePeriodSeconds: 0,
        containers: [
          {
            name: 'asker',
            image: 'podswap.test/node:1',
            imagePullPolicy: 'IfNotPresent',
            command: ['node', '-e', asker],
          },
        ],
      },
    })
    await session.namespace.admin.run(['wait', '--for=condition=Ready', 'pod/asker', '--timeout=60s'])
  })
  afterAll(() => session[Symbol.asyncDispose]())

  const look = async (): Promise<Seen> => {
    const script = `fetch('http://127.0.0.1:9000').then(r => r.text()).then(t => console.log(t))`
    return JSON.parse(await session.namespace.admin.run(['exec', 'asker', '--', 'node', '-e', script]))
  }
  /** What the next thousand and more were answered. */
  const thousand = async (): Promise<Seen> => {
    const all: Seen = { answers: {}, failures: {}, silentMs: 0 }
    await until('a thousand answers', async () => {
      const seen = await look()
      for (const what of ['answers', 'failures'] as const) {
        for (const [who, count] of Object.entries(seen[what])) all[what][who] = (all[what][who] ?? 0) + count
      }
      all.silentMs = Math.max(all.silentMs, seen.silentMs)
      return Object.values(all.answers).reduce((sum, count) => sum + count, 0) >= 1_000
    })
    return all
  }

  it('reach the dev pod alone from ready on, over connections that were open before too', async () => {
    expect(Object.keys((await thousand()).answers)).toEqual(['original'])
    await look()
    await session.up()
    const meanwhile = await look()
    const { answers, failures, silentMs } = await thousand()
    tell('up', Math.max(meanwhile.silentMs, silentMs))
    expect(Object.keys(answers)).toEqual(['dev'])
    expect(failures).toEqual({})
  })

  it('reach the original alone when down is done, and somebody all the time', async () => {
    await look()
    await session.down()
    const meanwhile = await look()
    const { answers, failures, silentMs } = await thousand()
    tell('down', Math.max(meanwhile.silentMs, silentMs))
    // a connection to the dev pod that was kept open breaks once, when that pod goes
    const all = [meanwhile.failures, failures]
    const broken = all.flatMap(each => Object.values(each)).reduce((sum, count) => sum + count, 0)
    expect(broken, JSON.stringify(all)).toBeLessThanOrEqual(connections)
    expect(Object.keys(answers)).toEqual(['original'])
    await expectRestored(session.namespace.admin, session.was)
  })
})
