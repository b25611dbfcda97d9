import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Hand, SaveStyle } from '../../test/e2e/support/hand.ts'
import type { Bench } from '../bench.ts'
import { type ClockOffset, clockOffset, now } from '../clock-offset.ts'
import { type Bound, type Figure, latency, type Reference, referenceOf } from '../figures.ts'
import { type Ground, targets } from '../ground.ts'
import { pick, randomFrom } from '../random.ts'
import type { PlannedFile } from '../tree.ts'

const wanted: Bound[] = [
  { of: 'p50', limit: 8 },
  { of: 'p99', limit: 40 },
]

export interface Series {
  /** Files that are saved in turn, below the synced folder. */
  paths: string[]
  how: SaveStyle
  /** How many saves. */
  edits: number
}

const textBytes = 4_100
/** Files that are cut in each direction, once each. */
const cuts = 20
/** Once written, it has about the size that it had. */
const isUsual = ({ sizeBytes }: PlannedFile) => sizeBytes < 1.9 * textBytes
const isLong = ({ sizeBytes }: PlannedFile) => sizeBytes > 2.1 * textBytes && sizeBytes < 1024 * 1024

/** Both hands, and how their clocks stand to ours. */
export interface Ends extends AsyncDisposable {
  inPod: Hand
  onLaptop: Hand
  podClock: ClockOffset
  laptopClock: ClockOffset
}

/** Single saves, each way: in many files, in one, renamed into place, in a large folder. */
export async function measureSaves({ ground, plan, sizes, options: { edits }, say }: Bench): Promise<Figure[]> {
  await ground.begin(plan)
  const flat = writeFlatFolder(ground.tree, sizes.flat)
  await ground.flush()
  // A save that leaves half of a file or less is held longer on purpose, and is measured by itself.
  const [usual, long] = [plan.files.filter(isUsual), plan.files.filter(isLong)]
  const step = Math.max(1, Math.floor(usual.length / 100))
  const paths = usual.filter((_, i) => i % step === 0).map(({ path }) => path)
  const kinds: { title: string; series: Series }[] = [
    { title: '100 files, written in place', series: { paths: paths.slice(0, 100), how: 'in-place', edits } },
    { title: '100 files, renamed into place', series: { paths: paths.slice(0, 100), how: 'atomic', edits } },
    { title: 'one file', series: { paths: paths.slice(0, 1), how: 'in-place', edits } },
    { title: `in a folder of ${flat.length} files`, series: { paths: flat.slice(0, 100), how: 'in-place', edits } },
  ]
  await using ends = await bothEnds(ground)
  await ground.rested(ends.inPod)
  const { podClock, laptopClock } = ends
  say(`clocks known to ± ${Math.max(podClock.errorMs, laptopClock.errorMs).toFixed(2)} ms`)
  const figures: Figure[] = []
  for (const [arrow, measure, cut] of [
    ['save → pod', saveSeries, long.slice(0, cuts)],
    ['pod → laptop', saveSeriesInPod, long.slice(cuts, 2 * cuts)],
  ] as const) {
    for (const { title, series } of kinds) {
      say(`${arrow}, ${title}`)
      const echo = await echoes(ends.inPod, edits)
      figures.push(latency(`${arrow}, ${title}`, await measure(ground, ends, series), echo, ...wanted))
    }
    const series: Series = { paths: cut.map(({ path }) => path), how: 'in-place', edits: cut.length }
    if (cut.length > 0) figures.push(latency(`${arrow}, cut to half or less`, await measure(ground, ends, series)))
  }
  return figures
}

export async function bothEnds(ground: Ground): Promise<Ends> {
  const [inPod, onLaptop] = [await ground.handInPod(), await ground.handOnLaptop()]
  return {
    inPod,
    onLaptop,
    podClock: await clockOffset(inPod),
    laptopClock: await clockOffset(onLaptop),
    async [Symbol.asyncDispose]() {
      await inPod[Symbol.asyncDispose]()
      await onLaptop[Symbol.asyncDispose]()
    },
  }
}

/** Round trips of a line through an exec stream to a process in the pod that answers at once. */
export async function echoes(inPod: Hand, count: number): Promise<Reference> {
  const samples: number[] = []
  for (let i = 0; i < count; i++) {
    const started = now()
    await inPod.call('ping')
    samples.push(now() - started)
    await pause(5)
  }
  return referenceOf('exec echo', samples)
}

/**
 * From the moment a save begins on the laptop to the moment a process in the pod has read the new text. That process
 * is not ours: it waits for the file by inotify and by looking every 2 ms, and stamps what it saw with its clock,
 * whose distance to ours is measured right before (see {@link clockOffset}).
 */
export async function saveSeries(ground: Ground, ends: Ends, { paths, how, edits }: Series): Promise<number[]> {
  const samples: number[] = []
  const random = randomFrom(7)
  for (let i = 0; i < edits; i++) {
    samples.push(await oneSave(ground, ends, paths[i % paths.length]!, how))
    await pause(20 + pick(random, 30))
  }
  return samples
}

/** @returns milliseconds until a process in the pod has seen it */
export async function oneSave(
  ground: Ground,
  { inPod, podClock }: Ends,
  path: string,
  how: SaveStyle,
): Promise<number> {
  const text = newText()
  const seen = await expectText(inPod, join(targets.ours, path), text)
  const started = now()
  save(join(ground.tree, path), text, how)
  return (await seen()).at - podClock.offsetMs - started
}

/** The same from a save in the pod to a process on the laptop. */
async function saveSeriesInPod(ground: Ground, ends: Ends, { paths, how, edits }: Series): Promise<number[]> {
  const samples: number[] = []
  const random = randomFrom(8)
  for (let i = 0; i < edits; i++) {
    const path = paths[i % paths.length]!
    const text = newText()
    const seen = await expectText(ends.onLaptop, join(ground.tree, path), text)
    const started = await ends.inPod.write(join(targets.ours, path), text, how)
    const { at } = await seen()
    samples.push(at - ends.laptopClock.offsetMs - (started - ends.podClock.offsetMs))
    await pause(20 + pick(random, 30))
  }
  return samples
}

/** Resolves as soon as the other process waits for the text; what it gives resolves when it has seen it. */
async function expectText(hand: Hand, file: string, text: string): Promise<() => Promise<{ at: number }>> {
  const seen = hand.call<{ at: number }>('expect', { file, text })
  seen.catch(() => {})
  // requests are taken in order: when this is answered, the one before is under way
  await hand.call('ping')
  return () => seen
}

function save(file: string, text: string, how: SaveStyle): void {
  if (how === 'in-place') {
    writeFileSync(file, text)
    return
  }
  const temp = join(dirname(file), `.#bench-${process.pid}`)
  writeFileSync(temp, text)
  renameSync(temp, file)
}

/** About 4 KB, as a source file has, never the same twice. */
function newText(): string {
  const token = `edit at ${now()}`
  return `// ${token}\n${'const value = compute(input)\n'.repeat(140)}// end of ${token}\n`
}

function writeFlatFolder(root: string, count: number): string[] {
  mkdirSync(join(root, 'flat'))
  const paths = Array.from({ length: count }, (_, i) => `flat/file-${i}.txt`)
  for (const path of paths) writeFileSync(join(root, path), `${path}\n`)
  return paths
}
