import fs from 'node:fs'
import { crc32 } from 'node:zlib'
import { errnoOf, ProtocolError, UserError } from '../base/errors.ts'
import { absent, type Token } from '../core/content.ts'
import type { Path } from '../core/path.ts'
import { ByteReader } from '../wire/byte-reader.ts'
import { ByteWriter } from '../wire/byte-writer.ts'
import { readPath, readToken, writePath, writeToken } from '../wire/sync-codec.ts'
import type { Journal, JournalRecord } from './journal.ts'

const types = [
  'agreed',
  'answered',
  'sent',
  'unsent',
  'void',
  'raising',
  'epoch',
  'checkpoint',
  'clean',
  'start',
] as const

type LogRecord =
  | JournalRecord
  /** Everything before it is on the disk, the user's files too. */
  | { type: 'checkpoint' }
  | { type: 'clean' }
  /** The process started on this boot of the machine. */
  | { type: 'start'; boot: string }

interface PathState {
  agreed: Token
  sent: Token | undefined
  /** Number of checkpoints that came before its last record. */
  checkpoint: number
}

/** A log with more records than this for each path, and longer than `compactBytesMin`, is written anew. */
const wasteFactor = 3
const compactBytesMin = 256 * 1024

/**
 * The journal as a file: batches of `u32 length, u32 crc32, records`, appended. A crash of the process loses nothing; a
 * power cut may lose the tail, which costs conflict copies and no file. After a power cut the records of the last minute
 * are void, because the files that they speak of may have gone back to older content: the kernel writes them back up to
 * 35 s late (`docs/decisions/0002-sync-protocol.md`).
 */
export class AncestorLog implements Journal {
  private readonly file: string
  private readonly boot: string
  private descriptor: number
  private readonly paths = new Map<Path, PathState>()
  private markers: JournalRecord[] = []
  private records = 0
  private bytes = 0

  /**
   * @param file made with its first record
   * @param boot identifies this boot of the machine
   * @throws UserError `state` where the file cannot be read or written
   */
  constructor(file: string, boot: string) {
    this.file = file
    this.boot = boot
    try {
      this.read()
      if (this.bytes > compactBytesMin && this.records > this.paths.size * wasteFactor) this.compact()
      this.descriptor = fs.openSync(file, 'a', 0o600)
      this.write([{ type: 'start', boot }])
    } catch (error) {
      const code = errnoOf(error)
      if (code === undefined) throw error
      throw new UserError('state', `cannot keep the sync state in ${file} (${code})`, { cause: error })
    }
  }

  *load(): Iterable<JournalRecord> {
    for (const [path, { agreed, sent }] of this.paths) {
      if (agreed !== absent) yield { type: 'agreed', path, token: agreed }
      if (sent !== undefined) yield { type: 'sent', path, token: sent }
    }
    yield* this.markers
    this.paths.clear()
  }

  append(records: JournalRecord[]): void {
    this.write(records)
    if (records.some(({ type }) => type === 'epoch' || type === 'raising')) fs.fdatasyncSync(this.descriptor)
  }

  /** Call it every 30 s: what was recorded until the one before the last is trusted even after a power cut. */
  checkpoint(): void {
    this.write([{ type: 'checkpoint' }])
    fs.fdatasyncSync(this.descriptor)
  }

  close(): void {
    this.write([{ type: 'clean' }])
    fs.fdatasyncSync(this.descriptor)
    fs.closeSync(this.descriptor)
  }

  private write(records: LogRecord[]): void {
    const to = new ByteWriter()
    for (const record of records) writeRecord(to, record)
    const body = Buffer.concat(to.take())
    const head = Buffer.alloc(8)
    head.writeUInt32BE(body.length, 0)
    head.writeUInt32BE(crc32(body), 4)
    fs.writeSync(this.descriptor, Buffer.concat([head, body]))
  }

  private read(): void {
    let data: Buffer
    try {
      data = fs.readFileSync(this.file)
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return
      throw error
    }
    const fold = new Fold(this.paths)
    let at = 0
    while (at + 8 <= data.length) {
      const length = data.readUInt32BE(at)
      const body = data.subarray(at + 8, at + 8 + length)
      if (body.length < length || crc32(body) !== data.readUInt32BE(at + 4) || !this.readBatch(body, fold)) break
      at += 8 + length
    }
    // What follows a torn batch would hide behind it for ever.
    if (at < data.length) fs.truncateSync(this.file, at)
    this.bytes = at
    fold.finish(this.boot)
    this.markers = fold.markers
  }

