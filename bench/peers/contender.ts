import type { Hand } from '../../test/e2e/support/hand.ts'

/** A tool that keeps two folders of this machine in step, as the measurements see it. */
export interface Contender extends AsyncDisposable {
  readonly name: string
  /** Where people edit. Empty or absent when {@link start} has not been called. */
  readonly tree: string
  /** Where it arrives, by the names that {@link hand} uses. */
  readonly target: string
  /** Somebody at the target. */
  readonly hand: Hand
  /** It watches: a save arrives without {@link bring}. */
  readonly watches: boolean
  /** Forgets everything, and empties both folders. */
  reset(): Promise<void>
  /** Resolves when both are in step for the first time. */
  start(): Promise<void>
  /** Resolves when everything that was edited before the call has arrived. */
  bring(): Promise<void>
  /** Ends and starts again with nothing changed; resolves when it is in step. */
  restart(): Promise<void>
}
