import type { SyncEngine } from '../engine/engine.ts'
import type { LaptopFolder } from './laptop-folder.ts'
import type { SessionProgress } from './session-progress.ts'
import type { SyncLoop } from './sync-loop.ts'

const checkpointMs = 30_000

export interface CheckpointsParts {
  folder: LaptopFolder
  engine: SyncEngine
  loop: SyncLoop
  progress: SessionProgress
}

/** Now and then, and at rest: what the laptop remembers is kept, and the pod's copy gets another epoch where something changed. */
export class Checkpoints {
  /** Wall clock, ms. */
  lastChangeAtMs: number | undefined
  private readonly folder: LaptopFolder
  private readonly engine: SyncEngine
  private readonly loop: SyncLoop
  private readonly progress: SessionProgress
  private readonly timer: NodeJS.Timeout
  /** The change after which the epoch was raised last. */
  private raisedAfterMs: number | undefined

  constructor({ folder, engine, loop, progress }: CheckpointsParts) {
    this.folder = folder
    this.engine = engine
    this.loop = loop
    this.progress = progress
    this.timer = setInterval(() => this.take(), checkpointMs)
  }

  raiseEpoch(): void {
    if (this.lastChangeAtMs === this.raisedAfterMs) return
    this.engine.raiseEpoch()
    this.raisedAfterMs = this.lastChangeAtMs
    this.loop.flush()
  }

  close(): void {
    clearInterval(this.timer)
  }

  private take(): void {
    const { firstSyncSeconds } = this.progress
    this.folder.checkpoint(firstSyncSeconds === undefined ? undefined : `${this.lastChangeAtMs} ${firstSyncSeconds}`)
    this.raiseEpoch()
  }
}
