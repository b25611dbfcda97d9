import { ProtocolError } from '../../syncer/base/errors.ts'
import { twoWay } from '../../syncer/core/sync-policy.ts'
import type { Inode } from '../../syncer/disk/memory-inode.ts'
import { ByteWriter } from '../../syncer/wire/byte-writer.ts'
import {
  FrameDecoder,
  FrameType,
  frameHeaderBytes,
  joinPayload,
  nextSequence,
  writeFrameHeader,
} from '../../syncer/wire/frame.ts'
import { readMessages, writeMessage } from '../../syncer/wire/sync-codec.ts'
import type { SyncMessage } from '../../syncer/wire/sync-message.ts'
import { Pair, treeOf } from '../syncer/engine/pair.ts'
import { Checker } from './checker.ts'
import { Random } from './random.ts'

const paths = ['a', 'b', 'd', 'd/a', 'd/b', 'd/e', 'd/e/f', 'other']
const laptopsOwn: ReadonlySet<SyncMessage['type']> = new Set(['hello', 'bases', 'epoch', 'rules', 'flush', 'probe'])
const injectedEach = 200
/** A hostile end may make up paths; what one run's messages can bring about has this many at most. */
const entriesMax = 5_000
/** And so many bytes: what one message may bring is far more than all of them do. */
const bytesMax = 1024 * 1024

export interface HostileRun {
  /** Frames that reached the decoder, whole or damaged. */
  frames: number
  /** Messages that reached the laptop's engine. */
  messages: number
  /** Connections that were ended, with a ProtocolError. */
  ended: number
  /** What must not be: bytes that a person wrote and that are gone, a protected file that changed, and the like. */
  faults: string[]
}

/**
 * A laptop with people at work, and an agent whose messages were recorded from an honest run, then damaged as bytes, in
 * their fields, in their order. Whatever it is told, the laptop ends the connection or goes on, and loses nothing.
 */
export function hostileRun(seed: number): HostileRun {
  const random = new Random(seed)
  // To every other one what people write is large.
  const pair = new Pair(twoWay, seed % 2 === 0 ? {} : { grain: { smallBytesMax: 4, blockBytes: 2 } })
  pair.ignored = path => path === '.git' || path.startsWith('.git/')
  pair.keepMs = Number.POSITIVE_INFINITY
  pair.start('laptop')
  const { laptop } = pair.disks
  const checker = new Checker()
  checker.watch(laptop, 'laptop')
  laptop.people.mkdir('.git')
  laptop.people.save('.git/config', Buffer.from('<git00>'))
  const run: HostileRun = { frames: 0, messages: 0, ended: 0, faults: [] }
  const people = { next: 0 }
  pair.connect()
  for (let round = 0; round < 6; round++) work(pair, random, people)
  pair.settle()
  const sent = pair.sent.splice(0)
  // Mostly what an agent says; a laptop's own words end the connection at once.
  const recorded = sent.filter(({ type }) => !laptopsOwn.has(type) || random.chance(0.05)).map(encoded)
  let link = new Link()
  for (let injected = 0; injected < injectedEach; injected++) {
    if (random.chance(0.1)) work(pair, random, people)
    for (let steps = random.below(4); steps > 0; steps--) guarded(run, pair, () => pair.step())
    const bytes = random.chance(0.5) ? randomlyDamaged(random, recorded) : random.pick(recorded)
    const message = random.chance(0.5) ? inFields(random, bytes, recorded) : bytes
    run.frames += 1
    const isEnded = guarded(run, pair, () => {
      for (const payload of link.carry(random, message)) {
        for (const each of readMessages(payload)) {
          run.messages += 1
          pair.laptop.receive(random.chance(0.8) ? 'control' : 'bulk', each)
        }
      }
    })
    if (!isEnded) continue
    link = new Link()
    for (let steps = random.below(60); steps > 0; steps--) guarded(run, pair, () => pair.step())
  }
  judge(run, pair, checker)
  return run
}

function judge(run: HostileRun, pair: Pair, checker: Checker): void {
  const { laptop } = pair.disks
  run.faults.push(...checker.lost([laptop]))
  if (laptop.people.read('.git/config').toString() !== '<git00>') run.faults.push('.git was written to')
  for (const path of Object.keys(treeOf(laptop))) {
    if (path.split('/').some(name => ['', '.', '..', '.podswap'].includes(name))) run.faults.push(`made ${path}`)
  }
  const { entries, bytes } = sizeOf([laptop.volume.tree, laptop.volume.own])
  if (entries > entriesMax) run.faults.push(`${entries} entries`)
  if (bytes > bytesMax) run.faults.push(`${bytes} bytes on the disk`)
  const known = pair.laptop.exchange.replica.tree.size
  if (known > entriesMax) run.faults.push(`${known} paths are known`)
}

