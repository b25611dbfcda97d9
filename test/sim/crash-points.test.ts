import { afterAll, describe, expect, test } from 'vitest'
import { type Path, parentOf } from '../../syncer/core/path.ts'
import type { PersonFile } from '../../syncer/disk/memory-people.ts'
import type { SyncMessage } from '../../syncer/wire/sync-message.ts'
import { picture } from './checker.ts'
import type { EndName } from './connection.ts'
import { Disasters } from './disasters.ts'
import { engine } from './engine-subject.ts'
import { Random } from './random.ts'
import { calmDown, settle } from './simulation.ts'
import { calmWeather, type Weather } from './weather.ts'
import { World } from './world.ts'

/** Something that people do when both ends are in step, or before they first meet. */
interface Case {
  weather?: Partial<Weather>
  /** What stands at the laptop, and by then at the pod. */
  given?: (hands: Hands) => void
  act: Partial<Record<EndName, (hands: Hands) => void>>
  /** When the other end has it, somebody goes on. */
  late?: (hands: Hands) => void
  /** Where somebody saves while the end is down. */
  path: Path
  /** What comes of it depends on where it was broken off: only nothing may be lost. */
  varies?: true
}

/** What people do at one end: each content has a mark by which the checker knows it. */
class Hands {
  readonly #world: World<SyncMessage>
  readonly #end: EndName
  readonly #opened = new Map<Path, PersonFile>()

  constructor(world: World<SyncMessage>, end: EndName) {
    this.#world = world
    this.#end = end
  }

  get people() {
    return this.#world[this.#end].disk.people
  }

