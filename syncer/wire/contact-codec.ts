import { ProtocolError } from '../base/errors.ts'
import type { ByteReader } from './byte-reader.ts'
import type { ByteWriter } from './byte-writer.ts'
import type { ContactMessage } from './contact-message.ts'
import type { MessageOf, Readers, Writers } from './message-codec.ts'
import { readPath, readToken, writePath, writeToken } from './sync-fields.ts'

const rulesBytesMax = 2 * 1024 * 1024
const indexEntriesMax = 100_000

export const contactWriters: Writers<ContactMessage['type']> = {
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
}

export const contactReaders: Readers<ContactMessage['type']> = {
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
    const entries: MessageOf<'index'>['entries'] = []
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
    const entries: MessageOf<'bases'>['entries'] = []
    for (let left = readCount(from); left > 0; left--) entries.push({ path: readPath(from), agreed: readToken(from) })
    return { type: 'bases', entries, last }
  },
  epoch: from => ({ type: 'epoch', marker: readMarker(from) }),
  'epoch-done': from => ({ type: 'epoch-done', epoch: from.count() }),
  rules: from => ({ type: 'rules', rules: from.text(rulesBytesMax) }),
}

function readCount(from: ByteReader): number {
  const count = from.u32()
  if (count > indexEntriesMax) throw new ProtocolError(`${count} entries in one message`)
  return count
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
