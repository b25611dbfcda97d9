import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ProtocolError } from '../../../syncer/base/errors.ts'
import { fileToken } from '../../../syncer/core/content.ts'
import { ByteWriter } from '../../../syncer/wire/byte-writer.ts'
import { readMessages, writeMessage } from '../../../syncer/wire/sync-codec.ts'
import type { SyncMessage } from '../../../syncer/wire/sync-message.ts'

const name = fc.stringMatching(/^[a-zA-Z0-9é _-]{1,12}$/)
const path = fc.array(name, { minLength: 1, maxLength: 4 }).map(names => names.join('/'))
const hash = fc.stringMatching(/^[0-9a-f]{64}$/)
const file = fc.tuple(hash, fc.boolean()).map(([sum, executable]) => fileToken(sum, executable))
const token = fc.oneof(
  fc.constantFrom('', 'd'),
  file,
  name.map(target => `l${target}`),
)
const count = fc.nat()
const bytes = fc.uint8Array({ maxLength: 3000 }).map(array => Buffer.from(array))
const marker = fc.record({ id: fc.stringMatching(/^[0-9a-z-]{1,64}$/), epoch: count })

const message: fc.Arbitrary<SyncMessage> = fc.oneof(
  fc.record({
    type: fc.constant('hello' as const),
    session: fc.string({ maxLength: 20 }),
    rules: fc.string(),
    nowMs: count,
    agreed: fc.string({ maxLength: 30 }),
  }),
  fc.record({
    type: fc.constant('welcome' as const),
    marker: fc.option(marker),
    nowMs: count,
    agreesWith: fc.boolean(),
  }),
  fc.record({
    type: fc.constant('index' as const),
    last: fc.boolean(),
    entries: fc.array(fc.record({ path, current: token, base: fc.option(token, { nil: undefined }) })),
  }),
  fc.record({
    type: fc.constant('bases' as const),
    last: fc.boolean(),
    entries: fc.array(fc.record({ path, agreed: token })),
  }),
  fc.record({ type: fc.constant('epoch' as const), marker }),
  fc.record({ type: fc.constant('epoch-done' as const), epoch: count }),
  fc.record({ type: fc.constant('rules' as const), rules: fc.string() }),
  fc.record({
    type: fc.constant('put' as const),
    seq: count,
    path,
    base: token,
    data: token,
    mtimeMs: fc.double({ noNaN: true, noDefaultInfinity: true }),
    live: fc.boolean(),
  }),
  fc
    .record({ seq: count, path, base: token, data: file, mtimeMs: count, live: fc.boolean(), bytes })
    .map(put => ({ type: 'put' as const, ...put })),
  fc
    .record({ seq: count, path, base: token, data: file, mtimeMs: count, live: fc.boolean(), staged: count })
    .map(put => ({
      type: 'put' as const,
      ...put,
    })),
  fc.record({ type: fc.constant('early' as const), id: count, path, token: file, mtimeMs: count, bytes }),
  fc.record({ type: fc.constant('ack' as const), seq: count, path }),
  fc.record({
    type: fc.constant('rej' as const),
    seq: count,
    path,
    reason: fc.constantFrom(
      'differs' as const,
      'changed' as const,
      'need' as const,
      'failed' as const,
      'halted' as const,
      'ignored' as const,
    ),
  }),
  fc
    .record({ id: count, token: file, offset: count, last: fc.boolean(), mtimeMs: count, bytes })
    .map(content => ({ type: 'content' as const, ...content })),
  fc.record({
    type: fc.constantFrom('staged' as const, 'forget' as const, 'flush' as const, 'flushed' as const),
    id: count,
  }),
  fc.record({
    type: fc.constant('unstaged' as const),
    id: count,
    reason: fc.constantFrom('damaged' as const, 'failed' as const),
  }),
  fc.record({
    type: fc.constant('unstaged' as const),
    id: count,
    reason: fc.constantFrom('damaged' as const, 'failed' as const),
    path,
  }),
  fc.record({ type: fc.constant('unstaged' as const), id: count, reason: fc.constant('failed' as const), code: name }),
  fc.record({
    type: fc.constant('put' as const),
    seq: count,
    path,
    base: token,
    data: fc.constant('d'),
    mtimeMs: count,
    live: fc.boolean(),
    staged: count,
  }),
  fc.record({
    type: fc.constant('graft' as const),
    id: count,
    path,
    data: fc.oneof(
      fc.constant('d'),
      name.map(target => `l${target}`),
    ),
    mtimeMs: count,
  }),
  fc.record({ type: fc.constant('graft' as const), id: count, path, data: file, mtimeMs: count, bytes }),
  fc.record({ type: fc.constant('move' as const), seq: count, from: path, path, digest: hash }),
  fc.record({ type: fc.constant('graft-end' as const), id: count }),
  fc.record({
    type: fc.constant('compare' as const),
    id: count,
    path,
    source: fc.option(path, { nil: undefined }),
    token: fc.option(file, { nil: undefined }),
    key: fc.option(fc.uint8Array({ minLength: 16, maxLength: 16 }), { nil: undefined }),
  }),
  fc.record({
    type: fc.constant('blocks' as const),
    id: count,
    hashes: fc.uint8Array({ minLength: 64, maxLength: 64 }).map(array => Buffer.from(array)),
    size: fc.option(count, { nil: undefined }),
  }),
  fc.record({
    type: fc.constant('build' as const),
    id: count,
    token: file,
    size: count,
    mtimeMs: count,
    isPatched: fc.boolean(),
    proof: fc.option(fc.uint8Array({ minLength: 32, maxLength: 32 }), { nil: undefined }),
  }),
  fc.record({ type: fc.constant('fill' as const), id: count, offset: count, bytes, last: fc.boolean() }),
  fc.record({ type: fc.constant('reuse' as const), id: count, block: count, count: fc.integer({ min: 1, max: 64 }) }),
  fc.record({
    type: fc.constant('problem' as const),
    path: fc.oneof(path, fc.constant('')),
    code: name,
    message: fc.string(),
    isUnmade: fc.boolean(),
    isUnread: fc.boolean(),
  }),
  fc.record({ type: fc.constant('replaced' as const), path }),
  fc.record({ type: fc.constant('probe' as const), id: count }),
  fc.record({ type: fc.constant('probed' as const), id: count, pending: count }),
)

