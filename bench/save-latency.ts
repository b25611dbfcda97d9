import { renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Hand, SaveStyle } from '../test/e2e/support/hand.ts'
import { type ClockOffset, clockOffset, now } from './clock-offset.ts'
import { type Latency, latency } from './figures.ts'
import { type Ground, targets } from './ground.ts'
import { pick, randomFrom } from './random.ts'

export interface Series {
  title: string
  /** Files that are saved in turn, below the synced folder. */
  paths: string[]
  how: SaveStyle
  wanted?: string
}

/** Both hands, and how their clocks stand to ours. */
export interface Ends {
  inPod: Hand
  onLaptop: Hand
  podClock: ClockOffset
  laptopClock: ClockOffset
}

export async function bothEnds(ground: Ground): Promise<Ends> {
  const [inPod, onLaptop] = [await ground.handInPod(), await ground.handOnLaptop()]
  return { inPod, onLaptop, podClock: await clockOffset(inPod), laptopClock: await clockOffset(onLaptop) }
}

/**
 * From the moment a save begins on the laptop to the moment a process in the pod has read the new text. That process
 * is not ours: it waits for the file by inotify and by looking every 2 ms, and stamps what it saw with its clock,
 * whose distance to ours is measured right before (see {@link clockOffset}).
 */
export async function measureSaves(ground: Ground, ends: Ends, series: Series, edits: number): Promise<Latency> {
  const samples: number[] = []
  const random = randomFrom(7)
  for (let i = 0; i < edits; i++) {
    const path = series.paths[i % series.paths.length]!
    const text = newText(i)
    const seen = await expectText(ends.inPod, join(targets.ours, path), text)
    const started = now()
    save(join(ground.tree, path), text, series.how)
    samples.push((await seen()).at - ends.podClock.offsetMs - started)
    await pause(20 + pick(random, 30))
  }
  return latency(series.title, samples, series.wanted)
}

/** The same from a save in the pod to a process on the laptop. */
export async function measureSavesInPod(ground: Ground, ends: Ends, series: Series, edits: number): Promise<Latency> {
  const samples: number[] = []
  const random = randomFrom(8)
  for (let i = 0; i < edits; i++) {
    const path = series.paths[i % series.paths.length]!
    const text = newText(i)
    const seen = await expectText(ends.onLaptop, join(ground.tree, path), text)
    const started = await ends.inPod.write(join(targets.ours, path), text, series.how)
    const { at } = await seen()
    samples.push(at - ends.laptopClock.offsetMs - (started - ends.podClock.offsetMs))
    await pause(20 + pick(random, 30))
  }
  return latency(series.title, samples, series.wanted)
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
function newText(i: number): string {
  const token = `edit ${i} of ${now()}`
  return `// ${token}\n${'const value = compute(input)\n'.repeat(140)}// end of ${token}\n`
}
