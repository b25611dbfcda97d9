import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf, UserError } from '../../syncer/base/errors.ts'
import { packageFolder } from './native-init.ts'

/** What the build made for the pod. */
export interface AgentFiles {
  /** The agent, one file. */
  bundle: Buffer
  /** Of `bundle`, hex: its version. */
  sha256: string
  /** Source for `node -e` in the init container. */
  startScript: string
}

/**
 * Reads the agent from the folder of the built files.
 * @throws UserError `agent` where a file is missing
 */
export async function readAgentFiles(folder: string = join(packageFolder(), 'dist')): Promise<AgentFiles> {
  const [bundle, startScript] = await Promise.all([read(join(folder, 'agent.cjs')), read(join(folder, 'start.cjs'))])
  return {
    bundle,
    sha256: createHash('sha256').update(bundle).digest('hex'),
    startScript: startScript.toString('utf8'),
  }
}

async function read(path: string): Promise<Buffer> {
  try {
    return await readFile(path)
  } catch (cause) {
    if (errnoOf(cause) !== 'ENOENT') throw cause
    throw new UserError('agent', `${path} is missing`, { hint: 'install podswap again, or run `npm run build`', cause })
  }
}
