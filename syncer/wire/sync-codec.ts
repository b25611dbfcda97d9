import { ProtocolError } from '../base/errors.ts'
import { ByteReader } from './byte-reader.ts'
import type { ByteWriter } from './byte-writer.ts'
import { changeReaders, changeWriters } from './change-codec.ts'
import { contactReaders, contactWriters } from './contact-codec.ts'
import { contactTypes } from './contact-message.ts'
import { contentReaders, contentWriters } from './content-codec.ts'
import type { Readers, Writers } from './message-codec.ts'
import { codeBytesMax, readPath, writePath } from './sync-fields.ts'
import type { StateMessage, SyncMessage } from './sync-message.ts'

const types = [
  ...contactTypes,
  'put',
  'ack',
  'rej',
  'content',
  'staged',
  'unstaged',
  'forget',
  'flush',
  'flushed',
  'problem',
  'probe',
  'probed',
  'graft',
  'graft-end',
  'move',
  'compare',
  'blocks',
  'build',
  'fill',
  'reuse',
  'early',
  'replaced',
] as const satisfies SyncMessage['type'][]

/** Appends one message: u8 type, then its fields, big-endian. */
export function writeMessage(to: ByteWriter, message: SyncMessage): void {
  to.u8(types.indexOf(message.type))
  const write = writers[message.type] as (to: ByteWriter, message: SyncMessage) => void
  write(to, message)
}

/** Reads the messages of one batch. Everything from the other end is checked here: paths, tokens, lengths, ranges. */
export function* readMessages(bytes: Uint8Array): Generator<SyncMessage> {
  const from = new ByteReader(bytes)
  while (!from.done) {
    const type = types[from.u8()]
    if (type === undefined) throw new ProtocolError('unknown sync message')
    yield readers[type](from)
  }
}

const stateWriters: Writers<StateMessage['type']> = {
  flush: (to, m) => to.f64(m.id),
  flushed: (to, m) => to.f64(m.id),
  problem(to, m) {
    to.u8(m.path === '' ? 0 : 1)
    if (m.path !== '') writePath(to, m.path)
    to.text(m.code)
    to.text(m.message)
    to.u8(m.isUnmade ? 1 : 0)
    to.u8(m.isUnread ? 1 : 0)
  },
  replaced: (to, m) => writePath(to, m.path),
  probe: (to, m) => to.f64(m.id),
  probed(to, m) {
    to.f64(m.id)
    to.f64(m.pending)
  },
}

const stateReaders: Readers<StateMessage['type']> = {
  flush: from => ({ type: 'flush', id: from.count() }),
  flushed: from => ({ type: 'flushed', id: from.count() }),
  problem: from => ({
    type: 'problem',
    path: from.flag() ? readPath(from) : '',
    code: from.text(codeBytesMax),
    message: from.text(4096),
    isUnmade: from.flag(),
    isUnread: from.flag(),
  }),
  replaced: from => ({ type: 'replaced', path: readPath(from) }),
  probe: from => ({ type: 'probe', id: from.count() }),
  probed: from => ({ type: 'probed', id: from.count(), pending: from.count() }),
}

const writers: Writers<SyncMessage['type']> = {
  ...contactWriters,
  ...changeWriters,
  ...contentWriters,
  ...stateWriters,
}

const readers: Readers<SyncMessage['type']> = {
  ...contactReaders,
  ...changeReaders,
  ...contentReaders,
  ...stateReaders,
}
