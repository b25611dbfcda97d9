import { spawnSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const native = fileURLToPath(new URL('../../native/', import.meta.url))

test('the programs that are checked in come from these sources', context => {
  const { status, stdout, stderr, error } = spawnSync('sh', ['build.sh', '--check'], { cwd: native, encoding: 'utf8' })
  if (error || status === 2) context.skip(`not compared: ${error?.message ?? stderr.trim()}`)
  expect(status, stdout + stderr).toBe(0)
  expect(stdout).toMatch(/^init-amd64: the same .*\ninit-arm64: the same /)
})

test.each(['amd64', 'arm64'])('init-%s is a few KB', arch => {
  expect(statSync(`${native}built/init-${arch}`).size).toBeLessThan(11 * 1024)
})
