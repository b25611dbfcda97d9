import os from 'node:os'
import type { NetworkConfig } from './network-config.ts'

/** The pod's name instead of the machine's. */
export function setHostname(config: NetworkConfig): void {
  os.hostname = () => config.hostname
}