function sizeOf(left: Inode[]): { entries: number; bytes: number } {
  const size = { entries: 0, bytes: 0 }
  for (let inode = left.pop(); inode !== undefined; inode = left.pop()) {
    size.entries += 1
    size.bytes += inode.bytes.length
    left.push(...(inode.entries?.values() ?? []))
  }
  return size
}

/** @returns whether the connection had to end; another one follows */
function guarded(run: HostileRun, pair: Pair, act: () => void): boolean {
  try {
    act()
    return false
  } catch (error) {
    // Anything else is a bug of ours.
    if (!(error instanceof ProtocolError)) throw error
    run.ended += 1
    pair.cut()
    pair.connect()
    return true
  }
}

/** Somebody at the laptop or in the pod does something. */
function work(pair: Pair, random: Random, people: { next: number }): void {
  const side = random.pick(['laptop', 'laptop', 'pod'] as const)
  const path = random.pick(paths)
  pair.clock.ms += 10
  try {
    if (random.chance(0.1)) {
      pair.disks[side].people.rename('d', 'e')
      pair[side].hint('e')
    } else if (random.chance(0.2)) pair.disks[side].people.removeAll(path)
    else {
      if (path.includes('/')) pair.disks[side].people.mkdir(path.slice(0, path.lastIndexOf('/')))
      pair.disks[side].people.save(path, Buffer.from(`<${String(people.next++).padStart(5, '0')}>`))
    }
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error
  }
  pair[side].hint(path)
}

function encoded(message: SyncMessage): Buffer {
  const writer = new ByteWriter()
  writeMessage(writer, message)
  return Buffer.concat(writer.take())
}

function randomlyDamaged(random: Random, recorded: readonly Buffer[]): Buffer {
  const bytes = Buffer.from(random.pick(recorded))
  const at = random.below(bytes.length)
  switch (random.below(5)) {
    case 0:
      bytes[at] = random.below(256)
      return bytes
    case 1:
      bytes[at]! ^= 1 << random.below(8)
      return bytes
    case 2:
      return bytes.subarray(0, at)
    case 3:
      return Buffer.concat([bytes.subarray(0, at), random.pick(recorded)])
    default:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(random.below(bytes.length))])
  }
}

/** The message with a field of another one of its name, or a small number in place of its own. */
function inFields(random: Random, bytes: Buffer, recorded: readonly Buffer[]): Buffer {
  const [message] = decodedOrNone(bytes)
  const [other] = decodedOrNone(random.pick(recorded))
  if (message === undefined) return bytes
  const fields = message as unknown as Record<string, unknown>
  const key = random.pick(Object.keys(fields))
  const others = (other ?? {}) as Record<string, unknown>
  if (key === 'path') fields[key] = random.chance(0.2) ? '.git/config' : random.pick(paths)
  else if (typeof fields[key] === 'number') fields[key] = random.below(64)
  else if (key === 'base' || key === 'data') fields[key] = others.data ?? fields[key]
  else if (key !== 'type' && others.type === fields.type) fields[key] = others[key] ?? fields[key]
  return encoded(message)
}

function decodedOrNone(bytes: Buffer): SyncMessage[] {
  try {
    return [...readMessages(bytes)]
  } catch (error) {
    if (error instanceof ProtocolError) return []
    throw error
  }
}

/** One direction of a carrier: frames, some of them damaged on the way. */
class Link {
  readonly #decoder = new FrameDecoder()
  #sequence = 0

  carry(random: Random, payload: Buffer): Buffer[] {
    if (payload.length === 0) return []
    const header = Buffer.alloc(frameHeaderBytes)
    const frame = { type: FrameType.data, stream: 1, sequence: this.#sequence, payload: [payload] }
    writeFrameHeader(header, 0, { ...frame, payloadBytes: payload.length })
    this.#sequence = nextSequence(this.#sequence)
    const bytes = Buffer.concat([header, payload])
    if (random.chance(0.05)) bytes[random.below(bytes.length)]! ^= 1 << random.below(8)
    const cut = random.chance(0.02) ? bytes.subarray(0, random.below(bytes.length)) : bytes
    const arrived: Buffer[] = []
    this.#decoder.push(cut, each => arrived.push(Buffer.from(joinPayload(each))))
    return arrived
  }
}
