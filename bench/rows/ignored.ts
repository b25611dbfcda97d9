import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Bench } from '../bench.ts'
import { comparison, type Figure, type Pair, reading } from '../figures.ts'

/** What may still come after the last file. */
const settleMs = 1_000
/** Heartbeats fall into the one stretch of time or the other; a message for each file would be hundreds of times more. */
const trafficKilobytesMax = 4

/** Thousands of files made in a folder that is left out, as `npm install` does: what that costs both ends. */
export async function measureIgnored({ ground, plan, sizes, options, say }: Bench): Promise<Figure[]> {
  const link = await ground.link()
  await ground.begin(plan, link)
  writeFileSync(join(ground.tree, '.gitignore'), 'node_modules/\n')
  await ground.flush()
  await using inPod = await ground.handInPod()
  await using onLaptop = await ground.handOnLaptop()
  const cpu: Pair[] = []
  const traffic: number[] = []
  const used = async () => (await ground.usageInPod(inPod)).cpuMs + (await ground.usageOnLaptop(onLaptop)).cpuMs
  for (let round = 0; round < options.rounds; round++) {
    await ground.rested(inPod)
    const dir = join(ground.tree, 'node_modules')
    const [usedBefore, bytesBefore, started] = [await used(), link.bytes, performance.now()]
    const { cpuMs } = await onLaptop.call<{ cpuMs: number }>('install', { dir, count: sizes.ignored })
    await pause(settleMs)
    const tookMs = performance.now() - started
    const [ours, bytes, bytesIdle] = [(await used()) - usedBefore, link.bytes - bytesBefore, link.bytes]
    await pause(tookMs)
    traffic.push((bytes - (link.bytes - bytesIdle)) / 1000)
    cpu.push({ ours, theirs: cpuMs })
    say(`ignored, round ${round + 1}: ${ours} ms of CPU beside ${cpuMs.toFixed(0)} ms, ${bytes} bytes on the wire`)
    await onLaptop.remove(dir)
  }
  const title = `${sizes.ignored} ignored files made`
  return [
    comparison(`${title}: CPU of both ends`, 'ms', 'who makes them', cpu, { of: 'ratio', limit: 0.03, isStrict: true }),
    reading(`${title}: bytes on the wire, less those of as long an idle time`, 'kB', traffic, {
      of: 'ours',
      limit: trafficKilobytesMax,
    }),
  ]
}
