import { parseArgs } from 'node:util'
import { hostileRun } from './hostile.ts'

/** A tenth of a million frames take as much as a million. */
const peakMBMax = 400

/** Lets hostile agents speak to the laptop's engine until so many frames were sent. */
function main(): number {
  const { values } = parseArgs({
    options: { frames: { type: 'string', default: '1000000' }, seed: { type: 'string', default: '1' } },
  })
  const wanted = Number(values.frames)
  const sum = { frames: 0, messages: 0, ended: 0 }
  const begunMs = performance.now()
  for (let seed = Number(values.seed); sum.frames < wanted; seed++) {
    const run = hostileRun(seed)
    if (run.faults.length > 0) {
      console.error(`seed ${seed}: ${run.faults.join('; ')}`)
      return 1
    }
    sum.frames += run.frames
    sum.messages += run.messages
    sum.ended += run.ended
  }
  const seconds = ((performance.now() - begunMs) / 1000).toFixed(0)
  // KiB, by getrusage(2).
  const peakMB = Math.round((process.resourceUsage().maxRSS * 1024) / 1e6)
  if (peakMB > peakMBMax) {
    console.error(`${peakMB} MB of memory at the most`)
    return 1
  }
  const heapMB = (process.memoryUsage().heapUsed / 1e6).toFixed(0)
  console.log(
    `${sum.frames} frames: ${sum.messages} messages taken, ${sum.ended} connections ended, nothing lost; ${heapMB} MB of heap, at most ${peakMB} MB of memory, ${seconds} s`,
  )
  return 0
}

process.exitCode = main()
