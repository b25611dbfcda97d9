import { connect, createServer } from 'node:net'
import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { openLocalForward } from '../../../src/forward/local-forward.ts'
import { forwardTarget, openLocalForwards } from '../../../src/forward/local-forwards.ts'

const at = { file: 'dev.yml', line: 1, column: 1 }

describe('local forwards', () => {
  it('dials each forward’s own target; without a host it is the dev container', async () => {
    const asked: unknown[] = []
    const dev = {
      interface: '127.0.0.1',
      forward: [
        { localPort: 0, host: 'postgres', remotePort: 5432, at },
        { localPort: 0, remotePort: 8080, at },
      ],
    }
    const forwards = await openLocalForwards(dev, async target => {
      asked.push(target)
      return new PassThrough()
    })
    for (const forward of forwards) {
      const socket = connect(forward.port, '127.0.0.1')
      await new Promise(resolve => socket.once('connect', resolve))
      await expect.poll(() => asked.length).toBe(forwards.indexOf(forward) + 1)
      socket.destroy()
    }
    expect(asked).toEqual([
      { host: 'postgres', port: 5432 },
      { host: 'localhost', port: 8080 },
    ])
    expect(dev.forward.map(forwardTarget)).toEqual(asked)
    for (const forward of forwards) await forward.close()
  })

  it('listens for all or for none', async () => {
    const taken = createServer()
    await new Promise<void>(resolve => taken.listen(0, '127.0.0.1', resolve))
    const { port } = taken.address() as { port: number }
    const free = await openLocalForward({
      forward: { localPort: 0, remotePort: 1, at },
      interface: '127.0.0.1',
      dial: () => Promise.reject(new Error('not asked')),
    })
    const first = free.port
    await free.close()
    const forward = [
      { localPort: first, remotePort: 1, at },
      { localPort: port, remotePort: 2, at },
    ]
    const opening = openLocalForwards({ interface: '127.0.0.1', forward }, () => Promise.reject(new Error('not asked')))
    await expect(opening).rejects.toMatchObject({ code: 'port-in-use' })
    const socket = connect(first, '127.0.0.1')
    const error = await new Promise<NodeJS.ErrnoException>(resolve => socket.once('error', resolve))
    expect(error.code).toBe('ECONNREFUSED')
    taken.close()
  })
})
