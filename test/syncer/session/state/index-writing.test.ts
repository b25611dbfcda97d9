import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { fileToken } from '../../../../syncer/core/content.ts'
import { Tree } from '../../../../syncer/endpoint/tree.ts'
import { packIndex } from '../../../../syncer/session/state/index-cache.ts'
import { IndexWriting } from '../../../../syncer/session/state/index-writing.ts'

const nowMs = 1_790_000_000_000
let folder: string
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'podswap-index-'))
})
afterEach(() => fs.rmSync(folder, { recursive: true }))

function treeOf(files: number): Tree {
  const tree = new Tree()
  for (let i = 0; i < files; i++) {
    const entry = tree.ensure(`folder-${i % 50}/file-${i}`)
    const stamp = BigInt(nowMs - 120_000) * 1_000_000n
    entry.current = fileToken(i.toString(16).padStart(64, '0'), false)
    entry.key = { kind: 'file', mtimeNs: stamp, ctimeNs: stamp, ino: BigInt(i), size: i, mode: 0o644, mount: false }
  }
  return tree
}

test('the pieces are the file, which is there when it is whole', () => {
  const file = path.join(folder, 'index')
  const tree = treeOf(2_000)
  const writing = new IndexWriting(file, tree, nowMs)
  let steps = 1
  while (writing.step() === 'more') {
    steps += 1
    expect(fs.existsSync(file)).toBe(false)
  }
  expect(steps).toBeGreaterThan(3)
  expect(fs.readFileSync(file).equals(packIndex(tree, nowMs))).toBe(true)
  expect(fs.readdirSync(folder)).toEqual(['index'])
})

test('what goes away between two pieces is left out', () => {
  const file = path.join(folder, 'index')
  const tree = treeOf(2_000)
  const writing = new IndexWriting(file, tree, nowMs)
  writing.step()
  for (const entry of [...tree.walk()]) entry.key = null
  while (writing.step() === 'more');
  expect(fs.statSync(file).size).toBeLessThan(packIndex(treeOf(2_000), nowMs).length / 2)
})

test('where it cannot be written, or is ended, nothing is left of it', () => {
  expect(new IndexWriting(path.join(folder, 'none', 'index'), treeOf(10), nowMs).step()).toBe('failed')
  const writing = new IndexWriting(path.join(folder, 'index'), treeOf(2_000), nowMs)
  expect(writing.step()).toBe('more')
  writing.close()
  expect(fs.readdirSync(folder)).toEqual([])
})
