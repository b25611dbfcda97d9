import { packIndex, unpackIndex } from '../../../syncer/session/state/index-cache.ts'
import type { Pair } from './pair.ts'

/** What the laptop keeps of its folder, once nothing in it is young. */
export function keptIndex(pair: Pair): Buffer {
  pair.clock.ms += 10_000
  pair.sweep()
  return packIndex(pair.laptop.exchange.replica.tree, pair.clock.now())
}

/** The laptop's process begins again, with that. */
export function startLaptopFrom(pair: Pair, kept: Buffer): void {
  pair.start('laptop')
  const { tree, looker } = pair.laptop.exchange.replica
  unpackIndex(kept, tree, false, looker.stamps.presentNs())
}
