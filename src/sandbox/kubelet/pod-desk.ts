import type { Timers } from '../../../syncer/base/clock.ts'
import type { Happening } from '../controllers/event-recorder.ts'
import type { ObjectStore } from '../store/object-store.ts'

export interface KubeletTimes {
  /** Between two starts of a container that keeps ending, or two pulls; doubles from the one to the other. */
  backoffMsMin: number
  backoffMsMax: number
  /** After which something that is missing is looked for again. */
  retryMs: number
}

/** As the real kubelet. */
export const kubeletTimes: KubeletTimes = { backoffMsMin: 10_000, backoffMsMax: 300_000, retryMs: 2_000 }

/** What the workers of one pod have in common. */
export interface PodDesk {
  readonly store: ObjectStore
  readonly timers: Timers
  readonly times: KubeletTimes
  now(): number
  /** Writes the pod's status as it is now. */
  changed(): void
  /** An Event about the pod. */
  tell(happening: Happening): void
  /** Resolves after this time, or when the signal is aborted. */
  pause(ms: number, signal: AbortSignal): Promise<void>
}
