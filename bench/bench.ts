import type { Figure } from './figures.ts'
import type { Ground } from './ground.ts'
import type { Options } from './options.ts'
import type { Sizes } from './sizes.ts'
import type { TreePlan } from './tree.ts'

/** What a row has to work with. */
export interface Bench {
  ground: Ground
  options: Options
  sizes: Sizes
  /** The tree of {@link Sizes.files}. */
  plan: TreePlan
  /** Progress, for people. */
  say: (text: string) => void
}

/** One line of work, begun on a ground that it prepares itself: rows do not depend on each other. */
export type Row = (bench: Bench) => Promise<Figure[]>
