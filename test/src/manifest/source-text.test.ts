import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ManifestError } from '../../../src/manifest/manifest-error.ts'
import { decodeSource, Lines } from '../../../src/manifest/source-text.ts'

function refusal(bytes: Uint8Array): string {
  try {
    decodeSource(bytes, '/f')
  } catch (error) {
    if (error instanceof ManifestError) return `${error.at?.line}:${error.at?.column} ${error.message}`
    throw error
  }
  return 'none'
}

describe('decodeSource', () => {
  it('reads UTF-8, with or without a byte order mark', () => {
    expect(decodeSource(Buffer.from('é: 😀'), '/f')).toBe('é: 😀')
    expect(decodeSource(Buffer.from('\uFEFFa: b'), '/f')).toBe('a: b')
    expect(decodeSource(new Uint8Array(), '/f')).toBe('')
  })

  it('reads a replacement character that stands in the file itself', () => {
    expect(decodeSource(Buffer.from('a: \uFFFD'), '/f')).toBe('a: \uFFFD')
  })

  it.each<[string, Buffer, string]>([
    ['UTF-16', Buffer.from('\uFEFFa: b', 'utf16le'), '1:1 the file is UTF-16, not UTF-8'],
    [
      'UTF-16 with the bytes swapped',
      Buffer.from('\uFEFFa: b', 'utf16le').swap16(),
      '1:1 the file is UTF-16, not UTF-8',
    ],
    ['UTF-32', Buffer.from([0xff, 0xfe, 0, 0, 0x61, 0, 0, 0]), '1:1 the file is UTF-32, not UTF-8'],
    ['a NUL', Buffer.from('a: b\nc: \0'), '2:4 the file is binary: it holds a NUL byte'],
    ['Latin-1', Buffer.from('a: b\nc: caf\xe9', 'latin1'), '2:7 the file is not UTF-8 from here on'],
    [
      'a bad byte after replacement characters of its own',
      Buffer.concat([Buffer.from('é\uFFFD: \uFFFD'), Buffer.from([0x80]), Buffer.from('\uFFFD')]),
      '1:6 the file is not UTF-8 from here on',
    ],
    ['a sequence that breaks off', Buffer.from([0x61, 0xf0, 0x9f]), '1:2 the file is not UTF-8 from here on'],
  ])('refuses %s', (_, bytes, expected) => {
    expect(refusal(bytes)).toBe(expected)
  })
})

describe('Lines', () => {
  it('gives the line and column of every offset', () => {
    const line = fc.stringMatching(/^[ab]{0,4}$/)
    fc.assert(
      fc.property(fc.array(fc.tuple(line, fc.constantFrom('\n', '\r\n', '\r')), { minLength: 1 }), parts => {
        // A lone \r directly before \n would be one line end.
        const ends = parts.map(([, end], i) => (end === '\r' && parts[i + 1]?.[0] === '' ? '\r\n' : end))
        const lines = new Lines(parts.map(([text], i) => text + ends[i]).join(''), '/f')
        let offset = 0
        parts.forEach(([text], i) => {
          for (let column = 0; column <= text.length; column++) {
            expect(lines.at(offset + column)).toEqual({ file: '/f', line: i + 1, column: column + 1 })
          }
          offset += text.length + ends[i]!.length
        })
      }),
    )
  })
})
