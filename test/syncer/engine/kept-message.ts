import type { SyncMessage } from '../../../syncer/wire/sync-message.ts'

/** A message with bytes of its own: those of a graft's files change when it was sent. */
export function keptMessage(message: SyncMessage): SyncMessage {
  if (message.type !== 'graft' || message.bytes === undefined) return message
  return { ...message, bytes: Buffer.from(message.bytes) }
}
