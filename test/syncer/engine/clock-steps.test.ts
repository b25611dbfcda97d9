import { describe, expect, test } from 'vitest'
import { Pair, runFor, treeOf } from './pair.ts'

const bytes = (text: string) => Buffer.from(text)
const hourMs = 3_600_000

/** Both have `f`, and stamps have steps of 2 s. */
function inStep(): Pair {
  const pair = new Pair(undefined, { volumes: { storedStepNs: 2_000_000_000n } })
  pair.disks.laptop.people.save('f', bytes('one'))
  pair.connect()
  pair.settle()
  runFor(pair, 10_000)
  return pair
}

/** As `writeFileSync` does: the same file, of the same size. */
function overwrite(pair: Pair, side: 'laptop' | 'pod', text: string): void {
  const file = pair.disks[side].people.open('f', 'w')
  file.write(bytes(text))
  file.close()
  pair[side].hint('f', 'change')
}

describe.each(['laptop', 'pod'] as const)('the wall clock at the %s is set back', side => {
  test('a save of the same size in the tick of an earlier one is seen', () => {
    const pair = inStep()
    overwrite(pair, side, 'two')
    const stampedMs = Number(pair.disks[side].people.find('f')!.mtimeNs / 1_000_000n)
    pair.settle()
    runFor(pair, 10_000)
    expect(treeOf(pair.disks.pod)).toEqual({ f: 'two' })
    pair.clock.setByMs = stampedMs + 500 - pair.clock.ms
    overwrite(pair, side, 'six')
    pair.settle()
    expect([treeOf(pair.disks.laptop), treeOf(pair.disks.pod)]).toEqual([{ f: 'six' }, { f: 'six' }])
  })

  test('a file that was stamped in an hour that is still to come keeps nobody busy, and its edits travel', () => {
    const pair = inStep()
    overwrite(pair, side, 'two')
    pair.settle()
    pair.clock.setByMs = -hourMs
    runFor(pair, 10_000)
    let reads = 0
    pair.disks[side].before = operation => {
      if (operation === 'read') reads += 1
      return undefined
    }
    runFor(pair, 30_000)
    expect({ isIdle: pair[side].idle(), pending: pair[side].pending() }).toEqual({ isIdle: true, pending: 0 })
    expect(reads).toBeLessThan(5)
    overwrite(pair, side, 'six')
    pair.settle()
    expect([treeOf(pair.disks.laptop), treeOf(pair.disks.pod)]).toEqual([{ f: 'six' }, { f: 'six' }])
  })

  test('files that were there before, of a time that is still to come, are in step', () => {
    const pair = new Pair()
    pair.clock.setByMs = hourMs
    for (const name of ['f', 'g', 'h']) pair.disks[side].people.save(name, bytes(name))
    pair.disks[side].people.symlink('f', 'link')
    pair.clock.setByMs = 0
    pair.initial = 'keep'
    pair.start('laptop')
    pair.connect()
    pair.settle()
    runFor(pair, 5_000)
    let reads = 0
    for (const disk of Object.values(pair.disks))
      disk.before = operation => {
        if (operation === 'read' || operation === 'readlink') reads += 1
        return undefined
      }
    runFor(pair, 30_000)
    expect(treeOf(pair.disks.laptop)).toEqual({ f: 'f', g: 'g', h: 'h', link: '-> f' })
    expect(treeOf(pair.disks.pod)).toEqual(treeOf(pair.disks.laptop))
    // a sweep or two
    expect(reads).toBeLessThan(20)
    expect([pair.laptop.idle(), pair.pod.idle()]).toEqual([true, true])
  })
})
