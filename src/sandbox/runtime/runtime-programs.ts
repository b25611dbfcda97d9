import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { errnoOf, UserError } from '../../../syncer/base/errors.ts'
import { findNativeInit, packageFolder } from '../../agent/native-init.ts'

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
    init: findNativeInit(folder),
    pty: findModule(folder, '@lydell/node-pty'),
    postgres: findPostgres(folder),
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
