import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { PortEntrance } from '../../../syncer/agent/port-entrance.ts'
import { systemTimers } from '../../../syncer/base/clock.ts'
import { openPortMs } from '../../../syncer/wire/services.ts'
import { FakeTime } from '../wire/fake-time.ts'

describe('a port entrance', () => {
  const cleanups: (() => void)[] = []
  afterEach(() => {
    for (const cleanup of cleanups.splice(0)) cleanup()
  })

  function entrance(timers = systemTimers as ConstructorParameters<typeof PortEntrance>[0]['timers']) {
    const taken: Socket[] = []
    const log: string[] = []
    const onConnection = (socket: Socket) => {
      cleanups.push(() => socket.destroy())
      taken.push(socket)
    }
    const made = new PortEntrance({ timers, onConnection, log: text => log.push(text) })
    cleanups.push(() => made.close())
    return { entrance: made, taken, log }
  }

  async function dial(port: number): Promise<Socket> {
    const socket = connect({ port, host: '127.0.0.1' })
    cleanups.push(() => socket.destroy())
    await once(socket, 'connect')
    return socket.on('error', () => {})
  }

  const isGone = (socket: Socket) => new Promise<boolean>(resolve => socket.resume().once('close', () => resolve(true)))

  async function refusesConnections(port: number): Promise<void> {
    await expect.poll(() => dial(port).catch(error => error.code), { timeout: 30_000 }).toBe('ECONNREFUSED')
  }

  it('takes whoever shows the token, answers, and is shut', async () => {
    const { entrance: it, taken } = entrance()
    const { port, token, answer } = await it.open(false)
    const socket = await dial(port)
    socket.write(`${token}\n`)
    const [said] = await once(socket, 'data')
    expect(String(said)).toBe(`${answer}\n`)
    expect(taken.length).toBe(1)
    await refusesConnections(port)
    socket.write('more')
    const [heard] = await once(taken[0]!.resume(), 'data')
    expect(String(heard)).toBe('more')
  })

  it('sends everybody else away, and stays open', async () => {
    const { entrance: it, taken, log } = entrance()
    const { port, token } = await it.open(false)
    const { token: another } = await it.open(false)
    for (const line of [another, '', `${token}x`, token.slice(1)]) {
      const socket = await dial(port)
      const gone = isGone(socket)
      socket.write(`${line}\n`)
      expect(await gone).toBe(true)
    }
    expect(taken).toEqual([])
    expect(log.length).toBe(4)
    expect(log.join()).not.toContain(token)
    const socket = await dial(port)
    socket.write(`${token}\n`)
    await expect.poll(() => taken.length, { timeout: 30_000 }).toBe(1)
  })

  it('takes one of two that know the token', async () => {
    const { entrance: it, taken } = entrance()
    const { port, token } = await it.open(false)
    const [first, second] = [await dial(port), await dial(port)]
    // both connections are accepted before either speaks
    await expect.poll(() => first.readyState === 'open' && second.readyState === 'open').toBe(true)
    const gone = Promise.race([isGone(first), isGone(second)])
    first.write(`${token}\n`)
    second.write(`${token}\n`)
    await gone
    expect(taken.length).toBe(1)
  })

  it('is open for a moment only', async () => {
    const time = new FakeTime()
    const { entrance: it } = entrance(time)
    const { port } = await it.open(false)
    await dial(port)
    await time.advance(openPortMs)
    await refusesConnections(port)
    expect(time.pendingTimers).toBeLessThanOrEqual(1)
  })

  it('opens eight at once, and another when one of them is shut', async () => {
    const time = new FakeTime()
    const { entrance: it } = entrance(time)
    for (let count = 0; count < 8; count++) await it.open(false)
    await expect(it.open(false)).rejects.toMatchObject({ code: 'too-many-streams' })
    await time.advance(openPortMs)
    await it.open(false)
  })

  it('is shut when the agent ends', async () => {
    const { entrance: it } = entrance()
    const { port } = await it.open(false)
    it.close()
    await refusesConnections(port)
  })
})
