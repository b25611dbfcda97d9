import fc from 'fast-check'
import { expect, it } from 'vitest'
import { logBytesMax, OutputLog } from '../../../../src/sandbox/runtime/output-log.ts'

const never = new AbortController().signal

async function read(log: OutputLog, options: { tailLines?: number; follow?: boolean } = {}): Promise<string> {
  const pieces: Uint8Array[] = []
  for await (const piece of log.read({ follow: false, signal: never, ...options })) pieces.push(piece)
  return Buffer.concat(pieces).toString('latin1')
}

it('keeps what was printed, whatever the pieces', async () => {
  const lines = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', '\n'), maxLength: 20_000 }), { maxLength: 20 })
  await fc.assert(
    fc.asyncProperty(lines, fc.nat(5), async (pieces, count) => {
      const log = new OutputLog()
      for (const piece of pieces) log.write(Buffer.from(piece))
      const text = pieces.join('')
      expect(await read(log)).toBe(text)
      const ended = text.endsWith('\n') ? text.slice(0, -1) : text
      const tail = ended.split('\n').slice(-count).join('\n') + (text.endsWith('\n') ? '\n' : '')
      expect(await read(log, { tailLines: count })).toBe(count === 0 || text === '' ? '' : tail)
    }),
  )
})

it('loses the oldest first', async () => {
  const log = new OutputLog()
  for (let at = 0; at < 3 * logBytesMax; at += 8) log.write(Buffer.from(`${at}`.padStart(7).concat('\n')))
  const text = await read(log)
  expect(text.length).toBeGreaterThanOrEqual(logBytesMax)
  expect(text.length).toBeLessThan(1.1 * logBytesMax)
  expect(text.endsWith(`${3 * logBytesMax - 8}\n`)).toBe(true)
})

it('lets a slow reader miss what has gone, and go on', async () => {
  const log = new OutputLog()
  log.write(Buffer.from('first'))
  const reader = log.read({ follow: true, signal: never })
  expect(String((await reader.next()).value)).toBe('first')
  for (let at = 0; at < 2 * logBytesMax; at += 1024) log.write(Buffer.alloc(1024, 'x'))
  log.write(Buffer.from('last'))
  log.close()
  let bytes = 0
  let end = ''
  for await (const piece of reader) {
    bytes += piece.length
    end = `${end}${Buffer.from(piece)}`.slice(-4)
  }
  expect(end).toBe('last')
  expect(bytes).toBeLessThan(1.1 * logBytesMax)
})
