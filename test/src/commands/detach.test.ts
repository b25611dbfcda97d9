import { expect, it } from 'vitest'
import { notFoundHint } from '../../../src/commands/detach.ts'

it('a program that is not in the image is told by what the manifest says of it', () => {
  expect(notFoundHint({ command: ['sh'] })).toContain('the manifest names no other `command` than `sh`')
  expect(notFoundHint({ command: ['bun', 'dev'], image: 'node:22' })).toContain(
    'is bun, and what it calls, in the image node:22?',
  )
})
