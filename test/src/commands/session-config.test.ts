import { expect, test } from 'vitest'
import { sessionConfig } from '../../../src/commands/session-config.ts'
import type { Dev } from '../../../src/manifest/manifest.ts'

const at = { file: '/dev.yml', line: 7, column: 5 }
const how = { interactive: false, endsWithCommand: false }

test('the folder of the command is made where no synced one holds it', () => {
  const invocation = { io: { stdout: {}, env: {} }, rest: null, options: {} } as never
  const sync: Dev['sync'] = [{ local: '/work', remote: '/app', mode: 'two-way', initial: 'mirror', at }]
  const dev: Dev = { name: 'jobs', at, command: ['sh'], sync, forward: [], environment: [], interface: 'localhost' }
  const makes = (workdir: string) => sessionConfig(invocation, { ...dev, workdir }, how).command.makesFolder
  expect(['/app', '/app/web', '/application', '/srv', '/'].map(makes)).toEqual([undefined, undefined, true, true, true])
  expect(sessionConfig(invocation, dev, how).command).not.toHaveProperty('makesFolder')
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
