import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ManifestError } from '../../../src/manifest/manifest-error.ts'
import { errorText } from '../../../src/ui/error-text.ts'
import { escapeStart, escapeStep } from '../../../src/ui/escape-keys.ts'
import { formatBytes, formatCount, formatDuration, plural } from '../../../src/ui/quantity.ts'
import { paintFor, wantsColour } from '../../../src/ui/style.ts'
import { TerminalModes } from '../../../src/ui/terminal-modes.ts'
import { UserError } from '../../../syncer/base/errors.ts'

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.0 KB'],
  [99_949, '99.9 KB'],
  [99_950, '100 KB'],
  [999_499, '999 KB'],
  [999_500, '1.0 MB'],
  [183_000_000, '183 MB'],
  [5e15, '5000 TB'],
])('%d bytes', (bytes, text) => expect(formatBytes(bytes)).toBe(text))

test.each([
  [0, '0.0 s'],
  [-5, '0.0 s'],
  [9_940, '9.9 s'],
  [9_960, '10 s'],
  [119_000, '119 s'],
  [120_000, '2 min'],
  [3_600_000 * 2, '2 h'],
  [3_600_000 * 2 + 300_000, '2 h 5 min'],
  [3_600_000 * 50, '2 d'],
])('%d ms', (ms, text) => expect(formatDuration(ms)).toBe(text))

test('counts', () => {
  expect(formatCount(1_234_567)).toBe('1,234,567')
  expect(formatCount(12)).toBe('12')
  expect(plural(1, 'file')).toBe('1 file')
  expect(plural(0, 'file')).toBe('0 files')
  expect(plural(2_000, 'copy', 'copies')).toBe('2,000 copies')
})

describe('errors', () => {
  const quiet = { verbose: false, paint: paintFor(false), cwd: '/a' }
  const loud = { verbose: true, paint: paintFor(false), cwd: '/a' }
  test('say what happened and what to do', () => {
    const error = new UserError('port-in-use', 'port 8080 is taken', { hint: 'free it\nor take another' })
    expect(errorText(error, quiet)).toBe('podswap: port 8080 is taken\n  hint: free it\n  hint: or take another\n')
  })
  test('point into a file', () => {
    const error = new UserError('manifest', 'no such field', { at: { file: '/a/dev.yml', line: 3, column: 7 } })
    expect(errorText(error, quiet)).toBe('dev.yml:3:7: no such field\n')
  })
  test('every complaint about a manifest is said', () => {
    const at = { file: '/a/dev.yml', line: 3, column: 7 }
    const error = new ManifestError(
      [
        { at, message: 'one', hint: 'so' },
        { at: { ...at, line: 4 }, message: 'two' },
      ],
      5,
    )
    expect(errorText(error, quiet)).toBe(
      'dev.yml:3:7: one\n  hint: so\ndev.yml:4:7: two\npodswap: and 5 more like these\n',
    )
  })
  test('verbose names the causes', () => {
    const cause = new TypeError('bad', { cause: 'a string' })
    cause.stack = 'TypeError: bad\n    at f (a.ts:1:2)'
    const error = new UserError('unreachable', 'no answer', { cause })
    expect(errorText(error, loud)).toBe(
      'podswap: no answer\n  cause: TypeError: bad\n    at f (a.ts:1:2)\n  cause: a string\n',
    )
  })
  test('a chain that leads back to itself ends', () => {
    const error = new UserError('state', 'odd')
    Object.assign(error, { cause: error })
    expect(errorText(error, loud).split('\n')).toHaveLength(12)
  })
  test('a bug is called one', () => {
    const error = new Error('undefined is not a function')
    error.stack = 'Error: …\n    at f (a.ts:1:2)'
    expect(errorText(error, quiet)).toContain('podswap: undefined is not a function (this is a bug)\n  hint: ')
    expect(errorText(error, loud)).toBe('podswap: undefined is not a function (this is a bug)\n    at f (a.ts:1:2)\n')
  })
})

test('colours only where somebody sees them and nobody minds', () => {
  const tty = { isTTY: true }
  expect(wantsColour(tty, {}, {})).toBe(true)
  expect(wantsColour({}, {}, {})).toBe(false)
  expect(wantsColour(tty, { NO_COLOR: '1' }, {})).toBe(false)
  expect(wantsColour(tty, { NO_COLOR: '' }, {})).toBe(true)
  expect(wantsColour(tty, { TERM: 'dumb' }, {})).toBe(false)
  expect(wantsColour(tty, {}, { color: false })).toBe(false)
  expect(paintFor(true)('red', 'x')).toBe('\x1b[31mx\x1b[39m')
})

describe('leaving a terminal', () => {
  const play = (...chunks: string[]) => {
    let state = escapeStart
    let keys = ''
    for (const chunk of chunks) {
      const step = escapeStep(state, Buffer.from(chunk))
      keys += step.keys
      if (step.leave) return { keys, leave: true }
      state = step.state
    }
    return { keys, leave: false }
  }
  test.each<[string[], string, boolean]>([
    [['~.'], '', true],
    [['ls\r~.'], 'ls\r', true],
    [['ls\r', '~', '.'], 'ls\r', true],
    [['ls\n~.rm -rf'], 'ls\n', true],
    [['ls ~.'], 'ls ~.', false],
    [['~~.'], '~.', false],
    [['\r~x'], '\r~x', false],
    [['\r~\r~.'], '\r~\r', true],
    [['~'], '', false],
    [['~', '~', '\r', '~', '.'], '~\r', true],
  ])('%j', (chunks, keys, leave) => {
    expect(play(...chunks)).toEqual({ keys, leave })
  })

  test('however keys are cut into chunks, the outcome is the same', () => {
    const key = fc.constantFrom('~', '.', '\r', 'a', '\n')
    fc.assert(
      fc.property(fc.array(key), keys => {
        expect(play(...keys)).toEqual(play(keys.join('')))
      }),
    )
  })

  test('without a ~ every key goes through', () => {
    fc.assert(
      fc.property(fc.uint8Array(), bytes => {
        const keys = Buffer.from(bytes.filter(byte => byte !== 0x7e))
        expect(escapeStep(escapeStart, keys)).toMatchObject({ keys, leave: false })
      }),
    )
  })
})

describe('modes of the terminal', () => {
  const undo = (...chunks: string[]) => {
    const modes = new TerminalModes()
    for (const chunk of chunks) modes.push(Buffer.from(chunk))
    return modes.undo()
  }
  test.each<[string[], string]>([
    [['plain text'], '\x1b[m'],
    [['\x1b[?1049h\x1b[?25l'], '\x1b[?1049l\x1b[?25h\x1b[m'],
    [['\x1b[?1049h…\x1b[?1049l'], '\x1b[m'],
    [['\x1b[?1000;1006h'], '\x1b[?1000l\x1b[?1006l\x1b[m'],
    [['\x1b[?20', '04', 'h'], '\x1b[?2004l\x1b[m'],
    [['\x1b[31m\x1b[?2004h\x1b]0;title\x07'], '\x1b[?2004l\x1b[m'],
    [['\x1b[?7h', '\x1b[?2026h'], '\x1b[m'],
    [[`\x1b[?${'1;'.repeat(1000)}1049h`], '\x1b[m'],
  ])('%j', (chunks, wanted) => {
    expect(undo(...chunks)).toBe(wanted)
  })

  test('cut anywhere, it says the same', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('\x1b[?1049h', '\x1b[?25l', 'x', '\x1b[?1049l', '\x1b[0m')), parts => {
        const text = parts.join('')
        expect(undo(...text)).toBe(undo(text))
      }),
    )
  })
})
