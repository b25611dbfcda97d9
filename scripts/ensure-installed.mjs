// `npm test` must pass in a fresh clone: install the locked dependencies when they are not there yet.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

if (!existsSync('node_modules/.package-lock.json')) {
  const npm = spawnSync('npm', ['ci'], { stdio: 'inherit', shell: process.platform === 'win32' })
  process.exit(npm.status ?? 1)
}
