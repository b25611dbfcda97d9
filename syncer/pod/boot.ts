// Runs as `init boot ld --library-path lib node boot.cjs`: waits until an attachment has delivered a bundle, then
// becomes the agent by loading it. It ends only when the agent ends; `init boot` starts it again.
import { createHash } from 'node:crypto'
import { type FSWatcher, rmSync, watch } from 'node:fs'
import { isSha256, makePrivateFolder, podFiles, readIfThere, writeWhole } from './pod-files.ts'

/** inotify may be used up in the container: then this is what finds the bundle. */
const pollIntervalMs = 250

const files = podFiles(__dirname)
makePrivateFolder(files)
loadPreload()
waitForBundle(bundle => {
  writeWhole(files.running, JSON.stringify({ bundle, pid: process.pid }))
  require(files.bundle(bundle))
})

/** A pod without a network of its own gets one by what is loaded here: our Node runs without NODE_OPTIONS. */
function loadPreload(): void {
  const { PODSWAP_ROOT, PODSWAP_PRELOAD } = process.env
  if (PODSWAP_ROOT && PODSWAP_PRELOAD) require(PODSWAP_PRELOAD)
}

function waitForBundle(found: (bundle: string) => void): void {
  const watcher = watchPrivateFolder(look)
  const poll = setInterval(look, pollIntervalMs)
  look()

  function look(): void {
    const bundle = currentBundle()
    if (bundle === null) return
    clearInterval(poll)
    watcher?.close()
    found(bundle)
  }
}

function watchPrivateFolder(look: () => void): FSWatcher | null {
  try {
    return watch(files.private, look).on('error', () => {})
  } catch {
    return null
  }
}

/** The bundle that is to run, null while it is not here whole. A damaged one is removed, so that it is sent again. */
function currentBundle(): string | null {
  const name = readIfThere(files.current)?.toString('latin1')
  if (!isSha256(name)) return null
  const content = readIfThere(files.bundle(name))
  if (content === null) return null
  if (createHash('sha256').update(content).digest('hex') === name) return name
  rmSync(files.bundle(name), { force: true })
  return null
}
