import { spawn } from 'node:child_process'
import { expect, it } from 'vitest'
import { endOf, notFoundHint } from '../../../src/commands/detach.ts'

const run = (program: string) =>
  spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })

it('a background process that says nothing any more may have left something swapped', async () => {
  const hint = 'what it wrote is in /logs/web.log\npodswap down web puts back what it has swapped'
  expect(await endOf(run('process.exit(7)'), '/logs/web.log', 'web')).toMatchObject({
    code: 'state',
    message: 'the background process ended with code 7',
    hint,
  })
  const failed = { type: 'failed', error: { code: 'held', message: 'it is held' } }
  const program = `process.send(${JSON.stringify(failed)}, () => process.exit(3))`
  expect(await endOf(run(program), '/logs/web.log', 'web')).toMatchObject({ code: 'held', message: 'it is held' })
})

it('a program that is not in the image is told by what the manifest says of it', () => {
  expect(notFoundHint({ command: ['sh'] })).toContain('the manifest names no other `command` than `sh`')
  expect(notFoundHint({ command: ['bun', 'dev'], image: 'node:22' })).toContain(
    'is bun, and what it calls, in the image node:22?',
  )
})