  private readBatch(body: Buffer, fold: Fold): boolean {
    try {
      const from = new ByteReader(body)
      while (!from.done) {
        fold.add(readRecord(from))
        this.records += 1
      }
      return true
    } catch (error) {
      if (error instanceof ProtocolError) return false
      throw error
    }
  }

  private compact(): void {
    const temp = `${this.file}.new`
    this.descriptor = fs.openSync(temp, 'w', 0o600)
    try {
      let batch: LogRecord[] = [...this.markers]
      for (const [path, { agreed, sent }] of this.paths) {
        if (agreed !== absent) batch.push({ type: 'agreed', path, token: agreed })
        if (sent !== undefined) batch.push({ type: 'sent', path, token: sent })
        if (batch.length < 2_000) continue
        this.write(batch)
        batch = []
      }
      this.write(batch)
      // What was read here was already judged: it counts as long since on the disk.
      this.write([{ type: 'checkpoint' }, { type: 'checkpoint' }, { type: 'checkpoint' }])
      fs.fsyncSync(this.descriptor)
    } finally {
      fs.closeSync(this.descriptor)
    }
    fs.renameSync(temp, this.file)
  }
}

/** From the records, in order, to what holds now. */
class Fold {
  markers: JournalRecord[] = []
  private readonly paths: Map<Path, PathState>
  private checkpoints = 0
  private boot: string | undefined
  private clean = true

  constructor(paths: Map<Path, PathState>) {
    this.paths = paths
  }

  add(record: LogRecord): void {
    switch (record.type) {
      case 'start':
        this.passBoot(record.boot)
        break
      case 'clean':
        this.clean = true
        break
      case 'checkpoint':
        this.checkpoints += 1
        break
      case 'void':
        this.paths.clear()
        break
      case 'raising':
        this.markers = [...this.markers.filter(({ type }) => type === 'epoch'), record]
        break
      case 'epoch':
        this.markers = [record]
        break
      default:
        this.addPath(record)
    }
  }

  finish(boot: string): void {
    this.passBoot(boot)
  }

  private addPath(record: Extract<LogRecord, { path: Path }>): void {
    const state = this.paths.get(record.path) ?? { agreed: absent, sent: undefined, checkpoint: 0 }
    if (record.type === 'agreed' || record.type === 'answered') state.agreed = record.token
    if (record.type === 'sent') state.sent = record.token
    else if (record.type !== 'agreed') state.sent = undefined
    state.checkpoint = this.checkpoints
    if (state.agreed === absent && state.sent === undefined) this.paths.delete(record.path)
    else this.paths.set(record.path, state)
  }

  /** Another boot without a clean stop before it: the machine went down under us. */
  private passBoot(boot: string): void {
    if (this.boot !== undefined && boot !== this.boot && !this.clean) {
      for (const [path, state] of this.paths) {
        if (state.checkpoint >= this.checkpoints - 2) this.paths.delete(path)
        else state.sent = undefined
      }
    }
    this.boot = boot
    this.clean = false
  }
}

function writeRecord(to: ByteWriter, record: LogRecord): void {
  to.u8(types.indexOf(record.type))
  switch (record.type) {
    case 'agreed':
    case 'answered':
    case 'sent':
      writePath(to, record.path)
      writeToken(to, record.token)
      break
    case 'unsent':
      writePath(to, record.path)
      break
    case 'raising':
    case 'epoch':
      to.text(record.id)
      to.f64(record.epoch)
      break
    case 'start':
      to.text(record.boot)
  }
}

function readRecord(from: ByteReader): LogRecord {
  const type = types[from.u8()]
  switch (type) {
    case 'agreed':
    case 'answered':
    case 'sent':
      return { type, path: readPath(from), token: readToken(from) }
    case 'unsent':
      return { type, path: readPath(from) }
    case 'raising':
    case 'epoch':
      return { type, id: from.text(64), epoch: from.count() }
    case 'start':
      return { type, boot: from.text(200) }
    case 'void':
    case 'checkpoint':
    case 'clean':
      return { type }
    default:
      throw new ProtocolError('unknown record')
  }
}

/** Identifies this boot of the machine. */
export function bootId(uptimeSeconds: number, nowMs: number): string {
  try {
    return fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    // Elsewhere: the time of the boot, to the minute, for the two clocks drift apart.
    return `boot-${Math.round((nowMs / 1000 - uptimeSeconds) / 60)}`
  }
}
