import { buildSandboxProgram } from '../../../../scripts/pod-programs.mjs'
import type { RuntimePrograms } from '../../../../src/sandbox/runtime/runtime-programs.ts'
import { initProgram } from '../../../native/init-program.ts'

/** From the sources as they are now. */
export async function buildRuntimePrograms(): Promise<RuntimePrograms> {
  const [preload, watchdog] = await Promise.all([buildSandboxProgram('preload'), buildSandboxProgram('watchdog')])
  return { preload, watchdog, init: initProgram }
}
