import fs from 'node:fs'
import { crc32 } from 'node:zlib'
import { errnoOf, ProtocolError } from '../base/errors.ts'
import { isFile, unreadFile } from '../core/content.ts'
import type { Stat } from '../disk/disk.ts'
import type { Tree } from '../endpoint/tree.ts'
import { ByteReader } from '../wire/byte-reader.ts'
import { ByteWriter } from '../wire/byte-writer.ts'
import { readPath, readToken, writePath, writeToken } from '../wire/sync-codec.ts'

const version = 2

/**
 * Keeps the hashes of files between two runs, with the stat under which each was taken, so that a start reads no file
 * that did not change. Only a cache: damaged or absent it costs a read of the tree. Hashes that were taken too soon after
 * a change are left out.
 */
export function saveIndex(file: string, tree: Tree): void {
  const to = new ByteWriter()
  to.u8(version)
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
  }
  const body = Buffer.concat(to.take())
  const head = Buffer.alloc(4)
  head.writeUInt32BE(crc32(body))
  const temp = `${file}.new`
  fs.writeFileSync(temp, Buffer.concat([head, body]), { mode: 0o600 })
  fs.renameSync(temp, file)
}

/** Fills the tree with what is known; every entry is compared with the disk before it is believed. */
export function loadIndex(file: string, tree: Tree): void {
  let data: Buffer
  try {
    data = fs.readFileSync(file)
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return
  }
  const body = data.subarray(4)
  if (data.length < 5 || data.readUInt32BE(0) !== crc32(body)) return
  const from = new ByteReader(body)
  try {
    if (from.u8() !== version) return
    while (!from.done) {
      const entry = tree.ensure(readPath(from))
      entry.current = readToken(from)
      entry.key = readKey(from)
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
