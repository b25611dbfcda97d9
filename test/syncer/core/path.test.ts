import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ProtocolError } from '../../../syncer/base/errors.ts'
import {
  assertSafePath,
  decodePath,
  depthOf,
  encodePath,
  hasOnlyNames,
  isWithin,
  joinPath,
  nameOf,
  parentOf,
} from '../../../syncer/core/path.ts'

const names = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }).filter(name => !/[/\0]/.test(name))
const paths = fc.array(names, { minLength: 1, maxLength: 6 }).map(parts => parts.join('/'))
/** Bytes in which UTF-8 of every length, its broken halves and plain letters meet. */
const nameBytes = fc
  .array(
    fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 4 }),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 3 }).map(text => new Uint8Array(Buffer.from(text))),
      fc.constantFrom(
        Uint8Array.of(0xef, 0xbf, 0xbd), // U+FFFD itself
        Uint8Array.of(0xef, 0xbb, 0xbf), // a byte order mark
        Uint8Array.of(0xed, 0xa0, 0x80), // a surrogate as three bytes
        Uint8Array.of(0xc0, 0xaf), // an overlong slash
        Uint8Array.of(0xf0, 0x90, 0x82, 0x80), // U+10080, whose second half lies in DC80–DCFF
        Uint8Array.of(0xf4, 0x90, 0x80, 0x80), // above U+10FFFF
      ),
    ),
    { maxLength: 6 },
  )
  .map(parts => Buffer.concat(parts))

test('a path has only names where each of its parts is one', () => {
  const parts = fc.oneof(fc.constantFrom('', '.', '..', '...', '.a', 'a.', '..b', 'a\0', '\0'), names)
  const anyPaths = fc.array(parts, { maxLength: 5 }).map(parts => parts.join('/'))
  fc.assert(
    fc.property(anyPaths, path => {
      const isName = (part: string) => part !== '' && part !== '.' && part !== '..' && !part.includes('\0')
      expect(hasOnlyNames(path)).toBe(path.split('/').every(isName))
    }),
    { numRuns: 3_000 },
  )
})

describe('bytes and paths', () => {
  test('every byte string has a path and comes back from it', () => {
    fc.assert(
      fc.property(nameBytes, bytes => {
        const path = decodePath(bytes)
        expect(encodePath(path).equals(bytes)).toBe(true)
      }),
      { numRuns: 3_000 },
    )
  })

  test('two byte strings never share a path', () => {
    fc.assert(
      fc.property(nameBytes, nameBytes, (a, b) => {
        expect(decodePath(a) === decodePath(b)).toBe(a.equals(b))
      }),
      { numRuns: 1_000 },
    )
  })

  test('valid UTF-8 is its own text, invalid bytes stand one by one', () => {
    expect(decodePath(Buffer.from('é😀/\u{10080}'))).toBe('é😀/\u{10080}')
    expect(decodePath(Buffer.from([0xef, 0xbf, 0xbd]))).toBe('\uFFFD')
    expect(decodePath(Buffer.from([0xef, 0xbf, 0xbd, 0xff]))).toBe('\uFFFD\uDCFF')
    expect(decodePath(Buffer.from([0x61, 0xc3, 0xa9, 0xc3]))).toBe('aé\uDCC3')
    expect(decodePath(Buffer.from([0xed, 0xb2, 0x80]))).toBe('\uDCED\uDCB2\uDC80')
    expect(decodePath(Buffer.from([0xc0, 0xaf]))).toBe('\uDCC0\uDCAF')
    expect(decodePath(Buffer.from([0xf5, 0x80, 0x80, 0x80]))).toBe('\uDCF5\uDC80\uDC80\uDC80')
    expect(decodePath(Buffer.from([0xe2, 0x82]))).toBe('\uDCE2\uDC82')
    expect(encodePath('\uFFFD\uDCFF').toString('hex')).toBe('efbfbdff')
    expect(encodePath('').length).toBe(0)
  })

  test('a view into a larger buffer is read alone', () => {
    const buffer = Buffer.from([0x78, 0xff, 0x61, 0x78])
    expect(decodePath(new Uint8Array(buffer.buffer, buffer.byteOffset + 1, 2))).toBe('\uDCFFa')
  })
})

describe('parts of a path', () => {
  test('parent and name join to the path again', () => {
    fc.assert(
      fc.property(paths, path => {
        expect(joinPath(parentOf(path), nameOf(path))).toBe(path)
        expect(depthOf(path)).toBe(path.split('/').length)
        expect(isWithin(path, parentOf(path))).toBe(true)
        expect(isWithin(path, path)).toBe(true)
        expect(isWithin(parentOf(path), path)).toBe(false)
      }),
    )
  })

  test('the root', () => {
    expect(parentOf('a')).toBe('')
    expect(parentOf('')).toBe('')
    expect(depthOf('')).toBe(0)
    expect(joinPath('', 'a')).toBe('a')
    expect(isWithin('a', '')).toBe(true)
    expect(isWithin('', 'a')).toBe(false)
  })

  test('a name that begins like the folder is not within it', () => {
    expect(isWithin('abc', 'ab')).toBe(false)
    expect(isWithin('ab/c', 'ab')).toBe(true)
  })
})

describe('assertSafePath', () => {
  test('takes what decodePath gives', () => {
    fc.assert(
      fc.property(nameBytes, bytes => {
        const path = decodePath(bytes)
        fc.pre(path !== '' && !path.includes('\0') && path.split('/').every(name => !['', '.', '..'].includes(name)))
        assertSafePath(path)
      }),
    )
    assertSafePath('a')
    assertSafePath('.git/…/..a/...')
  })

  test.each([
    ['empty', ''],
    ['absolute', '/etc/passwd'],
    ['upwards', '../x'],
    ['upwards inside', 'a/../../x'],
    ['dot', './a'],
    ['double slash', 'a//b'],
    ['trailing slash', 'a/'],
    ['NUL', 'a\0b'],
    ['too long', `${'a/'.repeat(2_100)}a`],
    ['a lone high surrogate', 'a\uD83D'],
    ['a lone surrogate that is no byte', 'a\uDD00'],
    ['escaped bytes that are valid UTF-8 together', '\uDCC3\uDCA9'],
    ['an escaped ASCII byte', '\uDC2F'],
  ])('refuses: %s', (_, path) => {
    expect(() => assertSafePath(path)).toThrow(ProtocolError)
  })
})
