import { describe, expect, it } from 'vitest'
import { ClusterError, type KubeObject } from '../../../src/cluster/cluster.ts'
import { type WatchSource, watchLoop } from '../../../src/cluster/watch.ts'
import { UserError } from '../../../syncer/base/errors.ts'

/** One act of the server: the answer to the next list, or the chunks of the next watch. */
type Act =
  | { list: KubeObject[]; version: string }
  | { open: (string | Buffer | Error)[]; hangs?: boolean }
  | { fails: Error }

describe('a watch', () => {
  it('goes on from the last version it has seen', async () => {
    const { events, opened } = await play([
      { list: [pod('a', 1)], version: '5' },
      { open: [line('MODIFIED', pod('a', 7)), line('BOOKMARK', { metadata: { resourceVersion: '9' } })] },
      { open: [line('DELETED', pod('a', 11))] },
    ])
    expect(events).toEqual(['ADDED a1', 'listed', 'MODIFIED a7', 'DELETED a11'])
    expect(opened).toEqual(['5', '9', '11'])
  })

  it('lists again when the version is gone, and tells the difference', async () => {
    const { events } = await play([
      { list: [pod('same', 1), pod('moved', 2), pod('gone', 3)], version: '5' },
      { open: [line('ERROR', { code: 410, reason: 'Expired', message: 'too old' })] },
      { list: [pod('same', 1), pod('moved', 8), pod('new', 9)], version: '10' },
    ])
    expect(events).toEqual([
      'ADDED same1',
      'ADDED moved2',
      'ADDED gone3',
      'listed',
      'MODIFIED moved8',
      'ADDED new9',
      'DELETED gone3',
      'listed',
    ])
  })

  it('lists again when the watch itself is answered with 410', async () => {
    const gone = new UserError('rejected', 'gone', { cause: new ClusterError(410, 'Gone', 'gone') })
    const { events } = await play([{ list: [pod('a', 1)], version: '5' }, { fails: gone }, { list: [], version: '6' }])
    expect(events).toEqual(['ADDED a1', 'listed', 'DELETED a1', 'listed'])
  })

  it('puts lines together from whatever pieces they come in', async () => {
    const bytes = Buffer.from(line('ADDED', pod('ä€', 1)) + line('ADDED', pod('b', 2)))
    const pieces = [...bytes].map(byte => Buffer.of(byte))
    const { events } = await play([{ list: [], version: '1' }, { open: pieces }])
    expect(events).toEqual(['listed', 'ADDED ä€1', 'ADDED b2'])
  })

  it('is not moved by faults of the network, the server or its own stream', async () => {
    const { events, opened } = await play([
      { fails: new UserError('unreachable', 'down') },
      { list: [], version: '1' },
      { fails: new UserError('timeout', 'slow') },
      { open: [line('ADDED', pod('a', 2)), '{"type":"ADD'] },
      { open: ['not JSON\n'] },
      { open: [new Error('reset')] },
      { open: ['x'.repeat(17 * 1024 * 1024)] },
      { open: [line('ERROR', { code: 500, message: 'internal' })] },
      { open: [line('MODIFIED', pod('a', 3))] },
    ])
    expect(events).toEqual(['listed', 'ADDED a2', 'MODIFIED a3'])
    expect(new Set(opened)).toEqual(new Set(['1', '2', '3']))
  })

  it('leaves a connection that has gone silent', async () => {
    const { events, destroyed } = await play(
      [
        { list: [], version: '1' },
        { open: [line('ADDED', pod('a', 2))], hangs: true },
        { open: [line('MODIFIED', pod('a', 3))] },
      ],
      { silenceMsMax: 20 },
    )
    expect(events).toEqual(['listed', 'ADDED a2', 'MODIFIED a3'])
    expect(destroyed()).toBeGreaterThanOrEqual(2)
  })

  it.each(['forbidden', 'unauthorized', 'not-found'] as const)('ends with %s', async code => {
    await expect(play([{ fails: new UserError(code, 'no') }])).rejects.toMatchObject({ code })
    await expect(play([{ list: [], version: '1' }, { fails: new UserError(code, 'no') }])).rejects.toMatchObject({
      code,
    })
  })
})

/** Plays the acts and aborts at their end; rejects as the loop does. */
async function play(acts: Act[], { silenceMsMax = 10_000 } = {}) {
  const stop = new AbortController()
  const events: string[] = []
  const opened: string[] = []
  let destroyed = 0
  const next = (): Act | undefined => {
    const act = acts.shift()
    if (!act) stop.abort()
    if (act && 'fails' in act) throw act.fails
    return act
  }
  const source: WatchSource = {
    list: async () => {
      const act = next()
      if (!act) return { items: [], resourceVersion: '0' }
      if (!('list' in act)) throw new Error('a list was not expected here')
      return { items: act.list, resourceVersion: act.version }
    },
    open: async version => {
      opened.push(version)
      const act = next()
      if (act && !('open' in act)) {
        acts.unshift(act)
        throw new UserError('rejected', 'gone', { cause: new ClusterError(410, 'Gone', 'list again') })
      }
      const chunks = (async function* () {
        for (const chunk of act?.open ?? []) {
          if (chunk instanceof Error) throw chunk
          yield Buffer.from(chunk as string)
        }
        if (act?.hangs) await new Promise(() => {})
      })()
      const destroy = () => {
        destroyed += 1
      }
      return Object.assign(chunks, { destroy })
    },
  }
  const listed = () => void events.push('listed')
  await watchLoop(source, { signal: stop.signal, random: () => 0, silenceMsMax, listed }, ({ type, object }) => {
    events.push(`${type} ${object.metadata.name}${object.metadata.resourceVersion}`)
  })
  return { events, opened, destroyed: () => destroyed }
}

function pod(name: string, version: number): KubeObject {
  return { metadata: { name, uid: `uid-${name}`, resourceVersion: `${version}` } }
}

function line(type: string, object: object): string {
  return `${JSON.stringify({ type, object })}\n`
}
