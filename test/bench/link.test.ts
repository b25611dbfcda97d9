import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { Link } from '../../bench/link.ts'

const answer = randomBytes(300_000)

/** Answers the first bytes with {@link answer} and closes at once. */
async function startServer(): Promise<number> {
  const server = createServer(socket => socket.once('data', () => socket.end(answer)).on('error', () => {}))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => void server.close())
  return (server.address() as AddressInfo).port
}

test.each([
  ['as fast as it can', undefined],
  ['slow', { delayMs: 5, bytesPerSecond: 20_000_000 }],
])('a link that is %s brings everything and counts it, also what comes right before the end', async (_, speed) => {
  const link = await Link.to('127.0.0.1', await startServer(), speed)
  onTestFinished(() => link[Symbol.asyncDispose]())
  const client = connect(link.port, '127.0.0.1')
  const received: Buffer[] = []
  client.on('data', bytes => received.push(bytes))
  client.write('now')
  await once(client, 'close')
  expect(Buffer.concat(received).equals(answer)).toBe(true)
  expect([link.sentBytes, link.receivedBytes, link.bytes]).toEqual([3, answer.length, answer.length + 3])
})

test('who goes is gone at the other end too', async () => {
  const server = createServer(socket => socket.on('error', () => {}))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => void server.close())
  const link = await Link.to('127.0.0.1', (server.address() as AddressInfo).port, { delayMs: 1, bytesPerSecond: 1e6 })
  onTestFinished(() => link[Symbol.asyncDispose]())
  const arrived = once(server, 'connection')
  const client = connect(link.port, '127.0.0.1')
  const [socket] = await arrived
  const closed = once(socket.resume(), 'close')
  client.destroy()
  await closed
  await expect.poll(() => link.connections).toBe(0)
})
