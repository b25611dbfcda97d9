import { UserError } from '../base/errors.ts'
import { LaptopSession, type LaptopSessionOptions } from './laptop-session.ts'
import type { SyncSession } from './sync-port.ts'

export interface SyncSessionOptions extends LaptopSessionOptions {
  mode: 'two-way' | 'push' | 'pull'
}

/**
 * Opens the laptop's end of a synced folder and starts to read it; nothing is sent before {@link SyncSession.attach}.
 * @throws UserError `not-found`, `state`, `unsupported`
 */
export function openSyncSession(options: SyncSessionOptions): SyncSession {
  if (options.mode !== 'two-way') {
    throw new UserError('unsupported', `sync mode ${options.mode} is not built yet`, {
      hint: 'leave `mode` out: folders are kept in step both ways',
    })
  }
  return new LaptopSession(options)
}
