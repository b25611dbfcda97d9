import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { podLayout } from '../../../syncer/base/pod-layout.ts'
import { podFiles, readIfThere, writeWhole } from '../../../syncer/pod/pod-files.ts'

test('the files lie as the layout says, below any home', () => {
  const { private: folder, socket, token, current, boot } = podLayout
  expect(podFiles(podLayout.home)).toMatchObject({ private: folder, socket, token, current, boot })
  expect(podFiles('/root/prefix/podswap').socket).toBe('/root/prefix/podswap/agent/sock')
  expect(podFiles('/podswap').bundle('ab')).toBe('/podswap/agent/ab.cjs')
})

test('a file is written whole or not at all', () => {
  const folder = mkdtempSync(join(tmpdir(), 'podswap-files-'))
  try {
    const path = join(folder, 'file')
    expect(readIfThere(path)).toBe(null)
    writeWhole(path, 'one')
    writeWhole(path, 'two')
    expect(readFileSync(path, 'utf8')).toBe('two')
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(() => writeWhole(folder, 'x')).toThrow(/EISDIR|ENOTEMPTY|EEXIST/)
    expect(() => writeWhole(join(folder, 'no', 'file'), 'x')).toThrow(/ENOENT/)
    expect(readdirSync(folder)).toEqual(['file'])
    expect(() => readIfThere(folder)).toThrow(/EISDIR/)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
