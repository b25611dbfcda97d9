import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildSandboxProgram } from '../../../../scripts/pod-programs.mjs'
import type { RuntimePrograms } from '../../../../src/sandbox/runtime/runtime-programs.ts'
import { initProgram } from '../../../native/init-program.ts'

/** From the sources as they are now. */
export async function buildRuntimePrograms(): Promise<RuntimePrograms> {
  const names = ['preload', 'watchdog', 'portable-init'] as const
  const [preload, watchdog, portableInit] = await Promise.all(names.map(buildSandboxProgram))
  return {
    preload: preload!,
    watchdog: watchdog!,
    portableInit: portableInit!,
    init: initProgram,
    pty: null,
    postgres: null,
  }
}

/** The path of the image's program in a folder from which PGlite can be loaded. */
export async function buildPostgres(folder: string): Promise<string> {
  const path = join(folder, 'podswap-postgres.cjs')
  mkdirSync(folder, { recursive: true })
  writeFileSync(path, await buildSandboxProgram('postgres'))
  return path
}
