import type { Scaler } from './field-owners.ts'

/** What happens during `up` and `down`, for whoever shows it. */
export type SwapEvent =
  /** Something to know that stops nothing. */
  | { type: 'warning'; message: string; hint?: string }
  | { type: 'dry-run'; clone: string }
  /** `autocreate`: there was none; `service/web`. */
  | { type: 'created'; object: string }
  | { type: 'removed'; object: string }
  /** From here on there is something to undo. */
  | { type: 'touching'; workload: string }
  | { type: 'scaled-down'; workload: string; replicas: number }
  | { type: 'waiting-old-pod'; pods: string[] }
  /** The original's pod template is another one, and the clone has it now; `changes` in a few words each. */
  | { type: 'template-followed'; workload: string; changes: string[]; restarts: boolean }
  /** Somebody scaled the original up: it is at 0 again, for the `times`-th time, or `gaveUp`. */
  | {
      type: 'scaled-up'
      workload: string
      replicas: number
      by: Scaler
      times: number
      timesMax: number
      gaveUp: boolean
    }
  /** The original's own command, which the dev container will run. */
  | { type: 'command-kept'; command: string[] }
  | { type: 'volume-created'; claim: string }
  | { type: 'volume-grown'; claim: string }
  | { type: 'clone-created'; clone: string }
  | { type: 'clone-changed'; clone: string }
  | { type: 'clone-reused'; clone: string }
  /** Its dev pod is told to go. */
  | { type: 'stopping-clone'; clone: string }
  | { type: 'clone-deleted'; clone: string }
  | { type: 'waiting-clone-pod'; pods: string[] }
  | { type: 'restored'; workload: string; replicas: number }
  | { type: 'waiting-original'; workload: string; ready: number; wanted: number; message?: string }
  | { type: 'original-ready'; workload: string; replicas: number }

export type OnSwapEvent = (event: SwapEvent) => void
