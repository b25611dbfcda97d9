import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import type { ForwardHosts } from '../../../src/forward/forward-hosts.ts'
import type { Dev, Forward } from '../../../src/manifest/manifest.ts'
import { bindForwards } from '../../../src/session/bind-forwards.ts'
import type { BoundForwards } from '../../../src/session/parts.ts'
import type { UiEvent } from '../../../src/ui/events.ts'

const at = { file: '/work/dev.yml', line: 2, column: 5 }
const open: { close(): unknown }[] = []
afterEach(async () => {
  for (const each of open.splice(0)) await each.close()
})

/** A program of the laptop that listens on a port of its own. */
async function program(): Promise<{ server: Server; port: number }> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  open.push(server)
  return { server, port: (server.address() as AddressInfo).port }
}

function bind(forward: Forward): { bound: Promise<BoundForwards>; events: UiEvent[]; pass: () => void } {
  const events: UiEvent[] = []
  const waiting = new Set<() => void>()
  const timers = {
    after(_delayMs: number, action: () => void) {
      waiting.add(action)
      return () => waiting.delete(action)
    },
  }
  const dev: Dev = {
    name: 'web',
    at,
    command: ['sh'],
    sync: [],
    environment: [],
    interface: '127.0.0.1',
    forward: [forward],
  }
  const around = {
    dial: async () => {
      throw new Error('nobody connects')
    },
    hosts: {} as ForwardHosts,
    report: (event: UiEvent) => void events.push(event),
    timers,
  }
  const pass = () => {
    for (const action of waiting) {
      waiting.delete(action)
      action()
    }
  }
  return { bound: bindForwards(dev, around), events, pass }
}

describe('a port that is taken', () => {
  it('is an error for a dev’s own forward', async () => {
    const { port } = await program()
    await expect(bind({ localPort: port, remotePort: 80, at }).bound).rejects.toMatchObject({ code: 'port-in-use', at })
  })

  it('is waited for where the forward is the file’s', async () => {
    const { server, port } = await program()
    const { bound, events, pass } = bind({ localPort: port, remotePort: 80, isShared: true, at })
    const forwards = await bound
    open.push(forwards)
    expect(forwards.lines).toEqual([])
    const waiting = { local: `127.0.0.1:${port}`, remote: 'localhost:80', localPort: port }
    expect(forwards.waiting()).toEqual([waiting])
    expect(events).toMatchObject([{ type: 'warning', message: expect.stringContaining(`port ${port}`) }])
    server.close()
    await once(server, 'close')
    while (events.length < 2) {
      pass()
      await setImmediate()
    }
    expect(events[1]).toMatchObject({ type: 'forwards-bound', forwards: [{ local: `127.0.0.1:${port}` }] })
    expect(forwards.lines).toMatchObject([{ port: 80 }])
    expect(forwards.waiting()).toEqual([])
  })

  it('is not waited for after the end', async () => {
    const { server, port } = await program()
    const { bound, events, pass } = bind({ localPort: port, remotePort: 80, isShared: true, at })
    await (await bound).close()
    server.close()
    await once(server, 'close')
    pass()
    await setImmediate()
    expect(events).toHaveLength(1)
  })
})
