import { randomBytes } from 'node:crypto'
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { now } from '../clock-offset.ts'
import { median } from '../figures.ts'
import { changeOneByte, writeLargeFile, writeWithHead } from '../large-file.ts'
import type { Sizes } from '../sizes.ts'
import { contentOf, corpus, type TreePlan, writeTree } from '../tree.ts'
import type { Contender } from './contender.ts'

/** What is done with a contender in one round, in this order. Values are seconds, but for `save`: milliseconds. */
export const works = [
  'first sync',
  'again, nothing changed',
  'save',
  'many files edited at once',
  'folder renamed',
  'large file: first copy',
  'large file: 1 byte changed',
  'large file: 1 KB put before it',
] as const
export type Work = (typeof works)[number]

export interface Load {
  plan: TreePlan
  sizes: Sizes
  edits: number
}

const large = 'large.bin'

/** One round. Both folders are of one machine, so there is one clock. */
export async function work(contender: Contender, load: Load): Promise<Record<Work, number>> {
  const { plan, sizes } = load
  const { tree } = contender
  await contender.reset()
  writeTree(tree, plan)
  const paths = plan.files.map(({ path }) => path)
  const firstSync = await seconds(contender, paths, () => contender.start())
  const startedAgain = now()
  await contender.restart()
  const again = (now() - startedAgain) / 1000
  const save = await saves(contender, load)

  const some = plan.files.slice(0, sizes.edited)
  const text = corpus()
  const edited = await changed(
    contender,
    some.map(({ path }) => path),
    () => {
      for (const file of some) writeFileSync(join(tree, file.path), `// edited\n${contentOf(file, text)}`)
    },
  )

  const folder = Array.from({ length: sizes.renamed }, (_, i) => `file-${i}.txt`)
  mkdirSync(join(tree, 'before'))
  for (const name of folder) writeFileSync(join(tree, 'before', name), `${name}\n`)
  await contender.bring()
  const renamed = await changed(contender, ['after', ...folder.map(name => `after/${name}`)], () =>
    renameSync(join(tree, 'before'), join(tree, 'after')),
  )

  // beside the tree, so that it comes whole
  const ready = `${tree}.${large}`
  const file = join(tree, large)
  writeLargeFile(ready, sizes.largeFileBytes)
  const copied = await changed(contender, [large], () => renameSync(ready, file))
  const byte = await changed(contender, [large], () => changeOneByte(file, Math.floor(sizes.largeFileBytes / 2)))
  writeWithHead(ready, randomBytes(1024), file)
  const head = await changed(contender, [large], () => renameSync(ready, file))
  return {
    'first sync': firstSync,
    'again, nothing changed': again,
    save,
    'many files edited at once': edited,
    'folder renamed': renamed,
    'large file: first copy': copied,
    'large file: 1 byte changed': byte,
    'large file: 1 KB put before it': head,
  }
}

/** From the edit to the last change at the target. */
async function changed(contender: Contender, paths: string[], edit: () => void): Promise<number> {
  return await seconds(contender, paths, async () => {
    edit()
    await contender.bring()
  })
}

async function seconds({ hand, target }: Contender, paths: string[], run: () => Promise<void>): Promise<number> {
  const started = now()
  await run()
  const { last } = await hand.call<{ last: number }>('survey', { dir: target, paths })
  return (last - started) / 1000
}

/** The median, from a save to a process at the target that has read it. */
async function saves(contender: Contender, { plan, edits }: Load): Promise<number> {
  const { hand, target, tree } = contender
  const samples: number[] = []
  for (let i = 0; i < edits; i++) {
    const { path } = plan.files[i % plan.files.length]!
    const text = `// save ${i} at ${now()}\n`
    const seen = hand.call<{ at: number }>('expect', { file: join(target, path), text, deadlineMs: 60_000 })
    seen.catch(() => {})
    await hand.call('ping')
    const started = now()
    writeFileSync(join(tree, path), text)
    if (!contender.watches) await contender.bring()
    samples.push((await seen).at - started)
  }
  return median(samples)
}
