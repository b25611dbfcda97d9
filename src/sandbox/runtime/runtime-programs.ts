import { accessSync, constants, existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, join } from 'node:path'
import { errnoOf, UserError } from '../../../syncer/base/errors.ts'

/** What the build made for the runtime. */
export interface RuntimePrograms {
  /** Source of `programs/preload.ts`, as one CommonJS file. */
  preload: string
  /** Source of `programs/watchdog.ts`, likewise. */
  watchdog: string
  /** Path of `native/init` for this machine; null where there is none. */
  init: string | null
  /** Path of `programs/postgres.ts` as one file, beside the PGlite that it loads; null where that is not installed. */
  postgres: string | null
}

const archs: Partial<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' }

/**
 * Reads the programs from the package's folder.
 * @throws UserError `agent` where one is missing
 */
export async function readRuntimePrograms(folder: string = packageFolder()): Promise<RuntimePrograms> {
  const [preload, watchdog] = await Promise.all([
    read(join(folder, 'dist/sandbox/preload.cjs')),
    read(join(folder, 'dist/sandbox/watchdog.cjs')),
  ])
  return { preload, watchdog, init: findInit(folder), postgres: findPostgres(folder) }
}

/** The bundles lie in `dist`, the sources in `src/sandbox/runtime`. */
function packageFolder(): string {
  const here = import.meta.dirname
  return basename(here) === 'dist' ? join(here, '..') : join(here, '../../..')
}

function findInit(folder: string): string | null {
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

function findPostgres(folder: string): string | null {
  const program = join(folder, 'dist/sandbox/postgres.cjs')
  try {
    createRequire(program).resolve('@electric-sql/pglite')
    return existsSync(program) ? program : null
  } catch {
    return null
  }
}

async function read(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    if (errnoOf(cause) !== 'ENOENT') throw cause
    throw new UserError('agent', `${path} is missing`, { hint: 'run `npm run build`', cause })
  }
}
