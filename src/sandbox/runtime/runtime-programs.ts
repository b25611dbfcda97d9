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
  /** Source of `programs/portable-init.ts`, likewise; it stands for `init` where there is none. */
  portableInit: string
  /** Path of node-pty, which it holds terminals with; null where that is not installed for this machine. */
  pty: string | null
  /** Path of `programs/postgres.ts` as one file, beside the PGlite that it loads; null where that is not installed. */
  postgres: string | null
}

const archs: Partial<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' }

/**
 * Reads the programs from the package's folder.
 * @throws UserError `agent` where one is missing
 */
export async function readRuntimePrograms(folder: string = packageFolder()): Promise<RuntimePrograms> {
  const [preload, watchdog, portableInit] = await Promise.all([
    read(join(folder, 'dist/sandbox/preload.cjs')),
    read(join(folder, 'dist/sandbox/watchdog.cjs')),
    read(join(folder, 'dist/sandbox/portable-init.cjs')),
  ])
  return {
    preload,
    watchdog,
    portableInit,
    init: findInit(folder),
    pty: findModule(folder, '@lydell/node-pty'),
    postgres: findPostgres(folder),
  }
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
  return existsSync(program) && findModule(folder, '@electric-sql/pglite') !== null ? program : null
}

function findModule(folder: string, name: string): string | null {
  try {
    return createRequire(join(folder, 'package.json')).resolve(name)
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
