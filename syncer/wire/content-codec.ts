import { ProtocolError } from '../base/errors.ts'
import { limits } from '../base/limits.ts'
import { markKeyBytes } from '../core/block-marks.ts'
import type { ContentMessage } from './content-message.ts'
import type { MessageOf, Readers, Writers } from './message-codec.ts'
import { codeBytesMax, readExactly, readFileToken, readPath, writePath, writeToken } from './sync-fields.ts'

/** What blocks are told by, in one message. */
const blockHashesBytesMax = 64 * 1024
const proofBytes = 32
/** Blocks that one message takes from elsewhere. */
const reusedBlocksMax = 64

export const contentWriters: Writers<ContentMessage['type']> = {
  content(to, m) {
    to.f64(m.id)
    writeToken(to, m.token)
    to.f64(m.offset)
    to.u8(m.last ? 1 : 0)
    to.f64(m.mtimeMs)
    to.blob(m.bytes)
  },
  early(to, m) {
    to.f64(m.id)
    writePath(to, m.path)
    writeToken(to, m.token)
    to.f64(m.mtimeMs)
    to.blob(m.bytes)
  },
  staged: (to, m) => to.f64(m.id),
  unstaged(to, m) {
    to.f64(m.id)
    to.u8((m.reason === 'damaged' ? 0 : 1) | (m.path === undefined ? 0 : 2) | (m.code === undefined ? 0 : 4))
    if (m.path !== undefined) writePath(to, m.path)
    if (m.code !== undefined) to.text(m.code)
  },
  forget: (to, m) => to.f64(m.id),
  compare(to, m) {
    to.f64(m.id)
    writePath(to, m.path)
    to.u8((m.source === undefined ? 0 : 1) | (m.token === undefined ? 0 : 2) | (m.key === undefined ? 0 : 4))
    if (m.source !== undefined) writePath(to, m.source)
    if (m.token !== undefined) writeToken(to, m.token)
    if (m.key !== undefined) to.blob(m.key)
  },
  blocks(to, m) {
    to.f64(m.id)
    to.blob(m.hashes)
    to.u8(m.size === undefined ? 0 : 1)
    if (m.size !== undefined) to.f64(m.size)
  },
  build(to, m) {
    to.f64(m.id)
    writeToken(to, m.token)
    to.f64(m.size)
    to.f64(m.mtimeMs)
    to.u8((m.isPatched ? 1 : 0) | (m.proof === undefined ? 0 : 2))
    if (m.proof !== undefined) to.blob(m.proof)
  },
  fill(to, m) {
    to.f64(m.id)
    to.f64(m.offset)
    to.blob(m.bytes)
    to.u8(m.last ? 1 : 0)
  },
  reuse(to, m) {
    to.f64(m.id)
    to.f64(m.block)
    to.u8(m.count)
  },
}

export const contentReaders: Readers<ContentMessage['type']> = {
  content(from) {
    const id = from.count()
    const token = readFileToken(from)
    const offset = from.count()
    const last = from.flag()
    return { type: 'content', id, token, offset, last, mtimeMs: from.f64(), bytes: from.blob(limits.messageBytesMax) }
  },
  early: from => ({
    type: 'early',
    id: from.count(),
    path: readPath(from),
    token: readFileToken(from),
    mtimeMs: from.f64(),
    bytes: from.blob(limits.earlyBytesMax),
  }),
  staged: from => ({ type: 'staged', id: from.count() }),
  unstaged(from) {
    const id = from.count()
    const flags = from.u8()
    if (flags > 7) throw new ProtocolError('flags out of range')
    const message: MessageOf<'unstaged'> = { type: 'unstaged', id, reason: (flags & 1) === 0 ? 'damaged' : 'failed' }
    if ((flags & 2) !== 0) message.path = readPath(from)
    if ((flags & 4) !== 0) message.code = from.text(codeBytesMax)
    return message
  },
  forget: from => ({ type: 'forget', id: from.count() }),
  compare(from) {
    const message: MessageOf<'compare'> = { type: 'compare', id: from.count(), path: readPath(from) }
    const flags = from.u8()
    if (flags > 7) throw new ProtocolError('flags out of range')
    if ((flags & 1) !== 0) message.source = readPath(from)
    if ((flags & 2) !== 0) message.token = readFileToken(from)
    if ((flags & 4) !== 0) message.key = readExactly(from, markKeyBytes)
    return message
  },
  blocks(from) {
    const id = from.count()
    const hashes = from.blob(blockHashesBytesMax)
    return { type: 'blocks', id, hashes, size: from.flag() ? from.count() : undefined }
  },
  build(from) {
    const head = { id: from.count(), token: readFileToken(from), size: from.count(), mtimeMs: from.f64() }
    const flags = from.u8()
    if (flags > 3) throw new ProtocolError('flags out of range')
    const message: MessageOf<'build'> = { type: 'build', ...head, isPatched: (flags & 1) !== 0 }
    if ((flags & 2) !== 0) message.proof = readExactly(from, proofBytes)
    return message
  },
  fill: from => ({
    type: 'fill',
    id: from.count(),
    offset: from.count(),
    bytes: from.blob(limits.messageBytesMax),
    last: from.flag(),
  }),
  reuse(from) {
    const message: MessageOf<'reuse'> = { type: 'reuse', id: from.count(), block: from.count(), count: from.u8() }
    if (message.count === 0 || message.count > reusedBlocksMax) throw new ProtocolError('blocks out of range')
    return message
  },
}
