import { expect, test } from 'vitest'
import { exitCodeOfError, exitCodeOfOutcome } from '../../../src/commands/exit-code.ts'
import { splitRest } from '../../../src/commands/program.ts'
import type { Outcome } from '../../../src/session/session-state.ts'
import { type ErrorCode, UserError } from '../../../syncer/base/errors.ts'

test.each<[ErrorCode, number]>([
  ['usage', 2],
  ['manifest', 2],
  ['held', 3],
  ['interrupted', 130],
  ['not-found', 1],
  ['unreachable', 1],
  ['forbidden', 1],
  ['sync-halted', 1],
])('an error %s ends with %d', (code, exit) => {
  expect(exitCodeOfError(new UserError(code, ''))).toBe(exit)
})

test('a bug ends with 1', () => {
  expect(exitCodeOfError(new TypeError(''))).toBe(1)
  expect(exitCodeOfError('text')).toBe(1)
})

test.each<[string, Outcome, number]>([
  ['left', { reason: { kind: 'left' }, cluster: 'swapped' }, 0],
  ['stopped by another command', { reason: { kind: 'stopped' }, cluster: 'swapped' }, 0],
  ['SIGINT', { reason: { kind: 'interrupted', signal: 'SIGINT' }, cluster: 'swapped' }, 130],
  ['SIGTERM', { reason: { kind: 'interrupted', signal: 'SIGTERM' }, cluster: 'reverted' }, 143],
  ['SIGHUP', { reason: { kind: 'interrupted', signal: 'SIGHUP' }, cluster: 'swapped' }, 129],
  ['the program ended well', { reason: { kind: 'command-exited', code: 0 }, cluster: 'swapped' }, 0],
  ['the program failed', { reason: { kind: 'command-exited', code: 9 }, cluster: 'swapped' }, 9],
  ['Ctrl-C ended it', { reason: { kind: 'command-exited', code: 130, signal: 'SIGINT' }, cluster: 'swapped' }, 0],
  ['it took Ctrl-C as an end itself', { reason: { kind: 'command-exited', code: 130 }, cluster: 'swapped' }, 0],
  ['held', { reason: { kind: 'failed', error: new UserError('held', '') }, cluster: 'untouched' }, 3],
  ['it could not be put back', { reason: { kind: 'left' }, cluster: 'revert-failed' }, 1],
])('up ends when %s', (_name, outcome, exit) => {
  expect(exitCodeOfOutcome(outcome)).toBe(exit)
})

test('what comes after the first -- belongs to the command in the pod', () => {
  expect(splitRest(['exec', 'web'])).toEqual({ own: ['exec', 'web'], rest: null })
  expect(splitRest(['exec', '--'])).toEqual({ own: ['exec'], rest: [] })
  expect(splitRest(['up', '-f', 'a', '--', 'x', '--', '-f'])).toEqual({
    own: ['up', '-f', 'a'],
    rest: ['x', '--', '-f'],
  })
})
