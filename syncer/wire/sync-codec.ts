import { ProtocolError } from '../base/errors.ts'
import { limits } from '../base/limits.ts'
import { markKeyBytes } from '../core/block-marks.ts'
import { absent, assertToken, folder, hashOf, isFile, type Token } from '../core/content.ts'
import { assertSafePath, decodePath, encodePath, type Path } from '../core/path.ts'
import { ByteReader } from './byte-reader.ts'
import type { ByteWriter } from './byte-writer.ts'
import type { RejReason, SyncMessage } from './sync-message.ts'

/** A code of the system's or of ours. */
const codeBytesMax = 64

const types = [
  'hello',
  'welcome',
  'index',
  'bases',
  'epoch',
  'epoch-done',
  'rules',
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
] as const satisfies SyncMessage['type'][]

const rejReasons: RejReason[] = ['changed', 'need', 'failed', 'halted', 'ignored']
const rulesBytesMax = 2 * 1024 * 1024
const indexEntriesMax = 100_000
/** What blocks are told by, in one message. */
const blockHashesBytesMax = 64 * 1024
const proofBytes = 32
/** Blocks that one message takes from elsewhere. */
const reusedBlocksMax = 64
const nothing = new Uint8Array(0)

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

type Of<T extends SyncMessage['type']> = Extract<SyncMessage, { type: T }>

const writers: { [T in SyncMessage['type']]: (to: ByteWriter, message: Of<T>) => void } = {
  hello(to, m) {
    to.text(m.session)
    to.text(m.rules)
    to.f64(m.nowMs)
    to.text(m.agreed)
  },
  welcome(to, m) {
    to.u8(m.marker === null ? 0 : 1)
    if (m.marker !== null) writeMarker(to, m.marker)
    to.f64(m.nowMs)
    to.u8(m.agreesWith ? 1 : 0)
  },
  index(to, m) {
    to.u8(m.last ? 1 : 0)
    to.u32(m.entries.length)
    for (const entry of m.entries) {
      writePath(to, entry.path)
      writeToken(to, entry.current)
      to.u8(entry.base === undefined ? 0 : entry.base === entry.current ? 1 : 2)
      if (entry.base !== undefined && entry.base !== entry.current) writeToken(to, entry.base)
    }
  },
  bases(to, m) {
    to.u8(m.last ? 1 : 0)
    to.u32(m.entries.length)
    for (const entry of m.entries) {
      writePath(to, entry.path)
      writeToken(to, entry.agreed)
    }
  },
  epoch: (to, m) => writeMarker(to, m.marker),
  'epoch-done': (to, m) => to.f64(m.epoch),
  rules: (to, m) => to.text(m.rules),
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
  graft(to, m) {
    to.f64(m.id)
    writePath(to, m.path)
    writeToken(to, m.data)
    to.f64(m.mtimeMs)
    if (isFile(m.data)) to.copiedBlob(m.bytes ?? nothing)
  },
  'graft-end': (to, m) => to.f64(m.id),
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
  staged: (to, m) => to.f64(m.id),
  unstaged(to, m) {
    to.f64(m.id)
    to.u8((m.reason === 'damaged' ? 0 : 1) | (m.path === undefined ? 0 : 2) | (m.code === undefined ? 0 : 4))
    if (m.path !== undefined) writePath(to, m.path)
    if (m.code !== undefined) to.text(m.code)
  },
  forget: (to, m) => to.f64(m.id),
  flush: (to, m) => to.f64(m.id),
  flushed: (to, m) => to.f64(m.id),
  problem(to, m) {
    to.u8(m.path === '' ? 0 : 1)
    if (m.path !== '') writePath(to, m.path)
    to.text(m.code)
    to.text(m.message)
  },
  probe: (to, m) => to.f64(m.id),
  probed(to, m) {
    to.f64(m.id)
    to.f64(m.pending)
  },
}

