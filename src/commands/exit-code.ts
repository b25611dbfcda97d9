import { UserError } from '../../syncer/base/errors.ts'
import type { Outcome } from '../session/session-state.ts'

const SIGNAL_NUMBERS: Record<string, number> = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 }

/** 0 done, 1 it failed, 2 wrong usage or manifest, 3 somebody else holds the workload, 130 interrupted. */
export function exitCodeOfError(error: unknown): number {
  if (!(error instanceof UserError)) return 1
  switch (error.code) {
    case 'usage':
    case 'manifest':
      return 2
    case 'held':
      return 3
    case 'interrupted':
      return 130
    default:
      return 1
  }
}

/**
 * How `up` ends. The dev command's own code is passed on, but for Ctrl-C: then the person ended it, and nothing went
 * wrong.
 */
export function exitCodeOfOutcome(outcome: Outcome): number {
  if (outcome.cluster === 'revert-failed') return 1
  const { reason } = outcome
  switch (reason.kind) {
    case 'failed':
      return exitCodeOfError(reason.error)
    case 'interrupted':
      return 128 + (SIGNAL_NUMBERS[reason.signal] ?? 2)
    case 'left':
    case 'stopped':
      return 0
    case 'command-exited':
      return reason.signal === 'SIGINT' || reason.code === 130 ? 0 : reason.code
  }
}
