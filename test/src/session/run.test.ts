import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import type { SessionConfig } from '../../../src/session/config.ts'
import { followOutput } from '../../../src/session/program-output.ts'
import { Session } from '../../../src/session/run.ts'
import type { UiEvent } from '../../../src/ui/events.ts'
import { type ErrorCode, UserError } from '../../../syncer/base/errors.ts'
import { notTakenInCode } from '../../../syncer/engine/exchange/path-problems.ts'
import { settle } from '../../syncer/wire/fake-time.ts'
import { configOf, FakeParts, podRef } from './fake-parts.ts'

function begin(more: Partial<SessionConfig> = {}, prepare: (parts: FakeParts) => void = () => {}) {
  const parts = new FakeParts()
  prepare(parts)
  const events: UiEvent[] = []
  const session = new Session(configOf(more), parts, event => events.push(event))
  const types = () => events.map(event => event.type)
  const output = () => events.map(event => (event.type === 'output' ? event.text : '')).join('')
  const phase = () => session.snapshot().phase
  session.start()
  return { parts, session, events, types, output, phase, sync: () => parts.syncs[0]! }
}
type Begun = ReturnType<typeof begin>

const error = (code: ErrorCode) => new UserError(code, code)

async function toSync(begun: Begun): Promise<void> {
  await settle()
  begun.parts.tell({ state: 'running', pod: podRef(1) })
  await expect.poll(() => begun.sync().attaches).toBeGreaterThan(0)
}

async function toReady(begun: Begun): Promise<void> {
  await toSync(begun)
  await inStep(begun)
}

async function inStep(begun: Begun): Promise<void> {
  begun.sync().turn('first-sync')
  await settle()
  begun.sync().inStep()
  await expect.poll(begun.phase).toBe('ready')
}

/** Nothing of a session that is over is left. */
async function expectClosed({ parts, phase }: Begun): Promise<void> {
  expect(phase()).toBe('ended')
  await expect.poll(() => parts.pod.openCarriers).toBe(0)
  for (const sync of parts.syncs) expect(sync.closed).toBe(true)
  await settle()
  // The fake pod's own multiplexers have ended with their carriers.
  await expect.poll(() => parts.clock.pendingTimers).toBe(0)
}

