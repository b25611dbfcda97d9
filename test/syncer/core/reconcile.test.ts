import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { absent, fileToken, folder, linkToken, type Token } from '../../../syncer/core/content.ts'
import { answerPut, judgePut, reconcile, settle, type Verdict } from '../../../syncer/core/reconcile.ts'

const hash = (letter: string) => letter.repeat(64)
const token = fc.constantFrom<Token>(
  absent,
  folder,
  fileToken(hash('a'), false),
  fileToken(hash('a'), true),
  fileToken(hash('b'), false),
  linkToken('x'),
)
const mirrored: Record<Verdict, Verdict> = { equal: 'equal', push: 'pull', pull: 'push', conflict: 'conflict' }

/** What both ends hold after the verdict was carried out. */
function carryOut(verdict: Verdict, local: Token, remote: Token): Token {
  return verdict === 'pull' ? remote : local
}

describe('reconcile', () => {
  const [a, b, c] = [fileToken(hash('a'), false), fileToken(hash('b'), false), fileToken(hash('c'), false)]
  test.each<[string, Token, Token, Token, Verdict]>([
    ['nothing changed', a, a, a, 'equal'],
    ['only the laptop changed', a, b, a, 'push'],
    ['only the pod changed', a, a, b, 'pull'],
    ['both the same', a, b, b, 'equal'],
    ['both differently', a, b, c, 'conflict'],
    ['removed here', a, absent, a, 'push'],
    ['removed there', a, a, absent, 'pull'],
    ['removed here, edited there', a, absent, b, 'pull'],
    ['edited here, removed there', a, b, absent, 'push'],
    ['both removed', a, absent, absent, 'equal'],
    ['new on both', absent, a, b, 'conflict'],
    ['a folder here, a file there', absent, folder, a, 'conflict'],
  ])('%s', (_, ancestor, local, remote, verdict) => {
    expect(reconcile(ancestor, local, remote)).toBe(verdict)
  })

  test('is symmetric', () => {
    fc.assert(
      fc.property(token, token, token, (ancestor, local, remote) => {
        expect(reconcile(ancestor, remote, local)).toBe(mirrored[reconcile(ancestor, local, remote)])
      }),
    )
  })

  test('ends in one round: after the verdict both ends are equal', () => {
    fc.assert(
      fc.property(token, token, token, (ancestor, local, remote) => {
        const kept = carryOut(reconcile(ancestor, local, remote), local, remote)
        expect(reconcile(kept, kept, kept)).toBe('equal')
      }),
    )
  })

  test('is idempotent: what was carried out is not carried out again, and only an edit asks for more', () => {
    fc.assert(
      fc.property(token, token, token, token, (ancestor, local, remote, edited) => {
        const kept = carryOut(reconcile(ancestor, local, remote), local, remote)
        for (const [here, there, verdict] of [
          [kept, kept, 'equal'],
          [edited, kept, edited === kept ? 'equal' : 'push'],
          [kept, edited, edited === kept ? 'equal' : 'pull'],
        ] as const) {
          expect(reconcile(kept, here, there)).toBe(verdict)
          expect(carryOut(verdict, here, there)).toBe(here === there ? kept : edited)
        }
      }),
    )
  })

  test('never both lose: content that was edited is at the path or in a conflict copy', () => {
    fc.assert(
      fc.property(token, token, token, (ancestor, local, remote) => {
        const verdict = reconcile(ancestor, local, remote)
        const kept = verdict === 'conflict' ? [local, remote] : [carryOut(verdict, local, remote)]
        for (const edited of [local, remote])
          if (edited !== ancestor && edited !== absent) expect(kept).toContain(edited)
      }),
    )
  })
})

describe('the answers to a PUT', () => {
  test('the pod takes it only over what the laptop believed it to hold', () => {
    fc.assert(
      fc.property(token, token, token, (base, data, current) => {
        const answer = answerPut({ base, data }, current)
        expect(answer).toBe(current === data ? 'equal' : current === base ? 'apply' : 'reject')
      }),
    )
  })

  test('the laptop never lets go of an edit of its own without a copy', () => {
    fc.assert(
      fc.property(token, token, token, token, (base, data, current, agreed) => {
        const verdict = judgePut({ base, data }, current, agreed)
        if (verdict === 'pull') expect([base, absent]).toContain(current)
      }),
    )
  })

  test('after a cut, what was sent is agreed exactly where the pod holds it or had taken it', () => {
    fc.assert(
      fc.property(token, token, token, token, token, (agreed, sent, local, current, base) => {
        const settled = settle({ agreed, sent, local, current, base })
        if (current === sent || base === sent) expect(settled).toBe(sent)
        else expect(settled).toBe(current === local ? local : agreed)
      }),
    )
  })
})

/** Two ends that follow the tables alone, one path, one PUT at a time. */
describe('both tables together', () => {
  const edits = fc.array(fc.tuple(fc.boolean(), token), { maxLength: 4 })

  test('one round of PUTs ends every difference, and no edit is without a place', () => {
    fc.assert(
      fc.property(token, edits, (start, all) => {
        let [laptop, pod, agreed] = [start, start, start]
        for (const [atLaptop, text] of all) {
          if (atLaptop) laptop = text
          else pod = text
        }
        const [mine, theirs] = [laptop, pod]
        const copies: Token[] = []
        // the pod’s own PUT first, then the laptop’s on top of what came of it
        if (pod !== agreed) {
          const verdict = judgePut({ base: agreed, data: pod }, laptop, agreed)
          if (verdict === 'conflict') copies.push(pod)
          if (verdict === 'pull') laptop = pod
          agreed = pod
        }
        if (laptop !== agreed) {
          expect(answerPut({ base: agreed, data: laptop }, pod)).toBe('apply')
          pod = laptop
          agreed = laptop
        }
        expect([pod, agreed]).toEqual([laptop, laptop])
        for (const edited of [mine, theirs])
          if (edited !== start && edited !== absent) expect([laptop, ...copies]).toContain(edited)
        expect(copies.length).toBeLessThanOrEqual(1)
      }),
    )
  })
})
