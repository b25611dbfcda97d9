/** What happens during `up` and `down`, for whoever shows it. */
export type SwapEvent =
  /** Something to know that stops nothing. */
  | { type: 'warning'; message: string; hint?: string }
  | { type: 'dry-run'; clone: string }
  /** From here on there is something to undo. */
  | { type: 'touching'; workload: string }
  | { type: 'scaled-down'; workload: string; replicas: number }
  | { type: 'waiting-old-pod'; pods: string[] }
  | { type: 'clone-created'; clone: string }
  | { type: 'clone-changed'; clone: string }
  | { type: 'clone-reused'; clone: string }
  | { type: 'clone-deleted'; clone: string }
  | { type: 'waiting-clone-pod'; pods: string[] }
  | { type: 'restored'; workload: string; replicas: number }
  | { type: 'waiting-original'; workload: string; ready: number; wanted: number; message?: string }
  | { type: 'original-ready'; workload: string; replicas: number }

export type OnSwapEvent = (event: SwapEvent) => void
