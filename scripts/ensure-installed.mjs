// `npm test` and `npm run demo` must work in a fresh clone: install the locked dependencies when they are not there yet.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

if (!existsSync('node_modules/.package-lock.json')) {
  const options = ['--no-audit', '--no-fund', '--prefer-offline', '--fetch-retries=1']
  const npm = spawnSync('npm', ['ci', ...options], { stdio: 'inherit', shell: process.platform === 'win32' })
  if (npm.status !== 0 && npm.signal === null) {
    console.error('\nnpm could not install the packages that package-lock.json names; what it says is above.')
    console.error('They come from the npm registry: is there a network, and does npm know the proxy, if you need one?')
    console.error('  npm ping     asks the registry')
  }
  process.exit(npm.status ?? 1)
}
