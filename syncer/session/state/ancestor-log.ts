import fs from 'node:fs'
import { crc32 } from 'node:zlib'
import { errnoOf, ProtocolError, UserError } from '../../base/errors.ts'
import { isMode } from '../../core/sync-policy.ts'
import { type Journal, JournalError, type JournalRecord } from '../../engine/exchange/journal.ts'
import { ByteReader } from '../../wire/byte-reader.ts'
import { ByteWriter } from '../../wire/byte-writer.ts'
import { readPath, readToken, writePath, writeToken } from '../../wire/sync-fields.ts'
import { Ledger, type LedgerRecord } from './ledger.ts'

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
  'was',
  'mode',
] as const

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
  /** The machine has started anew since the last process. */
  otherBoot = false
  private loaded: JournalRecord[] = []
  private records = 0
  private bytes = 0
  /** Where whole batches end. */
  private end = 0
  /** Part of a batch lies behind that. */
  private isTorn = false

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
      if (this.bytes > compactBytesMin && this.records > this.loaded.length * wasteFactor) this.compact()
      this.descriptor = fs.openSync(file, 'a', 0o600)
      this.begin()
    } catch (error) {
      const code = errnoOf(error)
      if (code === undefined) throw error
      throw new UserError('state', `cannot keep the sync state in ${file} (${code})`, { cause: error })
    }
  }

  load(): Iterable<JournalRecord> {
    const { loaded } = this
    this.loaded = []
    return loaded
  }

  append(records: JournalRecord[]): void {
    try {
      this.write(records)
      if (records.some(({ type }) => type === 'epoch' || type === 'raising')) fs.fdatasyncSync(this.descriptor)
    } catch (error) {
      const code = errnoOf(error)
      if (code === undefined) throw error
      throw new JournalError(code, error)
    }
  }

  /**
   * Call it every 30 s: what was recorded until the one before the last is trusted even after a power cut. Where it
   * cannot be written nothing more is trusted than before.
   */
  checkpoint(): void {
    try {
      this.write([{ type: 'checkpoint' }])
      fs.fdatasyncSync(this.descriptor)
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
    }
  }

  close(): void {
    try {
      fs.fdatasyncSync(this.descriptor)
    } catch (error) {
      // As after a power cut: what was not written costs conflict copies.
      if (errnoOf(error) === undefined) throw error
    }
    fs.closeSync(this.descriptor)
  }

  private begin(): void {
    try {
      this.end = fs.fstatSync(this.descriptor).size
      this.write([{ type: 'start', boot: this.boot }])
    } catch (error) {
      fs.closeSync(this.descriptor)
      throw error
    }
  }

  private write(records: LedgerRecord[]): void {
    const to = new ByteWriter()
    for (const record of records) writeRecord(to, record)
    const body = Buffer.concat(to.take())
    const head = Buffer.alloc(8)
    head.writeUInt32BE(body.length, 0)
    head.writeUInt32BE(crc32(body), 4)
    this.writeWhole(Buffer.concat([head, body]))
  }

  /** A batch of which a part is there would hide all that follow it. */
  private writeWhole(batch: Buffer): void {
    if (this.isTorn) fs.ftruncateSync(this.descriptor, this.end)
    this.isTorn = true
    for (let at = 0; at < batch.length; ) at += fs.writeSync(this.descriptor, batch, at)
    this.isTorn = false
    this.end += batch.length
  }

  private read(): void {
    let data: Buffer
    try {
      data = fs.readFileSync(this.file)
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return
      throw error
    }
    const ledger = new Ledger()
    let at = 0
    while (at + 8 <= data.length) {
      const length = data.readUInt32BE(at)
      const body = data.subarray(at + 8, at + 8 + length)
      if (body.length < length || crc32(body) !== data.readUInt32BE(at + 4) || !this.readBatch(body, ledger)) break
      at += 8 + length
    }
    // What follows a torn batch would hide behind it for ever.
    if (at < data.length) fs.truncateSync(this.file, at)
    this.bytes = at
    this.loaded = [...ledger.finish(this.boot)]
    this.otherBoot = ledger.otherBoot
  }

  private readBatch(body: Buffer, ledger: Ledger): boolean {
    try {
      const from = new ByteReader(body)
      while (!from.done) {
        const record = readRecord(from)
        if (record !== undefined) ledger.add(record)
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
      for (let at = 0; at < this.loaded.length; at += 2_000) this.write(this.loaded.slice(at, at + 2_000))
      // What was read here was already judged: it counts as long since on the disk.
      this.write([{ type: 'checkpoint' }, { type: 'checkpoint' }, { type: 'checkpoint' }])
      fs.fsyncSync(this.descriptor)
    } finally {
      fs.closeSync(this.descriptor)
    }
    fs.renameSync(temp, this.file)
  }
}

function writeRecord(to: ByteWriter, record: LedgerRecord): void {
  to.u8(types.indexOf(record.type))
  switch (record.type) {
    case 'agreed':
    case 'answered':
    case 'sent':
    case 'was':
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
    case 'mode':
      to.text(record.mode)
      break
    case 'start':
      to.text(record.boot)
  }
}

/** Undefined for what earlier versions wrote at their end: it proves nothing. */
function readRecord(from: ByteReader): LedgerRecord | undefined {
  const type = types[from.u8()]
  switch (type) {
    case 'agreed':
    case 'answered':
    case 'sent':
    case 'was':
      return { type, path: readPath(from), token: readToken(from) }
    case 'unsent':
      return { type, path: readPath(from) }
    case 'raising':
    case 'epoch':
      return { type, id: from.text(64), epoch: from.count() }
    case 'mode': {
      const mode = from.text(20)
      if (!isMode(mode)) throw new ProtocolError('unknown mode')
      return { type, mode }
    }
    case 'start':
      return { type, boot: from.text(200) }
    case 'void':
    case 'checkpoint':
      return { type }
    case 'clean':
      return undefined
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
