import { describe, expect, test } from 'vitest'
import { of, Pair, problemsOf, runUntil, treeOf } from './pair.ts'

type Side = 'laptop' | 'pod'
const sides: Side[] = ['laptop', 'pod']
const other = { laptop: 'pod', pod: 'laptop' } as const
const bytes = (text: string) => Buffer.from(text)

function inStep(files: Record<string, string>): Pair {
  const pair = new Pair()
  for (const [path, text] of Object.entries(files)) pair.disks.laptop.people.save(path, bytes(text))
  pair.connect()
  pair.settle()
  pair.clock.ms += 1_000
  pair.sent = []
  return pair
}

/** Both work for so long, by the clock of the disks. */
function pass(pair: Pair, ms: number): void {
  const until = pair.clock.ms + ms
  runUntil(pair, () => pair.clock.ms >= until)
}

describe.each([
  ['laptop', false],
  ['pod', false],
  ['pod', true],
] as const)('at the %s, names exchanged: %s', (side, exchanges) => {
  test('case 41: a reader between any two calls finds the file whole, through 300 replaces', () => {
    // each of its own length; some go inside of a message, some ahead of it
    const lengthOf = (n: number) => (n % 10 === 0 ? 140_000 : 100) + n
    const version = (n: number) => Buffer.alloc(lengthOf(n), `${String(n).padStart(3, '0')} `)
    const pair = inStep({ f: version(0).toString() })
    if (exchanges) pair.disks.pod.exchangeNames()
    const seen = new Set<number>()
    let looks = 0
    pair.disks[side].before = () => {
      looks += 1
      const found = pair.disks[side].people.read('f')
      const number = Number(found.toString('latin1', 0, 3))
      if (found.length !== lengthOf(number)) throw new Error(`a reader found ${found.length} bytes of ${number}`)
      seen.add(number)
      return undefined
    }
    for (let n = 1; n <= 300; n++) {
      pair.disks[other[side]].people.save('f', version(n))
      pair[other[side]].hint('f', 'rename')
      pair.settle()
    }
    expect(seen.size).toBe(301)
    expect(looks).toBeGreaterThan(3_000)
  })
})

