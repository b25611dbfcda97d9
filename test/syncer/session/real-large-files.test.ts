import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { RealPair, until } from './real-pair.ts'

let pair: RealPair

beforeEach(() => {
  pair = new RealPair()
})
afterEach(() => pair.dispose())

/** A file of zeros but for some bytes. */
function writeSparse(file: string, sizeBytes: number, texts: Record<number, string>): void {
  const descriptor = fs.openSync(file, 'w')
  try {
    for (const [at, text] of Object.entries(texts)) fs.writeSync(descriptor, text, Number(at))
    fs.ftruncateSync(descriptor, sizeBytes)
  } finally {
    fs.closeSync(descriptor)
  }
}

function textAt(file: string, at: number, length: number): string {
  const descriptor = fs.openSync(file, 'r')
  try {
    const bytes = Buffer.alloc(length)
    return bytes.subarray(0, fs.readSync(descriptor, bytes, 0, length, at)).toString()
  } finally {
    fs.closeSync(descriptor)
  }
}

const takenBytes = (file: string) => fs.statSync(file).blocks * 512

test('cases 18, 90: a file of more than 2 GiB keeps its holes, and its zeros do not travel', async ({ skip }) => {
  const [size, far] = [2 ** 31 + 5_000_000, 2 ** 31 + 1_000_000]
  const file = pair.at('laptop', 'disk.img')
  writeSparse(file, size, { 10: 'near', [far]: 'far' })
  skip(takenBytes(file) > size / 2, 'the file system knows no holes')
  pair.open()
  pair.attach()
  const there = pair.at('pod', 'disk.img')
  await until(() => fs.existsSync(there), 240_000)
  await pair.inStep()
  expect(fs.statSync(there).size).toBe(size)
  expect([textAt(there, 10, 4), textAt(there, far, 3), textAt(there, far - 1, 1)]).toEqual(['near', 'far', '\0'])
  expect(takenBytes(there)).toBeLessThan(16 * 1024 * 1024)
  expect(pair.session.status().bytesSent).toBeLessThan(2 * 1024 * 1024)
}, 300_000)

test('a large file that is renamed, and one of which a byte changes, send little', async () => {
  const content = randomBytes(6 * 1024 * 1024)
  pair.write('laptop', 'one', content)
  pair.open()
  pair.attach()
  await pair.inStep()
  const before = pair.session.status().bytesSent
  pair.rename('laptop', 'one', 'two')
  await pair.inStep()
  expect(fs.readFileSync(pair.at('pod', 'two')).equals(content)).toBe(true)
  content[3_000_000]! ^= 1
  pair.write('laptop', 'two', content)
  await pair.inStep()
  await until(() => fs.readFileSync(pair.at('pod', 'two')).equals(content))
  expect(fs.existsSync(pair.at('pod', 'one'))).toBe(false)
  expect(pair.session.status().bytesSent - before).toBeLessThan(1024 * 1024)
})
