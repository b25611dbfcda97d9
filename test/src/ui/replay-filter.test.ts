import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ReplayFilter } from '../../../src/ui/replay-filter.ts'

const KEPT = 32

/** A program that prints, and a viewer that is cut off at times; each attachment begins with the last bytes printed. */
function watch(steps: ({ print: string } | { cut: true })[], chunkBytes: number): { printed: string; shown: string } {
  const filter = new ReplayFilter(KEPT)
  let printed = ''
  let shown = ''
  let attached = true
  const show = (text: string) => {
    for (let at = 0; at < text.length; at += chunkBytes) {
      shown += filter.push(Buffer.from(text.slice(at, at + chunkBytes), 'latin1')).toString('latin1')
    }
  }
  const attach = () => {
    attached = true
    filter.restart(true)
    show(printed.slice(-KEPT))
  }
  for (const step of steps) {
    if ('cut' in step) {
      if (attached) attached = false
      else attach()
      continue
    }
    printed += step.print
    if (attached) show(step.print)
  }
  if (!attached) attach()
  return { printed, shown }
}

describe('output over several attachments', () => {
  test.each<[string, Parameters<typeof watch>[0], string]>([
    ['nothing new', [{ print: 'abc' }, { cut: true }, { cut: true }], 'abc'],
    ['something new', [{ print: 'abc' }, { cut: true }, { print: 'def' }], 'abcdef'],
    ['the first attachment', [{ cut: true }, { print: 'abc' }], 'abc'],
    ['it goes on after a replay', [{ print: 'abc' }, { cut: true }, { cut: true }, { print: 'def' }], 'abcdef'],
    [
      'more than a replay holds',
      [{ print: 'abc' }, { cut: true }, { print: '0123456789'.repeat(5) }],
      `abc${'0123456789'.repeat(5).slice(-KEPT)}`,
    ],
  ])('%s', (_name, steps, shown) => {
    for (const chunkBytes of [1, 3, 100]) expect(watch(steps, chunkBytes).shown).toBe(shown)
  })

  test('another run of the program is shown from its start', () => {
    const filter = new ReplayFilter(KEPT)
    filter.push(Buffer.from('listening\n'))
    filter.restart(false)
    expect(filter.push(Buffer.from('listening\n')).toString()).toBe('listening\n')
  })

  test('every byte is shown once, while an absence is shorter than a replay holds and no text repeats', () => {
    const step = fc.oneof(fc.constant({ cut: true } as const), fc.constant(null))
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), fc.integer({ min: 1, max: 9 }), (plan, chunkBytes) => {
        // Each print is unlike every other, and eight of them fit into a replay.
        let n = 0
        let since = 0
        const steps = plan.map(cut => {
          if (cut) {
            since = 0
            return cut
          }
          n++
          since++
          return since > 7
            ? { print: '' }
            : { print: String.fromCharCode(128 + (n % 100), 33 + (n % 90), 33 + (n % 7), 33 + (n % 11)) }
        })
        const { printed, shown } = watch(steps, chunkBytes)
        expect(shown).toBe(printed)
      }),
      { numRuns: 500 },
    )
  })

  test('nothing is shown that was not printed, whatever repeats', () => {
    const text = fc.constantFrom('a', 'b', 'ab', 'aa\n')
    const step = fc.oneof(
      fc.constant({ cut: true } as const),
      text.map(print => ({ print })),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 9 }), (steps, chunkBytes) => {
        const { printed, shown } = watch(steps, chunkBytes)
        expect(shown.length).toBeLessThanOrEqual(printed.length)
        if (printed.length <= KEPT) expect(printed.startsWith(shown) || isSubsequence(shown, printed)).toBe(true)
      }),
      { numRuns: 500 },
    )
  })
})

function isSubsequence(part: string, whole: string): boolean {
  let at = 0
  for (const letter of whole) if (letter === part[at]) at++
  return at === part.length
}
