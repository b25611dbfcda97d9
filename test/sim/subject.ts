import type { Clock } from '../../syncer/base/clock.ts'
import type { Grain } from '../../syncer/core/content-sum.ts'
import type { Path } from '../../syncer/core/path.ts'
import type { Disk } from '../../syncer/disk/disk.ts'
import type { Lane, Peer } from '../../syncer/engine/exchange/peer.ts'
import type { Journal } from './journal.ts'
import type { Keepsake } from './keepsake.ts'

/** What a peer is built from. All of it may be made to fail, to die or to change under the peer's hands. */
export interface EndPorts<M> {
  disk: Disk
  clock: Clock
  /** 0 ≤ x < 1, seeded. */
  random: () => number
  send(lane: Lane, message: M): void
  /** Paths that do not travel, in neither direction. */
  ignored(path: Path): boolean
  /** Of one kind of work in one turn. */
  stepsMax: number
  /** Content goes ahead of a file's coming to rest. */
  early: boolean
  /** See `ReplicaOptions`. */
  grain?: Grain | undefined
  habits: Habits
  trash: TrashLimits
}

/** How long what is in the trash stays, and how large it may become. */
export interface TrashLimits {
  keepMs: number
  bytesMax: number
}

/** What the programs around the peers do beside what they must. */
export interface Habits {
  /** The laptop raises the epoch at each checkpoint after changes. */
  epochs: boolean
  /** The laptop keeps its hashes from one process to the next. */
  indexKept: boolean
  /** How often a watcher tells the folder alone, of all hints. */
  vagueHints: number
}

export interface LaptopPorts<M> extends EndPorts<M> {
  /** Records in the peer's own form. */
  journal: Journal<unknown>
  /** Changes with each start of the machine; the same while only the process starts anew. */
  bootId: string
  initial: 'mirror' | 'keep'
  /** What does not travel, in words of the peer's; empty: as {@link EndPorts.ignored} says. */
  rulesText: string
  /** See `Obstacles`. */
  deletesMax?: number
  /** What it keeps beside the journal. */
  kept: Keepsake
}

/** A peer, with what its program may be told by people. */
export interface SimulatedPeer<M> extends Peer<M> {
  /** Laptop: other rules from now on. */
  setRules?(text: string): void
  /** Takes what arrived together; one after the other where that is all the same to it. */
  receiveAll?(lane: Lane, messages: M[]): void
  /** A clean end, as after `podswap down`. */
  stop?(): void
  /** Laptop: somebody waits until all that differs now is in step. */
  flush?(): void
  /** Laptop: what is told as a problem, and where. */
  problems?(): { side: 'laptop' | 'pod'; path: Path }[]
  /** Laptop: too much vanished in the pod at once, and somebody has to say whether that is meant. */
  halted?(): boolean
  /** Nobody waits any more. */
  flushed?(): boolean
}

/** A sync protocol to simulate: the model, or the engine. */
export interface Subject<M> {
  laptop(ports: LaptopPorts<M>): SimulatedPeer<M>
  pod(ports: EndPorts<M>): SimulatedPeer<M>
  /** A message in a line, for traces. */
  tell(message: M): string
  /** Its laptop takes other rules. */
  takesRules: boolean
  /** It knows what may stand in its way: `Obstacles`. */
  knowsObstacles: boolean
  /** Private names that must be gone when all is quiet. */
  isLeftOver(name: string): boolean
  /** Private names that nobody would look into for what was lost; none when absent. */
  isScratch?(name: string): boolean
}
