import { nameOf, type Path, parentOf } from '../core/path.ts'
import type { Placed, Placing, Stat } from './disk.ts'
import { nativePath } from './native-path.ts'
import { kindOfMode } from './node-file.ts'
import { codeOf } from './system-error.ts'

/** What `native/exchange.c` takes and answers: its structs, in the byte order of both its architectures. */
const headBytes = 12
const changeBytes = 56
const outcomeBytes = 128
const shownBytes = 40
const requests = { whole: 1, rest: 2 }
const regularFile = 0o100000

/** Whether a request can tell its times: nanoseconds in 64 bits, and none before 1970 to be set. */
export function hasUsualTimes({ mtimeMs, before }: Placing): boolean {
  return mtimeMs >= 0 && mtimeMs * 1_000_000 < 2 ** 63 && isOfUsualTimes(before)
}

export function isOfUsualTimes({ mtimeNs, ctimeNs }: Stat): boolean {
  const isTold = (ns: bigint) => ns === BigInt.asIntN(64, ns)
  return isTold(mtimeNs) && isTold(ctimeNs)
}

/** How many bytes such a file takes of a request, at most. */
export function placingBytesMax({ path, fresh, kept, bytes }: Placing): number {
  return headBytesMax(path, fresh, kept) + bytes.length
}

function headBytesMax(...texts: string[]): number {
  return texts.reduce((sum, { length }) => sum + length * 3 + 1, changeBytes + 1)
}

/**
 * @param root absolute path of the folder
 * @param own absolute path of the private folder
 * @returns the parts of the request: what the files hold is not copied
 */
export function encodePlacings(root: string, own: string, files: readonly Placing[]): Buffer[] {
  return encode(requests.whole, root, own, files)
}

/** Asks whether the file is as its stat tells, and nobody has it open for writing. */
export function encodeRestQuestion(root: string, path: Path, stat: Stat): Buffer[] {
  const nothing = { fresh: '', kept: '', bytes: new Uint8Array(), mode: 0, mtimeMs: 0 }
  return encode(requests.rest, root, root, [{ path, before: stat, ...nothing }])
}

function encode(request: number, root: string, own: string, files: readonly Placing[]): Buffer[] {
  const heads = files.reduce((sum, { path, fresh, kept }) => sum + headBytesMax(path, fresh, kept), 0)
  const into = Buffer.allocUnsafe(headBytesMax(root, own) + heads)
  const parts: Buffer[] = []
  let from = 0
  let at = headBytes
  let bytesBefore = 0
  const text = (part: string) => {
    const native = nativePath(part)
    at += typeof native === 'string' ? into.write(native, at) : native.copy(into, at)
    into[at++] = 0
  }
  text(root)
  text(own)
  for (const { path, before, fresh, kept, bytes, mode, mtimeMs } of files) {
    into.writeUInt32LE(bytes.length, at)
    into.writeUInt32LE(mode, at + 4)
    into.writeBigInt64LE(BigInt(Math.floor(mtimeMs * 1000)) * 1000n, at + 8)
    writeShown(into, at + 16, before)
    at += changeBytes
    for (const part of [parentOf(path), nameOf(path), fresh, kept]) text(part)
    parts.push(into.subarray(from, at), Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length))
    bytesBefore += bytes.length
    from = at
  }
  into.writeUInt32LE(request, 0)
  into.writeUInt32LE(at + bytesBefore, 4)
  into.writeUInt32LE(files.length, 8)
  return parts
}

export function answerBytesOf(count: number): number {
  return count * outcomeBytes
}

/** @param answer may be shorter than it should: of the rest nothing is known */
export function decodePlaced(answer: Buffer, count: number): Placed[] {
  return Array.from({ length: count }, (_, i): Placed => {
    const at = i * outcomeBytes
    if (at + outcomeBytes > answer.length) return { code: 'ETIME' }
    const code = codeOf(answer.readUInt32LE(at))
    if (code !== undefined) return { code }
    const [made, kept, placed] = [0, 1, 2].map(which => readShown(answer, at + 8 + which * shownBytes))
    return { made: made!, kept: kept!, placed: placed! }
  })
}

/** @returns undefined where it is not known; also of an answer that did not come */
export function decodeRest(answer: Buffer): boolean | undefined {
  if (answer.length < outcomeBytes) return undefined
  const code = codeOf(answer.readUInt32LE(0))
  return code === undefined || (code === 'EAGAIN' ? false : undefined)
}

function writeShown(into: Buffer, at: number, { ino, size, mtimeNs, ctimeNs, mode }: Stat): void {
  into.writeBigUInt64LE(ino, at)
  into.writeBigUInt64LE(BigInt(size), at + 8)
  into.writeBigInt64LE(mtimeNs, at + 16)
  into.writeBigInt64LE(ctimeNs, at + 24)
  into.writeUInt32LE(regularFile | mode, at + 32)
  into.writeUInt32LE(0, at + 36)
}

function readShown(from: Buffer, at: number): Stat | null {
  const mode = from.readUInt32LE(at + 32)
  if (mode === 0) return null
  return {
    kind: kindOfMode(mode),
    size: Number(from.readBigUInt64LE(at + 8)),
    mtimeNs: from.readBigInt64LE(at + 16),
    ctimeNs: from.readBigInt64LE(at + 24),
    ino: from.readBigUInt64LE(at),
    mode: mode & 0o7777,
    mount: false,
  }
}