describe('the way to ready', () => {
  test('the original’s own command takes the place of the manifest’s', async () => {
    const begun = begin({ keepCommand: true }, parts => {
      parts.keptCommand = ['own', 'command']
    })
    await toReady(begun)
    expect(begun.parts.pod.command.argv).toEqual(['own', 'command'])
    expect(begun.events).toContainEqual(
      expect.objectContaining({ type: 'command-started', command: ['own', 'command'] }),
    )
    begun.session.leave()
    await begun.session.done
  })

  test('the folders are read while a pod is waited for, and not before it is known that it is', async () => {
    const begun = begin()
    await expect.poll(() => begun.parts.log).toContain('watch')
    expect(begun.parts.log).not.toContain('open-sync')
    begun.parts.tell({ state: 'pending', name: 'web-podswap-1', message: '' })
    expect(begun.parts.log).toEqual(['claim', 'bind', 'apply', 'watch', 'open-sync'])
    await toSync(begun)
    expect(begun.parts.log.filter(line => line === 'open-sync')).toHaveLength(1)
    begun.session.leave()
    await begun.session.done
  })

  test('a folder that cannot be read ends it', async () => {
    const begun = begin({}, parts => {
      parts.openSync = () => {
        throw new UserError('not-found', 'the synced folder is gone')
      }
    })
    await expect.poll(() => begun.parts.log).toContain('watch')
    begun.parts.tell({ state: 'pending', name: 'web-podswap-1', message: '' })
    const { reason, cluster } = await begun.session.done
    expect(reason).toMatchObject({ kind: 'failed', error: { code: 'not-found' } })
    expect(cluster).toBe('reverted')
  })

  test('a kept command that only the pod knows goes on there', async () => {
    const begun = begin({ keepCommand: true }, parts => {
      parts.keptCommand = null
      parts.pod.command = { state: 'running', pid: 7, argv: ['own'], cwd: '/app' }
    })
    await toReady(begun)
    expect(begun.parts.pod.calls).not.toContain('stop-command')
    expect(begun.events).toContainEqual(expect.objectContaining({ type: 'command-started', command: ['own'] }))
    begun.session.leave()
    await begun.session.done
  })

  test('a kept command that nobody knows ends it', async () => {
    const begun = begin({ keepCommand: true }, parts => {
      parts.keptCommand = null
    })
    await toSync(begun)
    begun.sync().turn('first-sync')
    await settle()
    begun.sync().inStep()
    const { reason } = await begun.session.done
    expect(reason).toMatchObject({ kind: 'failed', error: { code: 'not-found' } })
  })

  test('each step follows the one before it; the command waits for the first sync', async () => {
    const begun = begin()
    const { parts } = begun
    await toSync(begun)
    expect(begun.phase()).toBe('first-sync')
    begun.sync().turn('first-sync')
    await settle()
    expect(parts.pod.calls).toEqual([])
    begun.sync().inStep()
    await expect.poll(begun.phase).toBe('ready')
    expect(parts.pod.calls).toEqual(['start-command'])
    expect(parts.log).toEqual([
      'claim',
      'bind',
      'apply',
      'watch',
      'attach web-podswap-1 control',
      'open-sync',
      'port web-podswap-1',
    ])
    expect(parts.pod.syncs).toHaveLength(2)
    // on two connections: one may overtake the other
    expect(parts.pod.syncs).toEqual(
      expect.arrayContaining([
        { kind: 'sync', lane: 'control', folder: '/app', session: 'sync-1', attempt: 1, fence: 7 },
        { kind: 'sync', lane: 'bulk', folder: '/app', session: 'sync-1', attempt: 1, fence: 7 },
      ]),
    )
    expect(begun.types().filter(type => type !== 'phase' && type !== 'sync')).toEqual([
      'forwards-bound',
      'swapped',
      'pod',
      'command-started',
      'ready',
    ])
    begun.session.leave()
    expect(await begun.session.done).toEqual({ reason: { kind: 'left' }, cluster: 'swapped' })
    expect(parts.log.at(-1)).toBe('unbind')
    await expectClosed(begun)
  })

  test('a command that runs already goes on; another one than is wanted now is ended for it', async () => {
    const wanted = { argv: ['node', 'server.js'], cwd: '/app' }
    const runs = async (before: { argv?: string[]; cwd?: string }) => {
      const begun = begin({}, parts => {
        parts.resumed = true
        parts.pod.command = { state: 'running', pid: 3, ...before }
      })
      await toReady(begun)
      begun.session.leave()
      await begun.session.done
      const { calls, command } = begun.parts.pod
      return { calls, command, told: begun.events.find(event => event.type === 'command-started') }
    }
    for (const same of [wanted, {}]) {
      expect(await runs(same)).toMatchObject({ calls: ['start-command'], command: { pid: 3 }, told: { already: true } })
    }
    for (const other of [
      { ...wanted, argv: ['node', 'old.js'] },
      { ...wanted, cwd: '/elsewhere' },
    ]) {
      expect(await runs(other)).toMatchObject({
        calls: ['start-command', 'stop-command', 'start-command'],
        command: { pid: 7, ...wanted },
        told: { already: false, replaced: true },
      })
    }
  })

  test('the line that says in step comes before the one that says ready', async () => {
    const begun = begin()
    await toSync(begun)
    begun.sync().turn('first-sync')
    await settle()
    begun.sync().endFlushes()
    await settle()
    expect(begun.phase()).toBe('first-sync')
    begun.sync().turn('ready')
    await expect.poll(begun.phase).toBe('ready')
    begun.session.leave()
    await begun.session.done
    await expectClosed(begun)
  })

  test('it is ready when the dev pod alone gets the traffic', async () => {
    let go = () => {}
    const begun = begin({}, parts => {
      parts.aloneGate = new Promise(resolve => {
        go = resolve
      })
    })
    await toSync(begun)
    begun.sync().inStep()
    await expect.poll(begun.types).toContain('command-started')
    await settle()
    expect(begun.phase()).toBe('starting-command')
    go()
    await expect.poll(begun.phase).toBe('ready')
    begun.session.leave()
    await begun.session.done
    await expectClosed(begun)
  })

  test('a folder that never rests is not waited for', async () => {
    const begun = begin()
    await toSync(begun)
    begun.sync().turn('first-sync')
    await settle()
    begun.sync().endFlushes()
    await settle()
    await begun.parts.clock.advance(2_000)
    await expect.poll(begun.phase).toBe('ready')
    begun.session.leave()
    await begun.session.done
    await expectClosed(begun)
  })

  test('the transfer is shown while it lasts', async () => {
    const begun = begin()
    await toSync(begun)
    const transfer = { doneBytes: 10, totalBytes: 100, doneFiles: 1, totalFiles: 4 }
    begun.sync().current = { ...begun.sync().current, transfer }
    await begun.parts.clock.advance(200)
    expect(begun.events.findLast(event => event.type === 'transfer')).toEqual({
      type: 'transfer',
      transfer: { ...transfer, bytesPerSecond: 50 },
    })
    begun.session.leave()
    await begun.session.done
    await expectClosed(begun)
  })

  test('without folders the command starts at once', async () => {
    const begun = begin({ dev: { ...configOf().dev, sync: [] } })
    await settle()
    begun.parts.tell({ state: 'running', pod: podRef(1) })
    await expect.poll(begun.phase).toBe('ready')
    begun.session.leave()
    await begun.session.done
    await expectClosed(begun)
  })

  test('a first attempt that fails is made again, and said', async () => {
    const begun = begin({}, parts => {
      parts.pod.refusals = [error('agent')]
    })
    await settle()
    begun.parts.tell({ state: 'running', pod: podRef(1) })
    await expect.poll(begun.types).toContain('attach-failed')
    // Its other half is not left open.
    await expect.poll(() => begun.parts.pod.openCarriers).toBe(0)
    await begun.parts.clock.advance(200)
    await expect.poll(() => begun.sync().attaches).toBe(1)
    begun.session.leave()
    await begun.session.done
    await expectClosed(begun)
  })
})

