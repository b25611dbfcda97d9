import { beforeEach, describe, expect, test } from 'vitest'
import { openLink } from '../../../src/session/link.ts'
import { PortTrust } from '../../../src/session/port-trust.ts'
import { UserError } from '../../../syncer/base/errors.ts'
import type { Lane } from '../../../syncer/engine/exchange/peer.ts'
import { FakeTime } from '../../syncer/wire/fake-time.ts'
import { FakePod } from './fake-pod.ts'

let time: FakeTime
let pod: FakePod
let attached: Lane[]
let ports: PortTrust
beforeEach(() => {
  time = new FakeTime()
  pod = new FakePod(time)
  attached = []
  ports = new PortTrust()
})

function open(options: { signal?: AbortSignal } = {}) {
  const { signal = new AbortController().signal } = options
  const attach = (lane: Lane) => {
    attached.push(lane)
    return pod.attach(lane, signal)
  }
  const openPort = (port: number, signal: AbortSignal) => pod.openPort(port, signal)
  return openLink({ attach, openPort, ports, forwards: false, signal, clock: time, timers: time })
}

describe('bulk content', () => {
  test('goes by port, and one exec is enough', async () => {
    const link = await open()
    expect(attached).toEqual(['control'])
    expect(pod.portCarriers.size).toBe(1)
    link.openSync({ folder: '/app', session: 's', attempt: 1, fence: 0 })
    await expect.poll(() => pod.syncs.map(({ lane }) => lane).sort()).toEqual(['bulk', 'control'])
    link.close()
    await expect.poll(() => pod.openCarriers).toBe(0)
  })

  test.each(['forbidden', 'rejected', 'unreachable'] as const)('goes by exec where a port is %s', async code => {
    pod.portRefusal = new UserError(code, 'no')
    const link = await open()
    expect(attached).toEqual(['control', 'bulk'])
    link.close()
    await expect.poll(() => pod.openCarriers).toBe(0)
  })

  test('goes by exec where the port never answers', async () => {
    let asked = false
    pod.openPort = (_port, signal) => {
      asked = true
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    }
    const opening = open()
    await expect.poll(() => asked).toBe(true)
    await time.advance(3_000)
    ;(await opening).close()
    expect(attached).toEqual(['control', 'bulk'])
    // each further try would keep a reconnect waiting for as long
    asked = false
    attached = []
    ;(await open()).close()
    expect(attached).toEqual(['control', 'bulk'])
    expect(asked).toBe(false)
  })

  test('is tried by port again where it was the agent that did not answer', async () => {
    const openPort = pod.openPort.bind(pod)
    pod.openPort = async () => {
      throw new Error('never asked')
    }
    pod.isStill = true
    const opening = open()
    await expect.poll(() => pod.execCarriers()).toHaveLength(1)
    await time.advance(3_000)
    ;(await opening).close()
    expect(attached).toEqual(['control', 'bulk'])
    pod.isStill = false
    pod.openPort = openPort
    attached = []
    ;(await open()).close()
    expect(attached).toEqual(['control'])
  })

  test('is tried by port again where that could not be reached once', async () => {
    pod.portRefusal = new UserError('unreachable', 'no')
    ;(await open()).close()
    pod.portRefusal = null
    attached = []
    ;(await open()).close()
    expect(attached).toEqual(['control'])
  })
})

describe('the end', () => {
  test('a port that breaks ends the connection, and is told', async () => {
    const link = await open()
    for (const carrier of pod.portCarriers) carrier.destroy()
    await link.closed
    expect(link.portBroke).toBe(true)
    await expect.poll(() => pod.openCarriers).toBe(0)
  })

  test('an exec that breaks takes the port along, which is not to blame', async () => {
    const link = await open()
    for (const carrier of pod.execCarriers()) carrier.destroy()
    await link.closed
    expect(link.portBroke).toBe(false)
    await expect.poll(() => pod.openCarriers).toBe(0)
  })

  test('a pod that goes takes both, the port first, which is not to blame', async () => {
    const link = await open()
    pod.silent = true
    for (const carrier of pod.portCarriers) carrier.destroy()
    await expect.poll(() => link.signal.aborted).toBe(true)
    pod.cut()
    await link.closed
    expect(link.portBroke).toBe(false)
    await expect.poll(() => pod.openCarriers).toBe(0)
  })

  test('an exec that does not answer any more is not waited for', async () => {
    const link = await open()
    pod.silent = true
    for (const carrier of pod.portCarriers) carrier.destroy()
    await expect.poll(() => pod.calls).toContain('agent-state')
    await time.advance(2_000)
    await link.closed
    expect(link.portBroke).toBe(false)
    await expect.poll(() => pod.openCarriers).toBe(0)
  })

  test('one of the two alone is given up', async () => {
    pod.portRefusal = new UserError('forbidden', 'no')
    pod.refusals = [null, new UserError('agent', 'no bulk')]
    await expect(open()).rejects.toMatchObject({ code: 'agent' })
    await expect.poll(() => pod.openCarriers).toBe(0)
  })

  test('whoever gives up while the port opens leaves nothing', async () => {
    const gone = new AbortController()
    let asked = false
    pod.openPort = (_port, signal) => {
      asked = true
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    }
    const opening = open({ signal: gone.signal })
    await expect.poll(() => asked).toBe(true)
    gone.abort(new UserError('interrupted', 'left'))
    await expect(opening).rejects.toMatchObject({ code: 'interrupted' })
    await expect.poll(() => pod.openCarriers).toBe(0)
    expect(attached).toEqual(['control'])
  })
})
