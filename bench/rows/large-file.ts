import { randomBytes } from 'node:crypto'
import { renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Hand } from '../../test/e2e/support/hand.ts'
import { arrived } from '../arrival.ts'
import type { Bench } from '../bench.ts'
import { now } from '../clock-offset.ts'
import { comparison, type Figure, type Pair, reading } from '../figures.ts'
import { emptyPlan, type Ground, targets } from '../ground.ts'
import { changeOneByte, hashSeconds, writeLargeFile, writeWithHead } from '../large-file.ts'
import type { Link } from '../link.ts'
import { copyThroughExec } from '../plain-tools.ts'

const name = 'large.bin'
const megabyte = 1e6
const headBytes = 1024

/** One large file: its first copy, a byte of it changed, a kilobyte put before it. */
export async function measureLargeFile(bench: Bench): Promise<Figure[]> {
  return [...(await measureFirstCopy(bench)), ...(await measureChanges(bench))]
}

async function measureFirstCopy({ ground, sizes, options, say }: Bench): Promise<Figure[]> {
  await ground.begin(emptyPlan)
  await using inPod = await ground.handInPod()
  await using onLaptop = await ground.handOnLaptop()
  const pairs: Pair[] = []
  for (let round = 0; round < options.rounds; round++) {
    const ready = join(ground.laptop.root, name)
    writeLargeFile(ready, sizes.largeFileBytes)
    await ground.rested(inPod)
    const startedOurs = now()
    renameSync(ready, join(ground.tree, name))
    await ground.flush()
    const ours = ((await arrived(inPod, onLaptop, ground, targets.ours, [name])) - startedOurs) / 1000
    await ground.rested(inPod)
    const startedTheirs = now()
    await copyThroughExec(ground, name)
    const theirs = ((await arrived(inPod, onLaptop, ground, targets.theirs, [name])) - startedTheirs) / 1000
    pairs.push({ ours, theirs })
    say(`large file, round ${round + 1}: ${ours.toFixed(2)} s, cat ${theirs.toFixed(2)} s`)
    rmSync(join(ground.tree, name))
    await ground.empty(targets.theirs)
    await ground.flush()
  }
  const title = `a file of ${Math.round(sizes.largeFileBytes / megabyte)} MB: first copy`
  return [comparison(title, 's', 'cat through exec', pairs, { of: 'ratio', limit: 1.5 })]
}

async function measureChanges({ ground, sizes, options, say }: Bench): Promise<Figure[]> {
  const link = await ground.link()
  await ground.begin(emptyPlan, link)
  await using inPod = await ground.handInPod()
  await using onLaptop = await ground.handOnLaptop()
  const file = join(ground.tree, name)
  writeLargeFile(file, sizes.largeFileBytes)
  await ground.flush()
  const [byte, head]: Change[][] = [[], []]
  for (let round = 0; round < options.rounds; round++) {
    const middle = Math.floor(sizes.largeFileBytes / 2) + round
    byte!.push(await change(ground, link, inPod, onLaptop, () => changeOneByte(file, middle)))
    const ready = join(ground.laptop.root, name)
    writeWithHead(ready, randomBytes(headBytes), file)
    head!.push(await change(ground, link, inPod, onLaptop, () => renameSync(ready, file)))
    const text = ({ seconds, bytes }: Change) => `${seconds.ours.toFixed(2)} s, ${(bytes / megabyte).toFixed(2)} MB`
    say(`large file, round ${round + 1}: one byte ${text(byte!.at(-1)!)}; 1 KB at its head ${text(head!.at(-1)!)}`)
  }
  const title = `a file of ${Math.round(sizes.largeFileBytes / megabyte)} MB`
  const secondsOf = (changes: Change[]) => changes.map(({ seconds }) => seconds)
  const percent = ({ bytes }: Change) => (bytes / sizes.largeFileBytes) * 100
  return [
    comparison(`${title}: 1 byte changed`, 's', 'sha256', secondsOf(byte!), { of: 'ours', limit: 1.5 }),
    reading(
      `${title}: 1 byte changed, on the wire`,
      'MB',
      byte!.map(({ bytes }) => bytes / megabyte),
      { of: 'ours', limit: 2, isStrict: true },
    ),
    comparison(`${title}: 1 KB put before it`, 's', 'sha256', secondsOf(head!)),
    reading(`${title}: 1 KB put before it, on the wire`, '%', head!.map(percent), {
      of: 'ours',
      limit: 5,
      isStrict: true,
    }),
  ]
}

interface Change {
  /** Theirs: hashing the file once. */
  seconds: Pair
  bytes: number
}

async function change(ground: Ground, link: Link, inPod: Hand, onLaptop: Hand, edit: () => void): Promise<Change> {
  await ground.rested(inPod)
  const bytesBefore = link.bytes
  const started = now()
  edit()
  await ground.flush()
  const bytes = link.bytes - bytesBefore
  const ours = ((await arrived(inPod, onLaptop, ground, targets.ours, [name])) - started) / 1000
  return { seconds: { ours, theirs: hashSeconds(join(ground.tree, name)) }, bytes }
}