function encode(messages: SyncMessage[]): Buffer {
  const to = new ByteWriter()
  for (const one of messages) writeMessage(to, one)
  return Buffer.concat(to.take())
}

/** Reads everything; a refusal is a value. */
function tryRead(bytes: Uint8Array): SyncMessage[] | ProtocolError {
  try {
    return [...readMessages(bytes)]
  } catch (error) {
    if (error instanceof ProtocolError) return error
    throw error
  }
}

describe('the sync codec', () => {
  test('what is written is read back', () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 20 }), messages => {
        expect([...readMessages(encode(messages))]).toEqual(messages)
      }),
      { numRuns: 500 },
    )
  })

  test('any bytes end in messages or in a ProtocolError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), noise => {
        tryRead(noise)
      }),
      { numRuns: 5_000 },
    )
  })

  test('a recorded stream with bytes changed, dropped or cut ends in messages or in a ProtocolError', () => {
    fc.assert(
      fc.property(
        fc.array(message, { minLength: 1, maxLength: 5 }),
        fc.nat(),
        fc.nat(255),
        fc.nat(),
        (messages, at, byte, cut) => {
          const bytes = encode(messages)
          bytes[at % bytes.length] = byte
          tryRead(bytes.subarray(0, cut % (bytes.length + 1)))
        },
      ),
      { numRuns: 5_000 },
    )
  })

  test.each(['../x', '/x', 'a/../../x', 'a//b', '.', 'a/.', '', 'a\0b', 'x'.repeat(5000)])(
    'case 28: refuses the path %j',
    bad => {
      expect(tryRead(encode([{ type: 'ack', seq: 1, path: bad }]))).toBeInstanceOf(ProtocolError)
    },
  )

  test('case 30: refuses lengths and counts that the message cannot hold', () => {
    const to = new ByteWriter()
    to.u8(2)
    to.u8(1)
    to.u32(0xffffffff)
    expect(tryRead(Buffer.concat(to.take()))).toBeInstanceOf(ProtocolError)
  })
})