describe('a start that does not get there', () => {
  const outcomes: [string, (parts: FakeParts) => void, ErrorCode, string, string[]][] = [
    [
      'a busy port touches nothing',
      p => (p.portTaken = error('port-in-use')),
      'port-in-use',
      'untouched',
      ['claim', 'bind', 'release'],
    ],
    [
      'a refusal before the first write touches nothing',
      p => (p.refusedBefore = error('not-found')),
      'not-found',
      'untouched',
      ['claim'],
    ],
    [
      'a refusal after it is undone',
      p => (p.refusedAfter = error('rejected')),
      'rejected',
      'reverted',
      ['claim', 'bind', 'apply', 'revert', 'unbind'],
    ],
    [
      'an undo that fails is told',
      p => {
        p.refusedAfter = error('rejected')
        p.revertFails = error('unreachable')
      },
      'rejected',
      'revert-failed',
      ['claim', 'bind', 'apply', 'revert', 'unbind'],
    ],
  ]
  test.each(outcomes)('%s', async (_name, prepare, code, cluster, log) => {
    const begun = begin({}, prepare)
    expect(await begun.session.done).toMatchObject({ reason: { kind: 'failed', error: { code } }, cluster })
    expect(begun.parts.log).toEqual(log)
    await expectClosed(begun)
  })

  test('a pod that takes longer than the manifest lets it is given up, and the swap undone', async () => {
    const begun = begin({ dev: { ...configOf().dev, podTimeoutMs: 5_000 } })
    await expect.poll(() => begun.parts.log).toContain('watch')
    begun.parts.tell({ state: 'pending', name: 'web-podswap-1', message: 'no node has a GPU' })
    await begun.parts.clock.advance(5_000)
    const { reason, cluster } = await begun.session.done
    expect(cluster).toBe('reverted')
    expect(reason).toMatchObject({
      kind: 'failed',
      error: {
        code: 'timeout',
        message: 'the dev pod does not run after 5 s: web-podswap-1: no node has a GPU',
      },
    })
    await expectClosed(begun)
  })

  test('a pod that runs in time is not', async () => {
    const begun = begin({ dev: { ...configOf().dev, podTimeoutMs: 5_000 } })
    await toSync(begun)
    await begun.parts.clock.advance(6_000)
    expect(begun.phase()).toBe('first-sync')
    begun.session.interrupt('SIGINT')
    await begun.session.done
    await expectClosed(begun)
  })

  test('a port that the one who was taken over from still has is waited for', async () => {
    const begun = begin({}, parts => {
      parts.tookOver = true
      parts.portTaken = error('port-in-use')
      parts.portTakenTimes = 3
    })
    for (let round = 0; round < 3; round++) {
      await settle()
      await begun.parts.clock.advance(200)
    }
    await expect.poll(() => begun.parts.log).toContain('apply')
    begun.session.stop()
    await begun.session.done
    await expectClosed(begun)
  })

  test('but not for ever', async () => {
    const begun = begin({}, parts => {
      parts.tookOver = true
      parts.portTaken = error('port-in-use')
    })
    for (let round = 0; round < 100 && begun.phase() !== 'ended'; round++) {
      await settle()
      await begun.parts.clock.advance(200)
    }
    expect(await begun.session.done).toMatchObject({ reason: { error: { code: 'port-in-use' } }, cluster: 'untouched' })
    await expectClosed(begun)
  })

  test('a pod that cannot start: undone', async () => {
    const begun = begin()
    await settle()
    begun.parts.tell({ state: 'failed', name: 'web-podswap-1', error: error('pod-failed') })
    expect(await begun.session.done).toMatchObject({ reason: { error: { code: 'pod-failed' } }, cluster: 'reverted' })
    await expectClosed(begun)
  })

  test('sync that stops to protect files: undone', async () => {
    const begun = begin()
    await toSync(begun)
    begun.sync().halt()
    expect(await begun.session.done).toMatchObject({
      reason: { kind: 'failed', error: { code: 'sync-halted', hint: 'look at it' } },
      cluster: 'reverted',
    })
    await expectClosed(begun)
  })

  test('a folder that the pod cannot write to: undone, though the connection goes with it', async () => {
    const begun = begin()
    await toSync(begun)
    begun.sync().refuse()
    const error = { code: 'sync-halted', message: expect.stringContaining('EACCES') }
    expect(await begun.session.done).toMatchObject({ reason: { kind: 'failed', error }, cluster: 'reverted' })
    await expectClosed(begun)
  })

  test('Ctrl-C while the swap is being written: undone once it has settled', async () => {
    let go = () => {}
    const begun = begin({}, parts => {
      parts.swapGate = new Promise(resolve => {
        go = resolve
      })
    })
    await settle()
    begun.session.interrupt('SIGINT')
    await settle()
    expect(begun.parts.log).toEqual(['claim', 'bind', 'apply'])
    go()
    expect(await begun.session.done).toEqual({ reason: { kind: 'interrupted', signal: 'SIGINT' }, cluster: 'reverted' })
    expect(begun.parts.log).toEqual(['claim', 'bind', 'apply', 'revert', 'unbind'])
    await expectClosed(begun)
  })

  test('Ctrl-C in a session that was resumed leaves it on', async () => {
    const begun = begin({}, parts => {
      parts.resumed = true
    })
    await toSync(begun)
    begun.session.interrupt('SIGINT')
    expect(await begun.session.done).toMatchObject({ cluster: 'swapped' })
    await expectClosed(begun)
  })

  test('an end that came before the first write keeps the swap from writing', async () => {
    const begun = begin()
    begun.session.stop()
    expect(await begun.session.done).toMatchObject({ cluster: 'untouched' })
    expect(begun.parts.log).not.toContain('apply')
    await expectClosed(begun)
  })
})

