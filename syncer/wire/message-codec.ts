import type { ByteReader } from './byte-reader.ts'
import type { ByteWriter } from './byte-writer.ts'
import type { SyncMessage } from './sync-message.ts'

export type MessageOf<T extends SyncMessage['type']> = Extract<SyncMessage, { type: T }>

/** Appends the fields of each type. */
export type Writers<T extends SyncMessage['type']> = { [K in T]: (to: ByteWriter, message: MessageOf<K>) => void }

/** Reads and checks the fields of each type. */
export type Readers<T extends SyncMessage['type']> = { [K in T]: (from: ByteReader) => MessageOf<K> }
