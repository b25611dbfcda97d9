// Runs `node` with the arguments given, and again after each change of the code. It watches folders: `node --watch` follows
// a file's inode on Linux, and loses the file when it is replaced, as most editors do (nodejs/node#51621).
import { spawn } from 'node:child_process'
import { watch } from 'node:fs'

const folders = ['.', 'lib']
const quietMs = 20
const stopMsMax = 2000

let child
let isChanged = false
let timer

for (const folder of folders) {
  watch(folder, (_event, name) => {
    if (!/\.c?js$/.test(name ?? '')) return
    clearTimeout(timer)
    timer = setTimeout(restart, quietMs)
  })
}
for (const signal of ['SIGTERM', 'SIGINT']) {
  process.on(signal, () => {
    if (!child) process.exit(0)
    isChanged = false
    child.once('exit', () => process.exit(0))
    child.kill(signal)
  })
}
start()

function start() {
  child = spawn('node', process.argv.slice(2), { stdio: 'inherit' })
  child.once('exit', code => {
    child = undefined
    if (isChanged) start()
    else console.log(`ended with ${code}; it starts again when the code changes`)
    isChanged = false
  })
}

function restart() {
  if (!child) return start()
  console.log('the code has changed')
  isChanged = true
  const stopping = child
  stopping.kill('SIGTERM')
  // a debugger that is attached keeps the process
  const killing = setTimeout(() => stopping.kill('SIGKILL'), stopMsMax)
  stopping.once('exit', () => clearTimeout(killing))
}