  save(path: Path, bytes = 0): void {
    this.people.save(path, this.#text(bytes))
  }

  /** Opens the file, to write to it whatever becomes of its name. */
  open(path: Path): void {
    this.#opened.set(path, this.people.open(path, 'a'))
  }

  writeOn(path: Path): void {
    const file = this.#opened.get(path)!
    file.write(this.#text(0))
    file.close()
  }

  #text(bytes: number): Buffer {
    return Buffer.from(this.#world.checker.token().padEnd(bytes, '.'), 'latin1')
  }
}

const oneFile = { path: 'f', given: (hands: Hands) => hands.save('f') }
const oneFolder = {
  path: 'd/f',
  given: (hands: Hands) => {
    hands.people.mkdir('d/e')
    hands.save('d/f')
    hands.save('d/e/g')
  },
}
const severalFiles = ['f', 'g', 'd', 'e']
const saveAll = (hands: Hands) => {
  for (const path of severalFiles) hands.save(path)
}
const several = { path: 'g', given: saveAll, act: saveAll }
const makeFolder = (hands: Hands) => {
  oneFolder.given(hands)
  hands.people.symlink('f', 'd/link')
}

/** Each is tried from the laptop to the pod and the other way. */
const oneWay: Record<string, Omit<Case, 'act'> & { act: (hands: Hands) => void }> = {
  'a new file': { path: 'f', act: hands => hands.save('f') },
  'a new file in a new folder': {
    path: 'd/f',
    act: hands => {
      hands.people.mkdir('d')
      hands.save('d/f')
    },
  },
  'a new version': { ...oneFile, act: hands => hands.save('f') },
  'a new version, without an exchange of names': {
    ...oneFile,
    weather: { exchangeWorks: false },
    act: hands => hands.save('f'),
  },
  'a new version, of which the disk makes the file': {
    ...oneFile,
    weather: { placingWorks: true },
    act: hands => hands.save('f'),
  },
  'several new versions that arrive together': { ...several, weather: { together: 1 } },
  'several such versions, of which the disk makes the files': {
    ...several,
    weather: { together: 1, placingWorks: true },
  },
  'another mode': { ...oneFile, act: ({ people }) => people.chmod('f', 0o755) },
  'a removal': { ...oneFile, act: ({ people }) => people.unlink('f') },
  'a new name': { ...oneFile, act: ({ people }) => people.rename('f', 'g') },
  'a link': { path: 'f', act: ({ people }) => people.symlink('g', 'f') },
  'a link for a file': {
    ...oneFile,
    act: ({ people }) => {
      people.unlink('f')
      people.symlink('g', 'f')
    },
  },
  'a folder with what is in it': { path: 'd/f', act: makeFolder },
  'the end of a folder': { ...oneFolder, act: ({ people }) => people.removeAll('d') },
  'a folder for a file': {
    ...oneFile,
    act: hands => {
      hands.people.unlink('f')
      hands.people.mkdir('f')
      hands.save('f/g')
    },
  },
  'a file for a folder': {
    ...oneFolder,
    path: 'd',
    act: hands => {
      hands.people.removeAll('d')
      hands.save('d')
    },
  },
  'a large file, ahead in one part': { ...oneFile, act: hands => hands.save('f', 200_000) },
  'a large file, ahead in several parts': { ...oneFile, act: hands => hands.save('f', 1_100_000) },
}

const both: Record<string, Case> = {
  'a version at each end': { ...oneFile, act: { laptop: hands => hands.save('f'), pod: hands => hands.save('f') } },
  'a new file at each end': { path: 'f', act: { laptop: hands => hands.save('f'), pod: hands => hands.save('f') } },
  'a removal here, a version there': {
    ...oneFile,
    act: { laptop: ({ people }) => people.unlink('f'), pod: hands => hands.save('f') },
  },
  'a folder removed here, a file in it there': {
    ...oneFolder,
    act: { laptop: ({ people }) => people.removeAll('d'), pod: hands => hands.save('d/e/h') },
  },
  'what somebody still writes into a file that was replaced in the pod': {
    ...oneFile,
    act: { laptop: hands => hands.save('f'), pod: hands => hands.open('f') },
    late: hands => hands.writeOn('f'),
    varies: true,
  },
}

const cases: Record<string, Case> = { ...both }
for (const [name, { act, ...what }] of Object.entries(oneWay)) {
  cases[`${name}, laptop to pod`] = { ...what, act: { laptop: act } }
  cases[`${name}, pod to laptop`] = { ...what, act: { pod: act } }
}

class Run {
  readonly world: World<SyncMessage>
  readonly #what: Case
  readonly #hands: Record<EndName, Hands>

  constructor(what: Case) {
    this.#what = what
    this.world = new World(engine, { ...calmWeather, ...what.weather }, new Random(1))
    this.#hands = { laptop: new Hands(this.world, 'laptop'), pod: new Hands(this.world, 'pod') }
    const { world } = this
    world.calm = true
    what.given?.(this.#hands.laptop)
    for (const end of [world.laptop, world.pod]) world.start(end)
    world.connect()
    settle(world)
    // What stands there is old enough to be known, and from before the epoch.
    world.pass(1_000)
    world.cut()
    world.connect()
    settle(world)
    world.podUntouched = false
  }

  /** Until all is quiet, or a process died. */
  go(): void {
    const { world } = this
    const { act, late } = this.#what
    for (const end of ['laptop', 'pod'] as const) act[end]?.(this.#hands[end])
    for (const end of [world.laptop, world.pod]) world.run(end, peer => peer.hint(''))
    settle(world)
    if (this.isDown) return
    late?.(this.#hands.pod)
    calmDown(world)
  }

  get isDown(): boolean {
    return this.world.laptop.peer === undefined || this.world.pod.peer === undefined
  }

  /** {@link go} with a death before that step of an end. @returns false where it has fewer */
  goUntil(end: EndName, step: number): boolean {
    let left = step
    this.world.dies = at => at === end && left-- === 0
    this.go()
    this.world.dies = undefined
    return this.isDown
  }

  saveMeanwhile(end: EndName): void {
    const { people } = this.#hands[end]
    const { path } = this.#what
    const parent = parentOf(path)
    if (people.find(path)?.kind === 'dir') return
    if (people.find(parent) === undefined) people.mkdir(parent)
    this.#hands[end].save(path)
  }

  /** Everything starts again, and comes to rest. */
  recover(): void {
    calmDown(this.world)
  }

  /** What stands there in the end; conflict copies without their number and time. */
  get outcome(): string[] {
    const { laptop, ignored } = { laptop: this.world.laptop.disk, ignored: this.world.ignored }
    const lines = picture(laptop, ignored).map(line => line.replace(/\.conflict-\d+-\d+-(\w+)(-\d+)?/, '.conflict-$1'))
    return [...new Set(lines)].sort()
  }

  expectSound(): void {
    const { laptop, pod } = this.world
    expect(this.isDown).toBe(false)
    expect(this.world.checker.lost([laptop.disk, pod.disk])).toEqual([])
    expect(picture(pod.disk, this.world.ignored)).toEqual(picture(laptop.disk, this.world.ignored))
  }
}

const counted: Record<EndName, number> = { laptop: 0, pod: 0 }
let powerCuts = 0

afterAll(() => {
  console.log(
    `killed before each of ${counted.laptop} steps at the laptop and ${counted.pod} in the pod; ` +
      `${powerCuts} power cuts at the laptop`,
  )
})

describe.each(Object.entries(cases))('%s', (_, what) => {
  test.each(['laptop', 'pod'] as const)('a process that is killed before any step of the %s loses nothing', end => {
    const whole = new Run(what)
    whole.go()
    whole.expectSound()
    let step = 0
    for (; ; step++) {
      const run = new Run(what)
      if (!run.goUntil(end, step)) break
      run.recover()
      run.expectSound()
      if (!what.varies) expect(run.outcome).toEqual(whole.outcome)
      const busy = new Run(what)
      busy.goUntil(end, step)
      busy.saveMeanwhile(end)
      busy.recover()
      busy.expectSound()
    }
    counted[end] += step
    expect(step).toBeGreaterThan(0)
  })

  test.runIf(what.act.pod)('a power cut before any step of the laptop takes nothing that the pod gave', () => {
    let step = 0
    for (; ; step++) {
      const run = new Run(what)
      if (!run.goUntil('laptop', step)) break
      // Everything that may be gone is.
      new Disasters(run.world).cutPower(() => 0)
      run.recover()
      run.expectSound()
    }
    powerCuts += step
    expect(step).toBeGreaterThan(0)
  })
})
