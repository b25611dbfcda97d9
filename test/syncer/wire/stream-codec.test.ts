import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import { BrotliPacker, BrotliUnpacker } from '../../../syncer/wire/stream-codec.ts'

const most = 256 * 1024

function both() {
  const [packer, unpacker] = [new BrotliPacker(), new BrotliUnpacker()]
  onTestFinished(() => {
    packer.close()
    unpacker.close()
  })
  return { packer, unpacker }
}

describe('a stream that is packed piece by piece', () => {
  it('gives each piece when it has come, as it was', async () => {
    const piece = fc.record({ bytes: fc.oneof(fc.nat(100), fc.nat(most)), isText: fc.boolean() })
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 8 }), async pieces => {
        const { packer, unpacker } = both()
        const written = pieces.map(({ bytes, isText }) =>
          isText ? Buffer.alloc(bytes, 'a line\n') : randomBytes(bytes),
        )
        const packed = await Promise.all(written.map(bytes => packer.pack(bytes)))
        const unpacked = await Promise.all(packed.map(bytes => unpacker.unpack(bytes, most)))
        expect(unpacked.map((bytes, i) => bytes.equals(written[i]!))).toEqual(written.map(() => true))
      }),
      { numRuns: 25 },
    )
  })

  it('says nothing again of what was in an earlier piece', async () => {
    const { packer } = both()
    const bytes = randomBytes(100_000)
    expect((await packer.pack(bytes)).length).toBeGreaterThan(90_000)
    await packer.pack(randomBytes(most))
    expect((await packer.pack(bytes)).length).toBeLessThan(1_000)
  })

  it('grows by next to nothing where nothing can be packed', async () => {
    const { packer } = both()
    for (let piece = 0; piece < 4; piece++)
      expect((await packer.pack(randomBytes(most))).length).toBeLessThan(most + 1_024)
  })

  it('is refused when it is closed, in whatever state it was', async () => {
    const { packer, unpacker } = both()
    const packed = await packer.pack(Buffer.alloc(most))
    const underWay = unpacker.unpack(packed, most)
    underWay.catch(() => {})
    unpacker.close()
    packer.close()
    await expect(unpacker.unpack(packed, most)).rejects.toThrow()
    await expect(packer.pack(packed)).rejects.toThrow()
  })
})
