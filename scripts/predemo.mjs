// What `npm run demo` needs before any package is installed. Plain words, for whoever has just cloned this.
import { readFileSync } from 'node:fs'

if (process.platform === 'win32') {
  refuse(
    'The demo does not run on Windows: its pods are processes, with names and addresses that Windows does not have.',
    'What works: the demo in WSL, and podswap itself on Windows, with a cluster of your own (see README.md).',
  )
}
const wanted = /\d+\.\d+/.exec(JSON.parse(readFileSync('package.json', 'utf8')).engines.node)[0]
const [major, minor] = process.versions.node.split('.').map(Number)
const [majorMin, minorMin] = wanted.split('.').map(Number)
if (major < majorMin || (major === majorMin && minor < minorMin)) {
  refuse(`podswap needs Node.js ${wanted} or newer; this is ${process.versions.node}.`, 'See https://nodejs.org')
}
await import('./ensure-installed.mjs')

function refuse(...lines) {
  for (const line of lines) console.error(line)
  process.exit(1)
}
