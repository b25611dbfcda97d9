import { PassThrough } from 'node:stream'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ProtocolError } from '../../../syncer/base/errors.ts'
import { Priority } from '../../../syncer/wire/frame-payload.ts'
import { MessageStream } from '../../../syncer/wire/message-stream.ts'
import { bulkWindow, Mux } from '../../../syncer/wire/mux.ts'
import { carrierPair, randomCut } from './carrier-pair.ts'
import { randomBytes, seededRandom } from './random.ts'

const none = { message: () => {} }

describe('MessageStream', () => {
  it('gives messages as they were sent, whole or in parts, however the bytes are cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.nat(3_000), { minLength: 1, maxLength: 3 }), { maxLength: 20 }),
        fc.nat(),
        async (shapes, seed) => {
          const random = seededRandom(seed)
          const [a, b] = carrierPair({ cut: randomCut(random) })
          const received: Buffer[] = []
          const ended = new Promise<void>(resolve => {
            new MessageStream(b, { message: bytes => received.push(bytes), end: resolve })
          })
          const sender = new MessageStream(a, none)
          const sent = shapes.map(lengths => {
            const parts = lengths.map(length => randomBytes(random, length))
            sender.send(parts.length === 1 ? parts[0]! : parts)
            return Buffer.concat(parts)
          })
          sender.end()
          await ended
          expect(received.map(bytes => bytes.toString('hex'))).toEqual(sent.map(bytes => bytes.toString('hex')))
        },
      ),
      { numRuns: 50 },
    )
  })

  it('puts large messages together in memory that is used again when they are done with', async () => {
    const [a, b] = carrierPair({ cut: randomCut(seededRandom(7)) })
    const lengths = [200_000, 70_000, 3, 1_048_576, 1_048_576, 65_536, 3_000_000, 1_048_576, 90_000, 1_048_576]
    const held: { bytes: Buffer; value: number; done: () => void }[] = []
    let isWhole = true
    const memories = new Set<ArrayBufferLike>()
    let large = 0
    const ended = new Promise<void>(resolve => {
      new MessageStream(b, {
        message(bytes, done) {
          const value = bytes[0]!
          held.push({ bytes, value, done })
          if (bytes.length >= 65_536 && bytes.length < 2_000_000) {
            memories.add(bytes.buffer)
            large += 1
          }
          isWhole &&= held.every(each => each.bytes.equals(Buffer.alloc(each.bytes.length, each.value)))
          if (held.length > 2) held.shift()!.done()
        },
        end: resolve,
      })
    })
    const sender = new MessageStream(a, none)
    for (const [index, length] of lengths.entries()) sender.send(Buffer.alloc(length, index + 1))
    sender.end()
    await ended
    expect(isWhole).toBe(true)
    expect(large).toBe(8)
    expect(memories.size).toBeLessThanOrEqual(4)
  })

  it('carries large messages through the multiplexer, with back-pressure', async () => {
    const carriers = carrierPair()
    const laptop = new Mux({ carrier: carriers[0], side: 'laptop' })
    const total = 40
    let received = 0
    const done = new Promise<void>(resolve => {
      new Mux({
        carrier: carriers[1],
        side: 'agent',
        onOpen(_request, stream) {
          stream.accept()
          new MessageStream(stream, {
            message(bytes) {
              expect(bytes.length).toBe(1_048_576)
              expect(bytes[0]).toBe(received % 256)
              expect(bytes.at(-1)).toBe(received % 256)
              if (++received === total) resolve()
            },
          })
        },
      })
    })
    const stream = laptop.open({}, { priority: Priority.bulk, window: bulkWindow })
    let sent = 0
    let heldBack = 0
    const send = (): void => {
      while (sent < total) {
        const message = Buffer.alloc(1_048_576, sent++ % 256)
        // reused at once, as a caller may that waits for `written`
        if (!sender.send(message, () => message.fill(0))) {
          heldBack++
          return
        }
      }
    }
    const sender = new MessageStream(stream, { ...none, drain: send })
    send()
    await done
    expect(heldBack).toBeGreaterThan(5)
    await laptop.close()
  })

  it('refuses a message that is too long, before it is here', async () => {
    const stream = new PassThrough()
    const closed = new Promise<Error | undefined>(resolve => {
      new MessageStream(stream, { ...none, close: resolve }, 1_000)
    })
    stream.write(Buffer.from([0, 0, 0x03, 0xe9]))
    expect(await closed).toBeInstanceOf(ProtocolError)
    const sender = new MessageStream(new PassThrough(), none, 1_000)
    expect(() => sender.send(Buffer.alloc(1_001))).toThrow(RangeError)
  })

  it.each([[[0, 0]], [[0, 0, 0, 5]], [[0, 0, 0, 5, 1, 2]]])('knows an end in the middle: %j', async bytes => {
    const stream = new PassThrough()
    let ended = false
    const closed = new Promise<Error | undefined>(resolve => {
      const end = () => {
        ended = true
      }
      new MessageStream(stream, { ...none, end, close: resolve })
    })
    stream.end(Buffer.from(bytes))
    expect(await closed).toBeInstanceOf(ProtocolError)
    expect(ended).toBe(false)
  })

  it('ends with the ProtocolError that its reader throws', async () => {
    const stream = new PassThrough()
    const closed = new Promise<Error | undefined>(resolve => {
      const message = () => {
        throw new ProtocolError('not like this')
      }
      new MessageStream(stream, { message, close: resolve })
    })
    stream.write(Buffer.from([0, 0, 0, 0, 0, 0, 0, 0]))
    expect(await closed).toMatchObject({ message: 'not like this' })
  })

  it('delivers nothing while it is paused, and all of it later, the end last', async () => {
    const stream = new PassThrough()
    const seen: string[] = []
    const receiver = new MessageStream(stream, {
      message(bytes) {
        seen.push(bytes.toString())
        receiver.pause()
      },
      end: () => seen.push('end'),
    })
    const sender = new MessageStream(new PassThrough(), none)
    sender.stream.pipe(stream)
    for (const text of ['one', 'two', '', 'three']) sender.send(Buffer.from(text))
    sender.end()
    for (const count of [1, 2, 3, 4]) {
      await expect.poll(() => seen.length).toBe(count)
      await new Promise(resolve => setImmediate(resolve))
      expect(seen.length).toBe(count)
      receiver.resume()
    }
    await expect.poll(() => seen).toEqual(['one', 'two', '', 'three', 'end'])
  })
})
