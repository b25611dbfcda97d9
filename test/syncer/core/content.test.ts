import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ProtocolError } from '../../../syncer/base/errors.ts'
import {
  absent,
  assertToken,
  fileToken,
  folder,
  hashOf,
  isExecutable,
  isFile,
  kindOf,
  linkTargetOf,
  linkToken,
} from '../../../syncer/core/content.ts'

const hashes = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(bytes => Buffer.from(bytes).toString('hex'))
const targets = fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }).filter(target => !target.includes('\0'))

test('a file token tells hash and executable bit', () => {
  fc.assert(
    fc.property(hashes, fc.boolean(), (hash, executable) => {
      const token = fileToken(hash, executable)
      assertToken(token)
      expect([kindOf(token), isFile(token), hashOf(token), isExecutable(token)]).toEqual([
        'file',
        true,
        hash,
        executable,
      ])
    }),
  )
})

test('a link token tells its target', () => {
  fc.assert(
    fc.property(targets, target => {
      const token = linkToken(target)
      assertToken(token)
      expect([kindOf(token), isFile(token), linkTargetOf(token)]).toEqual(['link', false, target])
    }),
  )
})

test('nothing and a folder', () => {
  assertToken(absent)
  assertToken(folder)
  expect([kindOf(absent), kindOf(folder)]).toEqual(['absent', 'dir'])
  expect([isFile(absent), isFile(folder)]).toEqual([false, false])
})

test.each([
  'f',
  'dd',
  'l',
  'l\0',
  `l${'x'.repeat(4_097)}`,
  `f${'a'.repeat(63)}`,
  `f${'a'.repeat(65)}`,
  `f${'A'.repeat(64)}`,
  `x${'g'.repeat(64)}`,
  `${'a'.repeat(64)}`,
  `f${'a'.repeat(64)}\n`,
  'D',
])('refuses %j', token => {
  expect(() => assertToken(token)).toThrow(ProtocolError)
})
