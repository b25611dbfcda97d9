import { createHash } from 'node:crypto'
import { brotliCompressSync, constants } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { contentOf, corpus, fullTree, planTree } from '../../bench/tree.ts'

describe('the tree of the bench', () => {
  it('has 50,000 files in 7,609 folders, 183 MB', () => {
    const { files, folders } = planTree(fullTree.files)
    expect(new Set(files.map(({ path }) => path)).size).toBe(50_000)
    expect(new Set(folders).size).toBe(7_609)
    expect(files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)).toBe(183_000_000)
  })

  it('has a file in every folder', () => {
    const { files, folders } = planTree(fullTree.files)
    const used = new Set(files.map(({ path }) => path.slice(0, path.lastIndexOf('/'))))
    expect(folders.filter(folder => !used.has(folder))).toEqual([])
  })

  it('keeps its proportions when it is smaller', () => {
    const { files, folders } = planTree(1000)
    expect(files).toHaveLength(1000)
    expect(folders).toHaveLength(152)
    expect(files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)).toBe(3_660_000)
  })

  it('keeps them when it is larger, with no file too small for the line that makes it unlike all others', () => {
    const { files } = planTree(300_000)
    expect(files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)).toBe(1_098_000_000)
    expect(Math.min(...files.slice(0, 100_000).map(({ sizeBytes }) => sizeBytes))).toBe(200)
    expect(files.filter(({ sizeBytes }) => sizeBytes < 200)).toEqual([])
  })

  it('is the same on every machine', () => {
    const text = corpus()
    const hash = createHash('sha256')
    for (const file of planTree(500).files) hash.update(`${file.path}\0`).update(contentOf(file, text))
    expect(hash.digest('hex')).toBe('897beee69530ef7832c03e35e649a7d376f6b134690663ca1733130318cd7d48')
  })

  it('compresses like source code', () => {
    const text = corpus()
    const batch = Buffer.concat(
      planTree(2000)
        .files.slice(0, 300)
        .map(file => contentOf(file, text)),
    )
    const packed = brotliCompressSync(batch, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } })
    expect(batch.length / packed.length).toBeGreaterThan(2.5)
    expect(batch.length / packed.length).toBeLessThan(5)
  })
})
