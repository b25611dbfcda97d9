import { readFileSync, writeFileSync } from 'node:fs'
import { Client } from 'pg'
import { WebSocket } from 'ws'
import { UserError } from '../syncer/base/errors.ts'
import { until } from './until.ts'

/** How soon an edit was seen, in ms from before the file was written. */
export interface EditTimes {
  /** A page that is open was told. */
  toldMs: number
  /** The next response had it. */
  servedMs: number
}

const askEveryMs = 1
const answerMsMax = 30_000
const eventCharsMax = 1_000

export async function textOf(url: string, signal: AbortSignal): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(answerMsMax)]) })
  const text = await response.text()
  if (!response.ok) throw new UserError('pod-failed', `${url} answers ${response.status}: ${text.trim()}`)
  return text
}

/** Changes a file on the laptop as an editor does, and asks the page until it shows `seen`. */
export async function timeEdit(
  file: string,
  change: { from: string; to: string },
  seen: string,
  page: string,
  signal: AbortSignal,
): Promise<number> {
  const before = readFileSync(file, 'utf8')
  const after = before.replace(change.from, () => change.to)
  if (after === before) throw new UserError('not-found', `there is no ${change.from} in ${file}`)
  const start = performance.now()
  writeFileSync(file, after)
  const isServed = async () => ((await textOf(page, signal)).includes(seen) ? performance.now() : undefined)
  return (await until(`an edit of ${file} is served`, isServed, { signal, everyMs: askEveryMs })) - start
}

/** Likewise, with a page open, as a browser has it. */
export async function timeEditAndPage(
  file: string,
  change: { from: string; to: string },
  app: string,
  signal: AbortSignal,
): Promise<EditTimes> {
  const over = new AbortController()
  const response = await fetch(`${app}live`, { signal: AbortSignal.any([signal, over.signal]) })
  const versions = versionsIn(response.body!.pipeThrough(new TextDecoderStream()))
  try {
    const first = await versions.next()
    const start = performance.now()
    const told = versions.next().then(({ value }) => ({ version: value, ms: performance.now() - start }))
    told.catch(() => {})
    const servedMs = await timeEdit(file, change, change.to, app, signal)
    const limit = AbortSignal.any([signal, AbortSignal.timeout(answerMsMax)])
    const { version, ms } = await Promise.race([told, aborted(limit)])
    if (version === undefined || version === first.value)
      throw new UserError('pod-failed', 'the page was not told of the edit')
    return { servedMs, toldMs: ms }
  } finally {
    over.abort()
  }
}

/** Of the page, as the app tells them to whoever shows it. */
async function* versionsIn(events: AsyncIterable<string>): AsyncGenerator<string, undefined> {
  let rest = ''
  for await (const part of events) {
    const blocks = (rest + part).split('\n\n')
    rest = blocks.pop()!.slice(-eventCharsMax)
    for (const block of blocks) {
      const version = /^event: version\ndata: (.+)$/m.exec(block)?.[1]
      if (version !== undefined) yield version
    }
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))
}

export interface PackedOrder {
  version: string
  id: number
  item: string
}

/** Places an order with the app, and asks the database through the forward until the worker has packed it. */
export async function watchOrder(
  app: string,
  database: { port: number; password: string },
  signal: AbortSignal,
): Promise<PackedOrder> {
  const order = { method: 'POST', body: 'a cup of tea', signal }
  const { id } = (await (await fetch(`${app}orders`, order)).json()) as { id: number }
  const client = new Client({
    host: 'localhost',
    user: 'postgres',
    database: 'postgres',
    connectionTimeoutMillis: answerMsMax,
    query_timeout: answerMsMax,
    ...database,
  })
  client.on('error', () => {})
  await client.connect()
  try {
    const version = (await client.query('show server_version')).rows[0].server_version
    const packed = async () => {
      const text = 'select id, item from orders where id = $1 and packed_at is not null'
      return (await client.query(text, [id])).rows[0]
    }
    return { ...(await until('the worker has packed the order', packed, { signal })), version }
  } finally {
    await client.end()
  }
}

/** Asks the debugger at a port of this machine to evaluate an expression in the process that it belongs to. */
export async function askDebugger(port: number, expression: string, signal: AbortSignal): Promise<string> {
  const [target] = JSON.parse(await textOf(`http://localhost:${port}/json/list`, signal))
  const socket = new WebSocket(target.webSocketDebuggerUrl, { handshakeTimeout: answerMsMax })
  try {
    const answer = new Promise<string>((resolve, reject) => {
      socket.once('error', reject)
      socket.once('close', () => reject(new UserError('pod-failed', 'the debugger has gone')))
      socket.on('message', data => resolve(JSON.parse(String(data)).result.result.value))
      socket.once('open', () => {
        socket.send(JSON.stringify({ id: 1, method: 'Runtime.evaluate', params: { expression } }))
      })
    })
    answer.catch(() => {})
    const limit = AbortSignal.any([signal, AbortSignal.timeout(answerMsMax)])
    return await Promise.race([answer, aborted(limit)])
  } finally {
    socket.terminate()
  }
}