const readers: { [T in SyncMessage['type']]: (from: ByteReader) => Of<T> } = {
  hello: from => ({
    type: 'hello',
    session: from.text(200),
    rules: from.text(rulesBytesMax),
    nowMs: from.f64(),
    agreed: from.text(100),
  }),
  welcome: from => ({
    type: 'welcome',
    marker: from.flag() ? readMarker(from) : null,
    nowMs: from.f64(),
    agreesWith: from.flag(),
  }),
  index(from) {
    const last = from.flag()
    const entries: Of<'index'>['entries'] = []
    for (let left = readCount(from); left > 0; left--) {
      const path = readPath(from)
      const current = readToken(from)
      const base = from.u8()
      entries.push({ path, current, base: base === 0 ? undefined : base === 1 ? current : readToken(from) })
    }
    return { type: 'index', entries, last }
  },
  bases(from) {
    const last = from.flag()
    const entries: Of<'bases'>['entries'] = []
    for (let left = readCount(from); left > 0; left--) entries.push({ path: readPath(from), agreed: readToken(from) })
    return { type: 'bases', entries, last }
  },
  epoch: from => ({ type: 'epoch', marker: readMarker(from) }),
  'epoch-done': from => ({ type: 'epoch-done', epoch: from.count() }),
  rules: from => ({ type: 'rules', rules: from.text(rulesBytesMax) }),
  put(from) {
    const seq = from.count()
    const path = readPath(from)
    const base = readToken(from)
    const data = readToken(from)
    const mtimeMs = from.f64()
    const flags = from.u8()
    const message: Of<'put'> = { type: 'put', seq, path, base, data, mtimeMs, live: (flags & 1) !== 0 }
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
  graft(from) {
    const id = from.count()
    const path = readPath(from)
    const data = readToken(from)
    if (data === absent) throw new ProtocolError('nothing as a part of a subtree')
    const message: Of<'graft'> = { type: 'graft', id, path, data, mtimeMs: from.f64() }
    if (isFile(data)) message.bytes = from.blob(limits.messageBytesMax)
    return message
  },
  'graft-end': from => ({ type: 'graft-end', id: from.count() }),
  compare(from) {
    const message: Of<'compare'> = { type: 'compare', id: from.count(), path: readPath(from) }
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
    const message: Of<'build'> = { type: 'build', ...head, isPatched: (flags & 1) !== 0 }
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
    const message: Of<'reuse'> = { type: 'reuse', id: from.count(), block: from.count(), count: from.u8() }
    if (message.count === 0 || message.count > reusedBlocksMax) throw new ProtocolError('blocks out of range')
    return message
  },
  staged: from => ({ type: 'staged', id: from.count() }),
  unstaged(from) {
    const id = from.count()
    const flags = from.u8()
    if (flags > 7) throw new ProtocolError('flags out of range')
    const message: Of<'unstaged'> = { type: 'unstaged', id, reason: (flags & 1) === 0 ? 'damaged' : 'failed' }
    if ((flags & 2) !== 0) message.path = readPath(from)
    if ((flags & 4) !== 0) message.code = from.text(codeBytesMax)
    return message
  },
  forget: from => ({ type: 'forget', id: from.count() }),
  flush: from => ({ type: 'flush', id: from.count() }),
  flushed: from => ({ type: 'flushed', id: from.count() }),
  problem: from => ({
    type: 'problem',
    path: from.flag() ? readPath(from) : '',
    code: from.text(codeBytesMax),
    message: from.text(4096),
  }),
  probe: from => ({ type: 'probe', id: from.count() }),
  probed: from => ({ type: 'probed', id: from.count(), pending: from.count() }),
}

function readCount(from: ByteReader): number {
  const count = from.u32()
  if (count > indexEntriesMax) throw new ProtocolError(`${count} entries in one message`)
  return count
}

export function writePath(to: ByteWriter, path: Path): void {
  if (mayNeedBytes.test(path)) to.blob(encodePath(path))
  else to.text(path)
}

/** Bytes that are no UTF-8, and the second half of some rare characters: the rest is text as it is. */
const mayNeedBytes = /[\uDC80-\uDCFF]/

export function readPath(from: ByteReader): Path {
  const path = decodePath(from.blob(limits.pathBytesMax))
  assertSafePath(path)
  return path
}

export function writeToken(to: ByteWriter, token: Token): void {
  const kind = token === '' ? 0 : token.charCodeAt(0)
  to.u8(kind)
  if (isFile(token)) to.hex(hashOf(token), 32)
  else if (kind === 108) to.blob(encodePath(token.slice(1)))
}

export function readToken(from: ByteReader): Token {
  const kind = from.u8()
  if (kind === 0) return ''
  const letter = String.fromCharCode(kind)
  const token =
    letter === 'f' || letter === 'x'
      ? letter + from.hex(32)
      : letter === 'l'
        ? letter + decodePath(from.blob(limits.linkTargetBytesMax))
        : letter
  assertToken(token)
  return token
}

/** A copy: what a bulk message lies in is used again. */
function readExactly(from: ByteReader, length: number): Uint8Array {
  const bytes = from.blob(length)
  if (bytes.length !== length) throw new ProtocolError(`${bytes.length} bytes where ${length} belong`)
  return Uint8Array.from(bytes)
}

function readFileToken(from: ByteReader): Token {
  const token = readToken(from)
  if (!isFile(token)) throw new ProtocolError('content of something that is no file')
  return token
}

function writeMarker(to: ByteWriter, marker: { id: string; epoch: number }): void {
  to.text(marker.id)
  to.f64(marker.epoch)
}

function readMarker(from: ByteReader): { id: string; epoch: number } {
  const id = from.text(64)
  if (!/^[0-9a-z-]{1,64}$/.test(id)) throw new ProtocolError('malformed marker')
  return { id, epoch: from.count() }
}
