import { ProtocolError } from '../base/errors.ts'
import { limits } from '../base/limits.ts'
import { absent, folder, isFile } from '../core/content.ts'
import type { ChangeMessage, RejReason } from './change-message.ts'
import type { MessageOf, Readers, Writers } from './message-codec.ts'
import { readPath, readToken, writePath, writeToken } from './sync-fields.ts'

const rejReasons: RejReason[] = ['differs', 'changed', 'need', 'failed', 'halted', 'ignored']
const nothing = new Uint8Array(0)

export const changeWriters: Writers<ChangeMessage['type']> = {
  put(to, m) {
    to.f64(m.seq)
    writePath(to, m.path)
    writeToken(to, m.base)
    writeToken(to, m.data)
    to.f64(m.mtimeMs)
    to.u8((m.live ? 1 : 0) | (m.bytes === undefined ? 0 : 2) | (m.staged === undefined ? 0 : 4))
    if (m.bytes !== undefined) to.blob(m.bytes)
    if (m.staged !== undefined) to.f64(m.staged)
  },
  move(to, m) {
    to.f64(m.seq)
    writePath(to, m.from)
    writePath(to, m.path)
    to.hex(m.digest, 32)
  },
  ack(to, m) {
    to.f64(m.seq)
    writePath(to, m.path)
  },
  rej(to, m) {
    to.f64(m.seq)
    writePath(to, m.path)
    to.u8(rejReasons.indexOf(m.reason))
  },
  graft(to, m) {
    to.f64(m.id)
    writePath(to, m.path)
    writeToken(to, m.data)
    to.f64(m.mtimeMs)
    if (isFile(m.data)) to.copiedBlob(m.bytes ?? nothing)
  },
  'graft-end': (to, m) => to.f64(m.id),
}

export const changeReaders: Readers<ChangeMessage['type']> = {
  put(from) {
    const seq = from.count()
    const path = readPath(from)
    const base = readToken(from)
    const data = readToken(from)
    const mtimeMs = from.f64()
    const flags = from.u8()
    const message: MessageOf<'put'> = { type: 'put', seq, path, base, data, mtimeMs, live: (flags & 1) !== 0 }
    if ((flags & 2) !== 0) message.bytes = from.blob(limits.messageBytesMax)
    if ((flags & 4) !== 0) message.staged = from.count()
    if (((flags & 6) !== 0 && !isFile(data) && data !== folder) || ((flags & 2) !== 0 && data === folder))
      throw new ProtocolError('content for something that is no file')
    return message
  },
  move: from => ({
    type: 'move',
    seq: from.count(),
    from: readPath(from),
    path: readPath(from),
    digest: from.hex(32),
  }),
  ack: from => ({ type: 'ack', seq: from.count(), path: readPath(from) }),
  rej(from) {
    const seq = from.count()
    const path = readPath(from)
    const reason = rejReasons[from.u8()]
    if (reason === undefined) throw new ProtocolError('unknown reason')
    return { type: 'rej', seq, path, reason }
  },
  graft(from) {
    const id = from.count()
    const path = readPath(from)
    const data = readToken(from)
    if (data === absent) throw new ProtocolError('nothing as a part of a subtree')
    const message: MessageOf<'graft'> = { type: 'graft', id, path, data, mtimeMs: from.f64() }
    if (isFile(data)) message.bytes = from.blob(limits.messageBytesMax)
    return message
  },
  'graft-end': from => ({ type: 'graft-end', id: from.count() }),
}
