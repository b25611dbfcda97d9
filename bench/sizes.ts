import { fullTree } from './tree.ts'

/** How much there is of everything. A smaller tree makes all of it smaller. */
export interface Sizes {
  files: number
  /** Of the one large folder whose own size must not matter. */
  flat: number
  /** Edited at once, as a switch of branches does. */
  edited: number
  /** In the folder that is renamed. */
  renamed: number
  /** Made in an ignored folder, as `npm install` does. */
  ignored: number
  /** Of the tree that idles. */
  idle: number
  /** Files of the trees that are compared, from the least. */
  growth: number[]
  largeFileBytes: number
}

const full: Sizes = {
  files: fullTree.files,
  flat: 10_000,
  edited: 5_000,
  renamed: 10_000,
  ignored: 40_000,
  idle: 100_000,
  growth: [1_000, 10_000, 100_000, 300_000],
  largeFileBytes: 2 ** 30,
}

export function sizesFor(files: number): Sizes {
  const share = files / full.files
  const part = (count: number) => Math.max(10, Math.round(count * share))
  return {
    files,
    flat: part(full.flat),
    edited: part(full.edited),
    renamed: part(full.renamed),
    ignored: part(full.ignored),
    idle: part(full.idle),
    growth: full.growth.map(part),
    largeFileBytes: Math.max(2 ** 20, Math.round(full.largeFileBytes * share)),
  }
}
