import fs from 'node:fs'
import { crc32 } from 'node:zlib'
import { errnoOf, ProtocolError } from '../../base/errors.ts'
import { isFile, unreadFile } from '../../core/content.ts'
import type { Stat } from '../../disk/disk.ts'
import type { Replica } from '../../endpoint/replica.ts'
import type { Tree } from '../../endpoint/tree.ts'
import { ByteReader } from '../../wire/byte-reader.ts'
import { ByteWriter } from '../../wire/byte-writer.ts'
import { readPath, readToken, writePath, writeToken } from '../../wire/sync-fields.ts'

const version = 3
export const headBytes = 4
const pieceBytes = 64 * 1024
/** Linux writes a file's content back up to 35 s late; the stat that goes with it may be on the disk before, in ms. */
const writtenBackMs = 60_000

/**
 * The hashes of files between two runs, with the stat under which each was taken, so that a start reads no file that did
 * not change. Only a cache: damaged or absent it costs a read of the tree. Hashes that were taken too soon after a change
 * are left out.
 */
export function packIndex(tree: Tree, nowMs: number): Buffer {
  const body = Buffer.concat(Array.from(indexPieces(tree, nowMs), piece => Buffer.from(piece)))
  return Buffer.concat([headOf(crc32(body)), body])
}

export function headOf(sum: number): Buffer {
  const head = Buffer.alloc(headBytes)
  head.writeUInt32BE(sum)
  return head
}

/** What follows the head; a piece is valid until the next one is asked for. The tree may change in between. */
export function* indexPieces(tree: Tree, nowMs: number): Generator<Uint8Array> {
  const to = new ByteWriter(pieceBytes)
  to.u8(version)
  to.f64(nowMs)
  for (const entry of tree.walk()) {
    const { key } = entry
    if (key === null || entry.racy || !isFile(entry.current) || entry.current === unreadFile) continue
    writePath(to, entry.path)
    writeToken(to, entry.current)
    to.i64(key.mtimeNs)
    to.i64(key.ctimeNs)
    to.i64(BigInt.asIntN(64, key.ino))
    to.f64(key.size)
    to.u16(key.mode)
    if (to.length >= pieceBytes / 2) yield* flushed(to)
  }
  yield* flushed(to)
}

function* flushed(to: ByteWriter): Generator<Uint8Array> {
  const { parts, done } = to.takeOut()
  yield* parts
  done()
}

/**
 * Fills the tree with what is known; every entry is compared with the disk before it is believed.
 *
 * @param otherBoot the machine may have gone down since: a file that changed shortly before the index was written may
 *   have its new stat and its old content, and is left out
 */
export function loadIndex(file: string, replica: Replica, otherBoot: boolean): void {
  let data: Buffer
  try {
    data = fs.readFileSync(file)
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return
  }
  unpackIndex(data, replica.tree, otherBoot, replica.looker.stamps.presentNs())
}

/**
 * @param data of {@link packIndex}, or damaged
 * @param presentNs a change of now may bear the time stamps from here on: the clock may have been set back since
 */
export function unpackIndex(data: Buffer, tree: Tree, otherBoot: boolean, presentNs: bigint): void {
  const body = data.subarray(headBytes)
  if (data.length <= headBytes || data.readUInt32BE(0) !== crc32(body)) return
  const from = new ByteReader(body)
  try {
    if (from.u8() !== version) return
    const savedAtMs = from.f64()
    const bootedNs = otherBoot ? BigInt(Math.floor(savedAtMs - writtenBackMs)) * 1_000_000n : presentNs
    const trustedNs = bootedNs < presentNs ? bootedNs : presentNs
    while (!from.done) {
      const path = readPath(from)
      const token = readToken(from)
      const key = readKey(from)
      if (key.ctimeNs >= trustedNs) continue
      const entry = tree.ensure(path)
      entry.current = token
      entry.key = key
    }
  } catch (error) {
    // Written by another version with the same number: the rest is read from the files.
    if (!(error instanceof ProtocolError)) throw error
  }
}

function readKey(from: ByteReader): Stat {
  const mtimeNs = from.i64()
  const ctimeNs = from.i64()
  const ino = BigInt.asUintN(64, from.i64())
  return { kind: 'file', mtimeNs, ctimeNs, ino, size: from.count(), mode: from.u16(), mount: false }
}
