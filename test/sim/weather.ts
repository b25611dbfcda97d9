import type { Grain } from '../../syncer/core/content-sum.ts'
import type { Path } from '../../syncer/core/path.ts'
import type { SyncPolicy } from '../../syncer/core/sync-policy.ts'
import { type Deeds, usualDeeds } from './crowd.ts'
import { Random } from './random.ts'
import type { Habits } from './subject.ts'

/** What one run is like: its disks, how wild its people are, what breaks and how often. Probabilities are per step. */
export interface Weather {
  steps: number
  paths: Path[]
  tickNs: bigint
  storedStepNs: bigint
  reuseInodes: boolean
  /** Per disk operation of a peer. */
  peopleInside: number
  crashInside: number
  errorInside: number
  hintLost: number
  cut: number
  crash: number
  powerCut: number
  newPod: number
  volumeRollback: number
  stateRestored: number
  clockStep: number
  longPause: number
  initial: 'mirror' | 'keep'
  /** Difference of the pod's wall clock, ms. */
  skewMs: number
  timesAllowed: boolean
  /** How often all that is under way in a lane arrives at once. */
  together: number
  /** Names can be exchanged. */
  exchangeWorks: boolean
  /** And the disk makes the files as well. */
  placingWorks: boolean
  /** The disk tells of some files whether people have them open for writing. */
  restTold: boolean
  /** Of one kind of work in one turn: with few, things happen while a folder is being read. */
  stepsMax: number
  /** Content goes ahead of a file's coming to rest, however long the other end takes to answer. */
  early: boolean
  /** The laptop's people only write, and its power cuts may take nothing that was written in the pod. */
  gentle: boolean
  /** A path of people's that does not travel. */
  ignored: Path | undefined
  /** Names change even between the last look and the rename over them: the one loss that is accepted. */
  windowOpen: boolean
  /** Size of large contents. */
  bigBytes: number
  /** What is a large file, and the blocks of one; those of the product when absent. */
  grain?: Grain
  /** What people do, by weight; their usual when absent. */
  deeds?: Deeds
  habits: Habits
  /** The laptop's program ends cleanly, and starts anew. */
  cleanEnd: number
  /** Other paths are ignored from now on. */
  ruleChange: number
  /** Whose changes travel: one of these from each start of the laptop's program on; two-way when there is none. */
  policies: readonly SyncPolicy[]
  obstacles: Obstacles
  /** What comes next, by weight: a message that arrives, somebody who acts, an end's own time, a hint of its watcher. */
  pace: Pace
}

/** What stands in the way of an end for a while; at the end of a run people clear it away. Probabilities are per step. */
export interface Obstacles {
  /** A folder of one end takes no new names and lets none go, or does so again. */
  locked: number
  /** The laptop's disk has no room for its journal, or has it again. */
  journalFull: number
  /** Somebody at the laptop waits until everything is in step. */
  awaited: number
  /** What is made in this folder gets another group than private files have. */
  otherGroup: Path | undefined
  /** How many of the pod's removals at once the laptop lets through, at least; as the product when absent. */
  deletesMax?: number
  /** How large the trash may become. */
  trashBytesMax: number
}

export const noObstacles: Obstacles = {
  locked: 0,
  journalFull: 0,
  awaited: 0,
  otherGroup: undefined,
  trashBytesMax: 1024 ** 3,
}

/** Nothing is in the way. */
export const free = { obstacles: noObstacles, policies: [] } satisfies Partial<Weather>

export type Pace = Record<'act' | 'deliver' | 'tick' | 'hint', number>

const steady: Pace = { act: 3, deliver: 6, tick: 3, hint: 3 }

/** The programs around the peers do no more than they must. */
export const bare = {
  ...free,
  habits: { epochs: false, indexKept: false, vagueHints: 0 },
  cleanEnd: 0,
  ruleChange: 0,
} satisfies Partial<Weather>

/** Nothing happens by itself. */
export const calmWeather: Weather = {
  steps: 0,
  paths: [],
  tickNs: 1_000n,
  storedStepNs: 1n,
  reuseInodes: true,
  peopleInside: 0,
  crashInside: 0,
  errorInside: 0,
  hintLost: 0,
  cut: 0,
  crash: 0,
  powerCut: 0,
  newPod: 0,
  volumeRollback: 0,
  stateRestored: 0,
  clockStep: 0,
  longPause: 0,
  initial: 'keep',
  skewMs: 0,
  timesAllowed: true,
  exchangeWorks: true,
  placingWorks: false,
  restTold: false,
  together: 0,
  stepsMax: Number.POSITIVE_INFINITY,
  early: false,
  gentle: true,
  ignored: undefined,
  windowOpen: false,
  bigBytes: 0,
  ...bare,
  pace: steady,
}

const allPaths: Path[] = ['f', 'g', 'd/f', 'd/g', 'd', 'd/e', 'd/e/f']
/** Not `d` itself: a file cannot take the place of a folder with something in it that does not travel. */
const besideIgnored: Path[] = ['f', 'd/ignored', 'd/ignored', 'd/f', 'd/e/f']

