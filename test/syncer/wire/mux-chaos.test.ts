import { describe, expect, it } from 'vitest'
import { limits } from '../../../syncer/base/limits.ts'
import { Priority } from '../../../syncer/wire/frame-payload.ts'
import { Mux } from '../../../syncer/wire/mux.ts'
import type { MuxStream } from '../../../syncer/wire/mux-stream.ts'
import { carrierPair, randomCut } from './carrier-pair.ts'
import { randomBytes, seededRandom } from './random.ts'
import { WireTap } from './wire-tap.ts'

/** One end of a stream, and what its user did and saw. */
class Side {
  readonly stream: MuxStream
  sent = Buffer.alloc(0)
  received = Buffer.alloc(0)
  sawEnd = false
  private readonly random: () => number

  constructor(stream: MuxStream, random: () => number) {
    this.stream = stream
    this.random = random
    stream.on('data', chunk => {
      this.received = Buffer.concat([this.received, chunk])
      if (this.random() < 0.05) stream.pause()
    })
    stream.on('end', () => {
      this.sawEnd = true
    })
  }

  /** Ends its own direction and reads the other to its end, with every pause that it makes. */
  finish(): void {
    const { stream } = this
    if (stream.destroyed) return
    stream.end()
    stream.on('pause', () => setImmediate(() => stream.resume()))
    stream.resume()
  }

  act(): void {
    const { stream } = this
    const what = this.random()
    if (stream.destroyed) return
    if (what < 0.5 && !stream.writableEnded && stream.writableLength < 300_000) {
      const bytes = randomBytes(this.random, 1 + Math.floor(this.random() ** 4 * 100_000))
      this.sent = Buffer.concat([this.sent, bytes])
      stream.write(bytes)
    } else if (what < 0.6) stream.pause()
    else if (what < 0.85) stream.resume()
    else if (what < 0.93) stream.end()
    else if (what < 0.97) stream.reset('chaos', 'on purpose')
    else if (what < 0.98) stream.destroy()
  }
}

describe('Mux under chaos', () => {
  it.each(Array.from({ length: 25 }, (_, index) => index + 1))(
    'never breaks its own protocol (seed %i)',
    async seed => {
      const random = seededRandom(seed)
      const tap = new WireTap()
      const carriers = carrierPair({ cut: randomCut(random), onWrite: (end, chunk) => tap.see(end, chunk) })
      let isFinishing = false
      const near = new Map<number, Side>()
      const far = new Map<number, Side>()
      const onOpen = (_request: unknown, stream: MuxStream) => {
        const what = random()
        const side = new Side(stream, random)
        far.set(stream.id, side)
        if (isFinishing) side.finish()
        if (what < 0.1) stream.reset('refused', 'by chance')
        else if (what < 0.6) stream.accept()
      }
      const laptop = new Mux({ carrier: carriers[0], side: 'laptop', onOpen })
      const agent = new Mux({ carrier: carriers[1], side: 'agent', onOpen })
      for (let step = 0; step < 400; step++) {
        if (random() < 0.1) {
          const priority = ([Priority.control, Priority.interactive, Priority.bulk] as const)[Math.floor(random() * 3)]!
          const stream = (random() < 0.5 ? laptop : agent).open({ step }, { priority })
          near.set(stream.id, new Side(stream, random))
        }
        const sides = [...near.values(), ...far.values()]
        for (let count = 0; count < 3 && sides.length > 0; count++) sides[Math.floor(random() * sides.length)]!.act()
        if (random() < 0.5) await new Promise(resolve => setImmediate(resolve))
      }
      isFinishing = true
      for (const side of [...near.values(), ...far.values()]) side.finish()
      const open = () => [...near.values(), ...far.values()].filter(side => !side.stream.closed).length
      await expect.poll(open).toBe(0)
      expect([laptop.ended, agent.ended]).toEqual([undefined, undefined])
      expect(tap.violations).toEqual([])
      for (const [id, side] of near) check(side, far.get(id))
      await canStillOpen(laptop)
      await canStillOpen(agent)
      await laptop.close()
      await agent.closed
    },
  )
})

function check(near: Side, far: Side | undefined): void {
  if (!far) {
    expect(near.received.length).toBe(0)
    return
  }
  for (const [from, to] of [
    [near, far],
    [far, near],
  ] as const) {
    expect(from.sent.subarray(0, to.received.length).equals(to.received)).toBe(true)
    // an end is never shown before the last byte
    if (to.sawEnd) expect(to.received.length).toBe(from.sent.length)
  }
}

/** Nothing is left behind in the table: the full number of streams fits. */
async function canStillOpen(mux: Mux): Promise<void> {
  const open = () => {
    const streams: MuxStream[] = []
    try {
      while (streams.length < limits.streamsMax) streams.push(mux.open({}, { priority: Priority.control }))
    } catch {}
    for (const stream of streams) stream.destroy()
    return streams.length
  }
  await expect.poll(open).toBe(limits.streamsMax)
}