describe('connections come and go', () => {
  test('a cut: attached again, nothing started twice, the output goes on where it was', async () => {
    const begun = begin()
    const { parts } = begun
    followOutput(begun.session, event => begun.events.push(event))
    await toReady(begun)
    parts.pod.print('one\r\ntwo\r\n')
    await expect.poll(begun.output).toBe('one\ntwo\n')
    parts.pod.cut()
    await expect.poll(() => begun.sync().attaches).toBe(2)
    parts.pod.print('three\r\n')
    await inStep(begun)
    await expect.poll(begun.output).toBe('one\ntwo\nthree\n')
    expect(parts.pod.calls).toEqual(['start-command', 'command-state'])
    expect(parts.pod.syncs.map(({ attempt }) => attempt)).toEqual([1, 1, 2, 2])
    expect(begun.types()).toContain('connection-lost')
    expect(begun.types()).toContain('reconnected')
    expect(begun.types().filter(type => type === 'ready')).toHaveLength(1)
    begun.session.leave()
    await begun.session.done
    await expectClosed(begun)
  })

  test('a program that ended meanwhile has ended: it is told, and not started again', async () => {
    const begun = begin()
    followOutput(begun.session, event => begun.events.push(event))
    await toReady(begun)
    begun.parts.pod.cut()
    await expect.poll(() => begun.sync().attaches).toBe(2)
    begun.parts.pod.exitCommand({ code: 3 })
    begun.sync().inStep()
    expect(await begun.session.done).toEqual({
      reason: { kind: 'command-exited', code: 3, signal: undefined },
      cluster: 'swapped',
    })
    expect(begun.parts.pod.calls.filter(call => call === 'start-command')).toHaveLength(1)
    await expectClosed(begun)
  })

  test('another pod: first the files, then the command, and its output from the start', async () => {
    const begun = begin()
    const { parts } = begun
    followOutput(begun.session, event => begun.events.push(event))
    await toReady(begun)
    parts.pod.print('listening\r\n')
    await expect.poll(begun.output).toBe('listening\n')
    parts.tell({ state: 'gone', name: 'web-podswap-1' })
    expect(begun.phase()).toBe('reconnecting')
    parts.pod.restart()
    await settle()
    parts.tell({ state: 'running', pod: podRef(2) })
    await expect.poll(() => begun.sync().attaches).toBe(2)
    begun.sync().turn('syncing')
    await settle()
    expect(parts.pod.calls).toEqual(['start-command'])
    begun.sync().inStep()
    await expect.poll(begun.phase).toBe('ready')
    expect(parts.pod.calls).toEqual(['start-command', 'start-command'])
    parts.pod.print('listening\r\n')
    await expect.poll(begun.output).toBe('listening\nlistening\n')
    begun.session.leave()
    await begun.session.done
    await expectClosed(begun)
  })

  test('sync streams that end while the connection stands: a fresh one', async () => {
    const begun = begin()
    await toReady(begun)
    begun.sync().lanes?.control.destroy()
    await expect.poll(() => begun.sync().attaches).toBe(2)
    await inStep(begun)
    begun.session.leave()
    await begun.session.done
    await expectClosed(begun)
  })

  test('an API server that is away is tried for as long as it takes', async () => {
    const begun = begin()
    await toReady(begun)
    begun.parts.pod.refusals = Array.from({ length: 40 }, () => error('unreachable'))
    begun.parts.pod.cut()
    await expect.poll(begun.phase).toBe('reconnecting')
    for (let round = 0; round < 30; round++) await begun.parts.clock.advance(5_000)
    await expect.poll(() => begun.sync().attaches).toBe(2)
    expect(begun.session.snapshot().trouble).toBe('unreachable')
    await inStep(begun)
    expect(begun.session.snapshot().trouble).toBeNull()
    begun.session.leave()
    await begun.session.done
    await expectClosed(begun)
  })

  test('bulk content goes by exec after two port-forwards in a row that did not stand for long', async () => {
    const begun = begin()
    await toReady(begun)
    const ways = () => begun.parts.log.filter(done => /^port|bulk$/.test(done))
    for (const attaches of [2, 3]) {
      for (const carrier of begun.parts.pod.portCarriers) carrier.destroy()
      const later = async () => {
        await begun.parts.clock.advance(200)
        return begun.sync().attaches
      }
      await expect.poll(later).toBe(attaches)
      await inStep(begun)
    }
    expect(ways()).toEqual(['port web-podswap-1', 'port web-podswap-1', 'attach web-podswap-1 bulk'])
    begun.session.leave()
    await begun.session.done
    await expectClosed(begun)
  })

  test('case 60: after sleep a connection that does not answer is replaced at once', async () => {
    const begun = begin()
    await toReady(begun)
    begun.parts.pod.silent = true
    await begun.parts.clock.jump(10_000)
    expect(begun.parts.pod.calls.at(-1)).toBe('agent-state')
    await begun.parts.clock.advance(3_000)
    begun.parts.pod.silent = false
    await expect.poll(() => begun.sync().attaches).toBe(2)
    await inStep(begun)
    begun.session.leave()
    await begun.session.done
    await expectClosed(begun)
  })

  test('a halt after it was ready is for the person to look at', async () => {
    const begun = begin()
    await toReady(begun)
    begun.parts.pod.cut()
    await expect.poll(() => begun.sync().attaches).toBe(2)
    begun.sync().halt()
    await expect.poll(begun.phase).toBe('ready')
    begun.session.leave()
    await begun.session.done
    await expectClosed(begun)
  })

  test('the swap is gone, or somebody else’s: the session ends, says so and leaves it', async () => {
    const ends: [(parts: FakeParts) => void, ErrorCode, string][] = [
      [parts => parts.loseClone(error('not-found')), 'not-found', 'gone'],
      [parts => parts.loseClone(error('held')), 'held', 'swapped'],
      [parts => parts.loseClaim(error('held')), 'held', 'swapped'],
    ]
    for (const [lose, code, cluster] of ends) {
      const begun = begin({ downOnExit: true })
      await toReady(begun)
      lose(begun.parts)
      expect(await begun.session.done).toMatchObject({ reason: { kind: 'failed', error: { code } }, cluster })
      expect(begun.parts.log).not.toContain('revert')
      await expectClosed(begun)
    }
  })

  test('after sleep the others are shown at once that it lives', async () => {
    const begun = begin()
    await toReady(begun)
    await begun.parts.clock.jump(60_000)
    expect(begun.parts.log).toContain('renew')
    begun.session.leave()
    await begun.session.done
    await expectClosed(begun)
  })

  test('an attempt under way when the session ends leaves nothing behind', async () => {
    let go = () => {}
    const begun = begin({}, parts => {
      parts.pod.gate = new Promise(resolve => {
        go = resolve
      })
    })
    await settle()
    begun.parts.tell({ state: 'running', pod: podRef(1) })
    await settle()
    begun.session.stop()
    await begun.session.done
    go()
    await settle()
    await expectClosed(begun)
  })
})

