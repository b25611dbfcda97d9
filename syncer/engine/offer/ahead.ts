import type { Path } from '../../core/path.ts'
import type { Scanner } from '../../endpoint/scanner.ts'
import type { Entry } from '../../endpoint/tree.ts'
import type { Exchange } from '../exchange/exchange.ts'
import { graftLimits } from '../transfer/readings.ts'
import type { Transfer } from '../transfer/transfer.ts'
import type { GraftOffers } from './graft-offers.ts'

/** Subtrees that wait at the other end until something is agreed, and paths in them: fewer than it would hold. */
const subtreesMax = 400
const pathsMax = 200_000

/**
 * The laptop's first sync with a pod that knows nothing: while the folder is still being read, what was read goes ahead
 * in subtrees. That changes nothing at the other end but its private folder; the PUTs follow when the two have agreed.
 */
export class Ahead {
  private readonly x: Exchange
  private readonly scanner: Scanner
  private readonly grafts: GraftOffers
  private podLacks: (path: Path) => boolean = () => false
  /** Everything that went ahead since it was opened. */
  private readonly gone = new Set<Entry>()
  private subtrees = 0
  /** What the other end has staged, in this order; those before `releasedTo` have their PUTs. */
  private staged: Transfer[] = []
  private releasedTo = 0
  /** The folder below which is being read. */
  private growing: { root: Entry; members: number; bytes: number } | undefined

  constructor(exchange: Exchange, scanner: Scanner, grafts: GraftOffers) {
    this.x = exchange
    this.scanner = scanner
    this.grafts = grafts
  }

  reset(): void {
    this.x.ahead = false
    this.gone.clear()
    this.subtrees = 0
    this.staged = []
    this.releasedTo = 0
    this.growing = undefined
  }

  /** Subtrees that wait for their PUTs at the other end. */
  get held(): number {
    return this.staged.length - this.releasedTo
  }

  has(entry: Entry): boolean {
    return this.gone.has(entry)
  }

  /** Begins, with what was read before. */
  open(podLacks: (path: Path) => boolean): void {
    if (this.x.ahead) return
    this.x.ahead = true
    this.podLacks = podLacks
    for (const entry of this.x.replica.tree.walk()) {
      if (entry.children !== null && !this.gone.has(entry) && !this.scanner.has(entry)) this.go(entry)
    }
  }

  /** What is in this folder is known now. Folders come in the order of the tree, each after the one that it is in. */
  read(entry: Entry): void {
    if (!this.x.ahead || entry.parent === null || this.gone.has(entry)) return
    if (this.growing !== undefined && !isIn(entry, this.growing.root)) this.grown()
    this.growing ??= { root: entry, members: 0, bytes: 0 }
    const { growing } = this
    growing.members += entry.children?.size ?? 0
    for (const { size } of entry.children?.values() ?? []) growing.bytes += size
    if (growing.members >= graftLimits.members || growing.bytes >= graftLimits.bytes) this.grown()
  }

  /** Nothing more is being read. */
  grown(): void {
    const { growing } = this
    this.growing = undefined
    if (growing !== undefined) this.go(growing.root)
  }

  /** It is at the other end; its PUT waits. */
  hold(transfer: Transfer): void {
    this.staged.push(transfer)
  }

  /** The two have agreed: nothing more goes ahead. */
  close(): void {
    this.x.ahead = false
    if (this.held === 0) this.reset()
  }

  /** After {@link Ahead.close}: the PUTs of what is held follow, folders before what is in them, until `isOver`. */
  release(isOver: () => boolean): void {
    if (this.held === 0) return
    for (; this.held > 0; this.releasedTo += 1) {
      if (isOver()) return
      const transfer = this.staged[this.releasedTo]!
      this.grafts.staged(transfer, transfer.members!)
    }
    this.reset()
  }

  private go(root: Entry): void {
    const { parent } = root
    // Its folder goes by itself, later.
    if (parent === null || (parent.parent !== null && !this.gone.has(parent))) return
    if (this.subtrees >= subtreesMax || this.gone.size >= pathsMax || !this.podLacks(root.path)) return
    const members = this.grafts.goAhead(root, entry => !this.gone.has(entry) && !this.scanner.has(entry))
    if (members.length > 0) this.subtrees += 1
    for (const { entry } of members) this.gone.add(entry)
  }
}

function isIn(entry: Entry, folder: Entry): boolean {
  for (let at: Entry | null = entry; at !== null; at = at.parent) if (at === folder) return true
  return false
}
