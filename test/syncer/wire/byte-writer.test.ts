import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ByteWriter } from '../../../syncer/wire/byte-writer.ts'

const run = fc.record({ copied: fc.boolean(), bytes: fc.uint8Array({ maxLength: 3_000 }) })

test('what was taken out stays as it is until it is done with, whatever is written meanwhile', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ runs: fc.array(run, { maxLength: 6 }), doneAfter: fc.nat(4) }), { maxLength: 30 }),
      batches => {
        const writer = new ByteWriter(4_096)
        const scratch = Buffer.alloc(3_000)
        const open: { parts: Uint8Array[]; expected: Buffer; done: () => void; left: number }[] = []
        for (const { runs, doneAfter } of batches) {
          const expected: Uint8Array[] = []
          for (const { copied, bytes } of runs) {
            expected.push(u32(bytes.length), bytes)
            if (copied) {
              scratch.set(bytes)
              writer.copiedBlob(scratch.subarray(0, bytes.length))
              scratch.fill(0xee)
            } else writer.blob(bytes)
          }
          const whole = Buffer.concat(expected)
          expect(writer.length).toBe(whole.length)
          open.push({ ...writer.takeOut(), expected: whole, left: doneAfter })
          expect(writer.length).toBe(0)
          for (const each of [...open]) {
            expect(Buffer.concat(each.parts).equals(each.expected)).toBe(true)
            if (each.left-- > 0) continue
            each.done()
            open.splice(open.indexOf(each), 1)
          }
        }
      },
    ),
    { numRuns: 200 },
  )
})

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