describe('what others ask of it', () => {
  test('forwards dial from inside the pod; without a connection they are told why', async () => {
    const begun = begin()
    begun.parts.pod.ports.add('postgres:5432')
    await settle()
    const { signal } = new AbortController()
    await expect(begun.parts.dial!({ host: 'postgres', port: 5432 }, signal)).rejects.toMatchObject({
      code: 'unreachable',
    })
    await toReady(begun)
    const socket = await begun.parts.dial!({ host: 'postgres', port: 5432 }, signal)
    socket.write('select 1')
    const [echo] = await once(socket, 'data')
    expect(String(echo)).toBe('select 1')
    begun.session.leave()
    await begun.session.done
    await expectClosed(begun)
  })

  test('flush: not before there is sync, then with it', async () => {
    const begun = begin()
    await expect(begun.session.flush(new AbortController().signal)).rejects.toMatchObject({ code: 'not-found' })
    await toReady(begun)
    await begun.session.flush(new AbortController().signal)
    begun.session.leave()
    await begun.session.done
    await expectClosed(begun)
  })

  test('flush: fails where an end cannot take something in', async () => {
    const begun = begin()
    await toReady(begun)
    const sync = begun.sync()
    const message = 'big.bin could not be written on the laptop (ENOSPC)'
    const problem = { side: 'pod' as const, path: 'big.bin', code: notTakenInCode, message }
    const isUnmade = true
    const written = { side: 'laptop' as const, message: 'could not be written', isUnmade }
    const moved = { ...written, path: 'a.txt', code: 'ESTALE' }
    const named = { ...written, path: 'CON', code: 'name-refused' }
    const { signal } = new AbortController()
    for (const each of [problem, moved, named]) {
      sync.current = { ...sync.current, firstSyncSeconds: 1, problems: [each] }
      const error = { code: 'state', message: expect.stringContaining(each.path) }
      await expect(begun.session.flush(signal)).rejects.toMatchObject(error)
      await expect(begun.session.fetch(signal)).rejects.toMatchObject(error)
    }
    sync.current = {
      ...sync.current,
      problems: [
        { ...named, isUnmade: false },
        { ...named, side: 'pod' },
      ],
    }
    await begun.session.fetch(signal)
    await expect(begun.session.flush(signal)).rejects.toMatchObject({ code: 'state' })
    const unread = { side: 'pod' as const, path: 'key.pem', code: 'EACCES', message: 'key.pem cannot be read here' }
    sync.current = { ...sync.current, problems: [unread] }
    await begun.session.flush(signal)
    await begun.session.fetch(signal)
    sync.current = { ...sync.current, problems: [{ ...unread, isUnread: true }] }
    const kept = { code: 'state', message: expect.stringMatching(/key\.pem in the pod: cannot be read here .*EACCES/) }
    await expect(begun.session.flush(signal)).rejects.toMatchObject(kept)
    await expect(begun.session.fetch(signal)).rejects.toMatchObject(kept)
    sync.current = { ...sync.current, problems: Array.from({ length: 12 }, (_, i) => ({ ...named, path: `f${i}` })) }
    await expect(begun.session.fetch(signal)).rejects.toMatchObject({
      message: expect.stringContaining('f0 on the laptop'),
      hint: expect.stringMatching(/f1 on.*f9 on.*2 more.*another name/s),
    })
    sync.current = { ...sync.current, problems: [] }
    await begun.session.flush(signal)
    begun.session.leave()
    await begun.session.done
    await expectClosed(begun)
  })

  test('the program’s end is the session’s in the foreground, and not in the background', async () => {
    const foreground = begin()
    await toReady(foreground)
    foreground.session.commandExited({ code: 7 })
    expect((await foreground.session.done).reason).toEqual({ kind: 'command-exited', code: 7, signal: undefined })
    const background = begin({ endsWithCommand: false })
    await toReady(background)
    background.session.commandExited({ code: 7 })
    expect(background.phase()).toBe('ready')
    background.session.stop()
    await background.session.done
    await expectClosed(background)
  })

  test('--down-on-exit waits for what the pod wrote, and the second time for nothing', async () => {
    const begun = begin({ downOnExit: true })
    await toReady(begun)
    begun.sync().current = { ...begun.sync().current, state: 'syncing', firstSyncSeconds: 1 }
    begun.session.commandExited({ code: 0 })
    await settle()
    expect(begun.phase()).toBe('ready')
    begun.sync().endFlushes()
    expect(await begun.session.done).toMatchObject({ reason: { kind: 'command-exited' }, cluster: 'reverted' })
    await expectClosed(begun)
    const hasty = begin({ downOnExit: true })
    await toReady(hasty)
    hasty.sync().current = { ...hasty.sync().current, state: 'syncing', firstSyncSeconds: 1 }
    hasty.session.interrupt('SIGINT')
    await settle()
    expect(hasty.phase()).toBe('ready')
    hasty.session.interrupt('SIGINT')
    expect(await hasty.session.done).toMatchObject({ cluster: 'reverted' })
    await expectClosed(hasty)
  })

  test('--down-on-exit waits for as long as something comes, and no longer', async () => {
    const begun = begin({ downOnExit: true })
    await toReady(begun)
    const receive = (bytesReceived: number) => {
      begun.sync().current = { ...begun.sync().current, state: 'syncing', firstSyncSeconds: 1, bytesReceived }
    }
    receive(0)
    begun.session.commandExited({ code: 0 })
    for (let seconds = 0; seconds < 300; seconds += 5) {
      receive(seconds * 100_000)
      await begun.parts.clock.advance(5_000)
    }
    expect(begun.phase()).toBe('ready')
    await begun.parts.clock.advance(70_000)
    expect(await begun.session.done).toMatchObject({ cluster: 'reverted' })
    const message = 'what was written last in the dev pod may not all be here, and goes with the pod: nothing more came'
    expect(begun.events).toContainEqual({ type: 'warning', message })
    await expectClosed(begun)
  })

  test('--down-on-exit says what may not have come from the pod', async () => {
    const begun = begin({ downOnExit: true })
    await toReady(begun)
    begun.sync().current = { ...begun.sync().current, state: 'paused', firstSyncSeconds: 1 }
    begun.session.leave()
    expect(await begun.session.done).toMatchObject({ cluster: 'reverted' })
    const message = 'what was written last in the dev pod may not all be here, and goes with the pod: not connected'
    expect(begun.events).toContainEqual({ type: 'warning', message })
    await expectClosed(begun)
  })

  test('--down-on-exit puts the workload back', async () => {
    const begun = begin({ downOnExit: true })
    await toReady(begun)
    begun.session.leave()
    expect(await begun.session.done).toEqual({ reason: { kind: 'left' }, cluster: 'reverted' })
    await expectClosed(begun)
  })
})
