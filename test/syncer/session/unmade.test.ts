import fs from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { macos, windows } from '../../../syncer/disk/memory-system.ts'
import { Pair, runFor, runUntil } from '../engine/pair.ts'
import { RealPair, until } from './real-pair.ts'

/** As Linux mounts it: nobody knows beforehand which names it refuses. */
const vfat = { ...windows, locksOpenFiles: false }

/** Paths of which the last that was told says that what the other end wrote is there alone. */
function unmadeOf(pair: Pair): string[] {
  const unmade = new Set<string>()
  for (const event of pair.events) {
    if (event.type !== 'problem') continue
    if (event.code !== '' && event.isUnmade) unmade.add(`${event.side} ${event.path}`)
    else unmade.delete(`${event.side} ${event.path}`)
  }
  return [...unmade]
}

describe('what the pod wrote and the laptop cannot make', () => {
  test.each([
    ['a name that differs in case alone', macos, 'a'],
    ['a name that is not Unicode', macos, 'caf\udce9'],
    ['a name that the system refuses', windows, 'CON'],
    ['a folder of such a name', windows, 'aux/file'],
    ['a name that a foreign file system refuses', vfat, 'a:b'],
    ['a folder of such a name there', vfat, 'a:b/file'],
  ] as const)('%s', (_, laptopSystem, path) => {
    const pair = new Pair(undefined, { laptopSystem })
    pair.disks.laptop.people.save('A', Buffer.from('here'))
    pair.connect()
    pair.settle()
    const [dir] = path.split('/')
    if (dir !== path) pair.disks.pod.people.mkdir(dir!)
    pair.disks.pod.people.save(path, Buffer.from('there'))
    pair.pod.sweep()
    runFor(pair, 5_000)
    expect(unmadeOf(pair)).toEqual([`laptop ${dir}`])
    pair.disks.pod.people.removeAll(dir!)
    pair.pod.sweep()
    runFor(pair, 70_000)
    expect(unmadeOf(pair)).toEqual([])
  })

  test('a removal that cannot be made leaves nothing of the pod alone', () => {
    const pair = new Pair(undefined, { laptopSystem: windows })
    pair.disks.laptop.people.save('f', Buffer.from('here'))
    pair.connect()
    pair.settle()
    pair.disks.laptop.people.open('f', 'a')
    pair.disks.pod.people.unlink('f')
    pair.pod.sweep()
    runFor(pair, 10_000)
    expect(pair.events).toContainEqual(expect.objectContaining({ type: 'problem', code: 'EPERM', isUnmade: false }))
    expect(unmadeOf(pair)).toEqual([])
  })
})

describe('a flush', () => {
  const isFlushed = (pair: Pair) => pair.events.some(({ type }) => type === 'flushed')

  /** The laptop has just refused it again, so the next try is half a minute away. */
  function refused(path: string): Pair {
    const pair = new Pair()
    pair.connect()
    pair.settle()
    laptop(pair).special('place')
    const [dir] = path.split('/')
    if (dir !== path) pair.disks.pod.people.mkdir(dir!)
    pair.disks.pod.people.save(path, Buffer.from('there'))
    pair.pod.sweep()
    runFor(pair, 65_000)
    pair.sent = []
    runUntil(pair, () => pair.sent.some(({ type }) => type === 'rej'))
    runFor(pair, 1_000)
    expect(unmadeOf(pair)).toEqual(['laptop place'])
    return pair
  }
  const laptop = ({ disks }: Pair) => disks.laptop.people

  test.each(['place', 'place/file'])('tries at once what an end could not make before: %s', path => {
    const pair = refused(path)
    laptop(pair).unlink('place')
    pair.pod.flush(1)
    runFor(pair, 500)
    expect(isFlushed(pair)).toBe(true)
    expect(unmadeOf(pair)).toEqual([])
    expect(laptop(pair).read(path)).toEqual(Buffer.from('there'))
  })

  test.each(['place', 'place/file'])('is not kept by what an end cannot make now either: %s', path => {
    const pair = refused(path)
    pair.pod.flush(1)
    runFor(pair, 500)
    expect(isFlushed(pair)).toBe(true)
    expect(unmadeOf(pair)).toEqual(['laptop place'])
  })
})

describe('over real folders', () => {
  let pair: RealPair
  beforeEach(() => {
    pair = new RealPair()
  })
  afterEach(() => {
    pair.dispose()
  })

  const isUnmade = () => pair.session.status().problems.some(problem => problem.isUnmade === true)

  /** A socket of the side has the place of a file that the other one wrote, and that is known. */
  async function takePlace(side: 'laptop' | 'pod'): Promise<void> {
    pair.write('laptop', 'f', 'text')
    pair.open()
    pair.attach()
    await pair.inStep()
    pair.makeSocket(side, 'place')
    pair.write(side === 'laptop' ? 'pod' : 'laptop', 'place', 'written')
    await until(isUnmade)
  }

  test.each(['laptop', 'pod'] as const)('where a socket of the %s has the place, until it is gone', async side => {
    await takePlace(side)
    expect(pair.session.status().problems).toMatchObject([{ side, path: 'place', isUnmade: true }])
    await pair.session.fetch(AbortSignal.timeout(60_000))
    fs.rmSync(pair.at(side, 'place'))
    await until(() => pair.read(side, 'place') === 'written' && !isUnmade())
    expect(pair.session.status().problems).toEqual([])
  })

  test.each(['laptop', 'pod'] as const)('at the %s, told once over a new connection', async side => {
    await takePlace(side)
    const told = () => pair.events.filter(({ type }) => type === 'problem' || type === 'problem-solved').length
    const before = told()
    pair.session.detach()
    pair.attach()
    await pair.inStep()
    await pair.inStep()
    expect(isUnmade()).toBe(true)
    expect(told()).toBe(before)
  })

  test('it is no trouble any more where another pod has nothing of it', async () => {
    await takePlace('laptop')
    pair.session.detach()
    pair.host.close()
    fs.rmSync(pair.podFolder, { recursive: true })
    fs.mkdirSync(pair.podFolder)
    pair.restartHost()
    pair.attach()
    await until(() => !isUnmade() && pair.session.status().state === 'ready')
  })
})
