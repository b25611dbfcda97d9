import { createHash } from 'node:crypto'

/** Files with content that does not compress, the same for the same seed: path → bytes. */
export function noise(seed: string, count: number, sizeBytes: number): Record<string, Buffer> {
  const files: Record<string, Buffer> = {}
  for (let i = 0; i < count; i++) files[`data/${i % 17}/file-${i}.bin`] = noiseBytes(`${seed}-${i}`, sizeBytes)
  return files
}

export function noiseBytes(seed: string, sizeBytes: number): Buffer {
  // SHAKE256 gives as many bytes as asked for
  return createHash('shake256', { outputLength: sizeBytes }).update(seed).digest()
}