/** None takes the place of a folder that holds what does not travel. */
const ruledPaths: Path[] = ['f', 'd/f', 'd/g', 'd/e/f']

/** What the manifest says, from one start to the next. */
export const policyMixes: readonly (readonly SyncPolicy[])[] = [
  [{ mode: 'two-way', prefer: 'local' }],
  [{ mode: 'two-way', prefer: 'remote' }],
  [{ mode: 'push' }],
  [{ mode: 'pull' }],
  [{ mode: 'two-way' }, { mode: 'push' }, { mode: 'pull' }],
]

/** @param apart a seed of its own: what is drawn of it changes nothing of what the others draw */
export function drawWeather(random: Random, apart: number, steps: number, focus: Partial<Weather> = {}): Weather {
  const any = drawAny(random, steps)
  const program = focus.habits === undefined ? drawProgram(new Random(apart), any) : {}
  const obstacles = focus.obstacles === undefined ? drawObstacles(new Random(apart ^ 0x51ed270b)) : {}
  const early = new Random(apart ^ 0x3c6ef372).chance(0.5)
  const weather = { ...any, ...program, ...obstacles, early, ...focus }
  return weather.gentle ? { ...weather, newPod: 0, volumeRollback: 0, stateRestored: 0 } : weather
}

function drawProgram(random: Random, { ignored }: Weather): Partial<Weather> {
  if (random.chance(0.5)) return bare
  const habits = {
    epochs: random.chance(0.8),
    indexKept: random.chance(0.8),
    vagueHints: random.pick([0, 0.1, 0.5]),
  }
  const cleanEnd = random.pick([0, 0.01, 0.03])
  if (ignored !== undefined || random.chance(0.6)) return { habits, cleanEnd, ruleChange: 0 }
  return { habits, cleanEnd, ruleChange: random.pick([0.01, 0.03]), paths: ruledPaths }
}

function drawObstacles(random: Random): Partial<Weather> {
  if (random.chance(0.6)) return free
  const obstacles = {
    locked: random.pick([0, 0, 0.02]),
    journalFull: random.pick([0, 0, 0.03]),
    awaited: random.pick([0, 0.05]),
    otherGroup: random.pick([undefined, '', 'd']),
    trashBytesMax: random.pick([40, 1024 ** 3]),
    ...(random.chance(0.3) && { deletesMax: 1 }),
  }
  if (random.chance(0.3)) return { obstacles, policies: [] }
  const deeds = {
    ...usualDeeds,
    moveFolder: random.pick([0, 2]),
    becomeFolder: random.pick([0, 2]),
    special: random.pick([0, 1]),
    mount: random.pick([0, 1]),
  }
  return { obstacles, deeds, policies: random.chance(0.2) ? random.pick(policyMixes) : [] }
}

function drawAny(random: Random, steps: number): Weather {
  const rough = random.chance(0.5)
  const ignored = random.chance(0.2) ? 'd/ignored' : undefined
  const paths = (ignored === undefined ? allPaths : besideIgnored).filter(() => random.chance(0.5))
  const coarse = random.chance(0.3)
  // A state from before it knew this pod would rightly let the laptop win over it.
  const restored = random.chance(0.05)
  return {
    steps,
    paths: paths.length > 0 ? paths : ['f'],
    ignored,
    windowOpen: false,
    bigBytes: 47,
    tickNs: coarse ? random.pick([4_000_000n, 10_000_000n]) : 1_000n,
    storedStepNs: coarse && random.chance(0.3) ? 2_000_000_000n : 1n,
    reuseInodes: random.chance(0.5),
    peopleInside: random.pick([0, 0.01, 0.05, 0.1]),
    crashInside: rough ? random.pick([0, 0.002, 0.01]) : 0,
    errorInside: rough ? random.pick([0, 0, 0.01]) : 0,
    hintLost: random.pick([0, 0.1, 0.3]),
    cut: random.pick([0, 0.01, 0.05]),
    crash: rough ? random.pick([0, 0.01, 0.03]) : 0,
    powerCut: random.chance(0.2) ? 0.02 : 0,
    newPod: !restored && random.chance(0.15) ? 0.01 : 0,
    volumeRollback: !restored && random.chance(0.1) ? 0.01 : 0,
    stateRestored: restored ? 0.01 : 0,
    clockStep: random.chance(0.1) ? 0.02 : 0,
    longPause: random.pick([0.005, 0.02]),
    initial: random.chance(0.5) ? 'mirror' : 'keep',
    skewMs: random.pick([0, 0, 3_600_000, -3_600_000, 40]),
    timesAllowed: random.chance(0.8),
    // not drawn: each seed goes on giving the run that it gave
    exchangeWorks: paths.length % 2 === 0,
    placingWorks: [2, 4].includes(paths.length % 8),
    restTold: [1, 2].includes(paths.length % 4),
    together: paths.length % 4 === 2 ? 0.5 : 0,
    stepsMax: paths.length % 3 === 0 ? 3 : Number.POSITIVE_INFINITY,
    early: false,
    gentle: random.chance(0.2),
    ...bare,
    pace: steady,
  }
}
