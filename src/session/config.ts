import type { Dev } from '../manifest/manifest.ts'
import type { DevCommandOptions } from './dev-command.ts'

export interface SessionConfig {
  dev: Dev
  /** What runs in the pod: the manifest's, or another one from the command line. */
  command: DevCommandOptions
  endsWithCommand: boolean
  /** The keys that leave the terminal are worth telling. */
  interactive: boolean
  downOnExit: boolean
  /** The original's own command takes the place of the one above. */
  keepCommand?: boolean
}
