import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

/** Tells something before its event loop has had a turn to hear that the other end is gone. */
const program = `
import { readSync, writeSync } from 'node:fs'
import { tell } from ${JSON.stringify(new URL('../../../src/commands/hold.ts', import.meta.url).href)}
writeSync(1, 'loaded')
readSync(0, Buffer.alloc(1))
writeSync(1, process.connected ? ', not told' : ', told')
tell({ type: 'listening', socket: 's', token: 't' })
process.once('disconnect', () => {
  writeSync(1, ', goes on')
  process.exit()
})
`

it('a background process goes on where the one that started it is gone', async () => {
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', program], {
    cwd: fileURLToPath(new URL('../../..', import.meta.url)),
    stdio: ['pipe', 'pipe', 'pipe', 'ipc'],
  })
  const [, output, errors] = child.stdio
  let said = ''
  output!.on('data', data => {
    said += data
  })
  errors!.on('data', data => {
    said += data
  })
  // 'close' never comes to one that was disconnected
  const exited = once(child, 'exit')
  await expect.poll(() => said).toBe('loaded')
  const gone = once(child, 'disconnect')
  child.disconnect()
  await gone
  child.stdin!.end('.')
  const [code] = await exited
  await expect.poll(() => said).toBe('loaded, not told, goes on')
  expect(code).toBe(0)
})
