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
