import { expect, test } from 'vitest'
import { sessionConfig } from '../../../src/commands/session-config.ts'
import type { Dev, SyncFolder } from '../../../src/manifest/manifest.ts'

const at = { file: '/dev.yml', line: 7, column: 5 }
const how = { interactive: false, endsWithCommand: false }

function config(mode: SyncFolder['mode']) {
  const sync: SyncFolder[] = [{ local: '/a', remote: '/app', mode, initial: 'mirror', at }]
  const dev: Dev = { name: 'web', at, command: ['sh'], sync, forward: [], environment: [], interface: 'localhost' }
  const invocation = { io: { stdout: {}, env: {} }, rest: null, options: {} }
  return sessionConfig(invocation as never, dev, how)
}

test('a folder that goes one way only is refused at its place, before anything is touched', () => {
  for (const mode of ['push', 'pull'] as const) {
    expect(() => config(mode)).toThrow(expect.objectContaining({ code: 'unsupported', at }))
  }
  expect(config('two-way').command.argv).toEqual(['sh'])
})

test('a service without a command keeps the original’s, unless it is given another', () => {
  const dev: Dev = { name: 'jobs', at, command: ['sh'], sync: [], forward: [], environment: [], interface: 'localhost' }
  const invocation = (rest: string[] | null) => ({ io: { stdout: {}, env: {} }, rest, options: {} }) as never
  expect(sessionConfig(invocation(null), dev, how)).not.toHaveProperty('keepCommand')
  expect(sessionConfig(invocation(null), { ...dev, keepsCommand: true }, how)).toMatchObject({ keepCommand: true })
  const other = sessionConfig(invocation(['rake']), { ...dev, keepsCommand: true }, how)
  expect(other.command.argv).toEqual(['rake'])
  expect(other).not.toHaveProperty('keepCommand')
})
