import { accessSync, constants } from 'node:fs'
import { basename, join } from 'node:path'

const archs: Partial<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' }

/** Where podswap is installed: the bundles lie in its `dist`, the sources two below it. */
export function packageFolder(): string {
  const here = import.meta.dirname
  return basename(here) === 'dist' ? join(here, '..') : join(here, '../..')
}

/** @returns the path of `native/init` for this machine; null where there is none */
export function findNativeInit(folder: string = packageFolder()): string | null {
  const arch = process.platform === 'linux' ? archs[process.arch] : undefined
  if (arch === undefined) return null
  const path = join(folder, `native/built/init-${arch}`)
  try {
    accessSync(path, constants.X_OK)
    return path
  } catch {
    return null
  }
}
