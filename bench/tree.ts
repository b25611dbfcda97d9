import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { normal, pick, randomFrom } from './random.ts'

/** The tree of a large web app: what the figures are about. A smaller one keeps its proportions. */
export const fullTree = { files: 50_000, folders: 7_609, bytes: 183_000_000 } as const

const seed = 20_261_121
const corpusBytes = 8 * 1024 * 1024
const depthMax = 9
const sizeBytesMin = 200

export interface PlannedFile {
  path: string
  sizeBytes: number
  /** Where in the corpus its text begins. */
  offset: number
}

export interface TreePlan {
  folders: string[]
  files: PlannedFile[]
}

/** Names and sizes, the same on every machine. Sizes are spread as in source trees: many small files, few large. */
export function planTree(count: number): TreePlan {
  const random = randomFrom(seed)
  const share = count / fullTree.files
  const folders = planFolders(Math.max(1, Math.round(fullTree.folders * share)), random)
  const sizes = planSizes(count, Math.round(fullTree.bytes * share), random)
  const files = sizes.map((sizeBytes, i) => ({
    path: `${folders[i < folders.length ? i : pick(random, folders.length)]}/${wordAt(pick(random, 4000))}-${i}.js`,
    sizeBytes,
    offset: pick(random, corpusBytes / 2),
  }))
  return { folders, files }
}

/** Writes the planned tree below `root`, which it makes. */
export function writeTree(root: string, plan: TreePlan): void {
  mkdirSync(root, { recursive: true })
  for (const folder of plan.folders) mkdirSync(join(root, folder), { recursive: true })
  const text = corpus()
  for (const file of plan.files) writeFileSync(join(root, file.path), contentOf(file, text))
}

/** Text like source code (brotli at its fastest makes about a third of it); no two files are alike. */
export function contentOf(file: PlannedFile, text: Buffer): Buffer {
  const bytes = Buffer.alloc(file.sizeBytes)
  text.copy(bytes, 0, file.offset, file.offset + file.sizeBytes)
  bytes.write(`// ${file.path}\n`, 0, 'latin1')
  return bytes
}

export function corpus(): Buffer {
  const random = randomFrom(seed + 1)
  const marks = ['(', ')', ' = ', '.', ', ', ' => ', '\n  ', '\n    ', ';\n', ' { ', ' }\n', "'", ' + ']
  const parts: string[] = []
  for (let length = 0; length < corpusBytes; ) {
    // squaring makes the first words frequent, as in any language
    const word = wordAt(Math.floor(random() ** 3 * 4000))
    const part = word + marks[Math.floor(random() ** 2 * marks.length)]!
    parts.push(part)
    length += part.length
  }
  return Buffer.from(parts.join('').slice(0, corpusBytes), 'latin1')
}

function planFolders(count: number, random: () => number): string[] {
  const folders: string[] = []
  while (folders.length < count) {
    const parent = folders.length < 12 ? '' : folders[pick(random, folders.length)]!
    if (parent.split('/').length >= depthMax) continue
    const name = `${wordAt(pick(random, 4000))}-${folders.length}`
    folders.push(parent === '' ? name : `${parent}/${name}`)
  }
  return folders
}

function planSizes(count: number, totalBytes: number, random: () => number): number[] {
  const raw = Array.from({ length: count }, () => Math.exp(1.3 * normal(random)))
  const scale = totalBytes / raw.reduce((sum, size) => sum + size, 0)
  // room for the line that makes a file unlike all others; not more than the corpus holds
  const sizes = raw.map(size => Math.min(Math.max(Math.floor(size * scale), sizeBytesMin), corpusBytes / 2))
  let missing = totalBytes - sizes.reduce((sum, size) => sum + size, 0)
  // Of 300,000 the small ones have so much more than their share that the largest cannot make up for it alone.
  for (const at of sizes.map((_, index) => index).sort((a, b) => sizes[b]! - sizes[a]!)) {
    const change = Math.max(missing, sizeBytesMin - sizes[at]!)
    sizes[at] = sizes[at]! + change
    missing -= change
    if (missing === 0) break
  }
  return sizes
}

function wordAt(index: number): string {
  const syllables = [
    'ba',
    'con',
    'de',
    'fer',
    'get',
    'ja',
    'lo',
    'mi',
    'ne',
    'or',
    'pa',
    'que',
    'ri',
    'set',
    'ta',
    'ver',
  ]
  let word = ''
  for (let rest = index + 17; rest > 0; rest >>= 4) word += syllables[rest & 15]
  return word
}
