import { describe, expect, test } from 'vitest'
import { Pair, runUntil, treeOf } from './pair.ts'

/** What was said last when the rules change. */
const moments = ['hello', 'index', 'epoch', 'bases'] as const

describe('rules that change while both ends agree on what stands', () => {
  for (const moment of moments)
    for (const known of [false, true])
      test(`a path that is ignored for a moment arrives: after ${moment}, ${known ? 'again' : 'at first contact'}`, () => {
        const pair = new Pair()
        pair.initial = 'keep'
        pair.rulesOf = text => ({ ignored: path => path === text })
        pair.start('laptop')
        pair.disks.laptop.people.save('g', Buffer.from('g'))
        if (known) {
          pair.connect()
          pair.settle()
          pair.cut()
        }
        pair.disks.pod.people.save('f', Buffer.from('f'))
        pair.sent = []
        pair.connect()
        runUntil(pair, () => pair.sent.some(({ type }) => type === moment))
        pair.laptop.setRules('f')
        // It changes once more when all is agreed, or at once.
        if (moment === 'hello' || moment === 'index')
          runUntil(pair, () => pair.sent.some(({ type }) => type === 'epoch'))
        pair.laptop.setRules('')
        pair.settle()
        pair.sweep()
        pair.settle()
        expect(treeOf(pair.disks.laptop)).toMatchObject({ g: expect.anything(), f: expect.anything() })
        expect(treeOf(pair.disks.pod)).toEqual(treeOf(pair.disks.laptop))
      })
})