describe.each(sides)('somebody busy at the %s', side => {
  test('cases 45, 47: a storm of renames comes to rest, and then nothing goes over the wire for a minute', () => {
    const names = Array.from({ length: 12 }, (_, i) => `f${i}`)
    const pair = inStep(Object.fromEntries(names.map(name => [name, `text of ${name}`])))
    const { people } = pair.disks[side]
    let seed = 20_261_121
    const random = (below: number) => {
      seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
      return seed % below
    }
    for (let rename = 0; rename < 600; rename++) {
      const there = Object.keys(treeOf(pair.disks[side])).filter(path => path.startsWith('f'))
      const from = there[random(there.length)]!
      const free = [...names, 'f-a', 'f-b', 'f-c'].filter(name => !there.includes(name))
      const to = free[random(free.length)]!
      people.rename(from, to)
      for (const path of [from, to]) pair[side].hint(path, 'rename')
      for (let steps = random(6); steps > 0; steps--) pair.step()
      if (rename % 50 === 0) pass(pair, 300)
    }
    pair.settle()
    pair.sweep()
    const tree = treeOf(pair.disks.laptop)
    expect(treeOf(pair.disks.pod)).toEqual(tree)
    expect(Object.values(tree).sort()).toEqual(names.map(name => `text of ${name}`).sort())
    expect(Object.keys(tree).every(path => path.startsWith('f'))).toBe(true)

    pass(pair, 1_000)
    pair.sent = []
    pass(pair, 70_000)
    expect(pair.sent).toEqual([])
  })

  test('case 85: a log that grows holds up no edit, of it or of others, and comes to rest with it', () => {
    const pair = inStep({ 'server.log': 'start\n', 'app.rb': 'base' })
    const log = pair.disks[side].people.open('server.log', 'a')
    const startedMs = pair.clock.ms
    let waited = 0
    for (let line = 0; line < 500; line++) {
      log.write(bytes(`line ${line}\n`))
      pair[side].hint('server.log')
      if (line % 100 === 50) {
        pair.disks[other[side]].people.save('app.rb', bytes(`edit ${line}`))
        pair[other[side]].hint('app.rb', 'rename')
        const since = pair.clock.ms
        runUntil(pair, () => pair.disks[side].people.read('app.rb').toString() === `edit ${line}`)
        waited = Math.max(waited, pair.clock.ms - since)
      }
      pass(pair, 10)
    }
    log.close()
    expect(waited).toBeLessThan(20)
    // each is all of it: two in a second, but for the first few
    const updates = of(pair, 'put').filter(({ path }) => path === 'server.log').length
    expect(updates).toBeLessThan((pair.clock.ms - startedMs) / 500 + 12)
    expect(updates).toBeGreaterThan((pair.clock.ms - startedMs) / 1_200)
    pair.settle()
    const wanted = `start\n${Array.from({ length: 500 }, (_, line) => `line ${line}\n`).join('')}`
    for (const each of sides) expect(pair.disks[each].people.read('server.log').toString()).toBe(wanted)
    expect(pair.events.filter(({ type }) => type === 'conflict')).toEqual([])
  })

  test('case 85: the other end clears a log that grows: no line is lost, and few copies are made', () => {
    const pair = inStep({ 'server.log': 'start\n' })
    const log = pair.disks[side].people.open('server.log', 'a')
    const lines = 1_000
    for (let line = 0; line < lines; line++) {
      log.write(bytes(`line ${line}\n`))
      pair[side].hint('server.log')
      if (line === 300) {
        pair.disks[other[side]].people.save('server.log', bytes('cleared\n'))
        pair[other[side]].hint('server.log', 'rename')
      }
      pass(pair, 10)
    }
    log.close()
    pair.sweep()
    pass(pair, 70_000)
    pair.settle()
    const tree = treeOf(pair.disks[side])
    expect(treeOf(pair.disks[other[side]])).toEqual(tree)
    const all = new Set(Object.values(tree).flatMap(text => text.split('\n')))
    for (let line = 0; line < lines; line++) expect(all).toContain(`line ${line}`)
    expect(all).toContain('cleared')
    expect(pair.events.some(({ type }) => type === 'conflict')).toBe(true)
    expect(Object.keys(tree).length).toBeLessThan(8)
  })

  test('case 87: formatters at both ends that undo each other are stopped after five times, and it is said', () => {
    const styles = { laptop: 'spaces', pod: 'tabs__' }
    const pair = inStep({ 'app.js': styles[side], other: 'base' })
    let turns = 0
    let isOver = false
    const format = (at: Side) => {
      const text = pair.disks[at].people.read('app.js').toString()
      if (text === styles[at] || isOver) return
      turns += 1
      pair.disks[at].people.save('app.js', bytes(styles[at]))
      pair[at].hint('app.js', 'rename')
    }
    const until = pair.clock.ms + 9_000
    runUntil(pair, () => {
      for (const each of sides) format(each)
      return pair.clock.ms >= until
    })
    expect(turns).toBeGreaterThan(4)
    expect(turns).toBeLessThan(15)
    expect(problemsOf(pair)).toEqual({ 'app.js': 'back-and-forth' })
    // Nothing else waits for it.
    pair.disks[side].people.save('other', bytes('edited'))
    pair[side].hint('other', 'rename')
    runUntil(pair, () => pair.disks[other[side]].people.read('other').toString() === 'edited')
    expect(pair.clock.ms).toBeLessThan(until + 1_000)
    isOver = true
    pair.settle()
    expect(problemsOf(pair)).toEqual({})
    expect(treeOf(pair.disks.pod)).toEqual(treeOf(pair.disks.laptop))
    expect(Object.keys(treeOf(pair.disks.pod))).toEqual(['app.js', 'other'])
  })

  test('cases 87, 88: programs at both ends that answer each other’s writes: one after the other, and others are not held up', () => {
    const pair = inStep({ 'app.js': 'style here 0', other: 'base' })
    const styles = { [side]: 'style here', [other[side]]: 'style there' }
    let turns = 0
    const stopAfter = 40
    /** A formatter: rewrites what is not in its style. */
    const format = (at: Side) => {
      const text = pair.disks[at].people.read('app.js').toString()
      if (text.startsWith(styles[at]!) || turns >= stopAfter) return
      turns += 1
      pair.disks[at].people.save('app.js', bytes(`${styles[at]} ${turns}`))
      pair[at].hint('app.js', 'rename')
    }
    pair.disks[other[side]].people.save('app.js', bytes('style there 0'))
    pair[other[side]].hint('app.js', 'rename')
    let sent = 0
    runUntil(pair, () => {
      for (const each of sides) format(each)
      sent = Math.max(sent, of(pair, 'put').length)
      if (turns === 20 && pair.disks[side].people.read('other').toString() === 'base') {
        pair.disks[side].people.save('other', bytes('edited'))
        pair[side].hint('other', 'rename')
      }
      return turns >= stopAfter
    })
    pair.settle()
    pair.sweep()
    const tree = treeOf(pair.disks.laptop)
    expect(treeOf(pair.disks.pod)).toEqual(tree)
    expect(tree.other).toBe('edited')
    // each answer travels once, and is never taken for a conflict
    expect(sent).toBeLessThan(2 * stopAfter)
    expect(Object.keys(tree)).toEqual(['app.js', 'other'])
  })
})
