import type { UiEvent } from '../ui/events.ts'
import { asUserError } from './as-user-error.ts'
import type { PodWork } from './pod-work.ts'
import type { SessionForwards } from './session-forwards.ts'
import type { Outcome } from './session-state.ts'
import type { SwapWork } from './swap-work.ts'

export interface ClosedParts {
  pod: PodWork
  swap: SwapWork
  forwards: SessionForwards
}

/** Closes what a session had open, in this order: folders, swap, forwards. */
export async function closeSession(
  { pod, swap, forwards }: ClosedParts,
  outcome: Outcome,
  report: (event: UiEvent) => void,
): Promise<void> {
  await closing(async () => pod.close(), report)
  await swap.settled()
  await closing(() => forwards.close(), report)
  if (outcome.cluster === 'untouched') await swap.release()
}

/** What cannot be closed in order (a full disk) must not keep the rest from it. */
async function closing(close: () => Promise<void>, report: (event: UiEvent) => void): Promise<void> {
  try {
    await close()
  } catch (error) {
    report({ type: 'warning', message: asUserError(error).message })
  }
}
