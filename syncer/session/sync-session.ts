import { LaptopSession, type LaptopSessionOptions } from './laptop-session.ts'
import type { SyncSession } from './sync-port.ts'

/**
 * Opens the laptop's end of a synced folder and starts to read it; nothing is sent before {@link SyncSession.attach}.
 * @throws UserError `not-found`, `state`
 */
export function openSyncSession(options: LaptopSessionOptions): SyncSession {
  return new LaptopSession(options)
}
