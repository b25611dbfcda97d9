import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach } from 'vitest'

/** A new folder under the system's temporary one (its real path), removed after the test. Call it inside a test. */
export function scratchFolder(): string {
  const folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'podswap-test-')))
  folders.push(folder)
  return folder
}

/** To be released after the test, the latest first. */
export function release<T extends { close(): void }>(resource: T): T {
  resources.push(resource)
  return resource
}

const folders: string[] = []
const resources: { close(): void }[] = []

afterEach(() => {
  for (const resource of resources.splice(0).reverse()) resource.close()
  for (const folder of folders.splice(0)) fs.rmSync(folder, { recursive: true, force: true })
})
