import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { placeSecret } from '../../../syncer/agent/services/secret-file.ts'

let root: string
let folder: string
let path: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'podswap-secret-'))
  folder = join(root, 'memory')
  path = join(root, 'home/user/.netrc')
  mkdirSync(folder)
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const place = (content: string, mode = 0o600) => placeSecret(folder, { name: 'ab12', path, mode }, Buffer.from(content))

describe('a secret file', () => {
  it('lies in the memory volume with its mode, and its path leads there', () => {
    expect(place('one')).toEqual({})
    expect(readFileSync(path, 'utf8')).toBe('one')
    expect(readlinkSync(path)).toBe(join(folder, 'ab12'))
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(place('two', 0o444)).toEqual({})
    expect(readFileSync(path, 'utf8')).toBe('two')
    expect(statSync(path).mode & 0o777).toBe(0o444)
    expect(readdirSync(folder)).toEqual(['ab12'])
  })

  it('moves what stood in its place aside, and loses nothing', () => {
    mkdirSync(join(root, 'home/user'), { recursive: true })
    writeFileSync(path, 'of the image')
    expect(place('one')).toEqual({ movedTo: `${path}.before-podswap` })
    expect(readFileSync(path, 'utf8')).toBe('one')
    expect(readFileSync(`${path}.before-podswap`, 'utf8')).toBe('of the image')
    rmSync(path)
    writeFileSync(path, 'of a program')
    expect(() => place('two')).toThrow(expect.objectContaining({ code: 'EEXIST' }))
    expect(readFileSync(path, 'utf8')).toBe('of a program')
  })

  it('is refused where a folder stands', () => {
    mkdirSync(path, { recursive: true })
    expect(() => place('one')).toThrow(expect.objectContaining({ code: 'EISDIR' }))
    expect(lstatSync(path).isDirectory()).toBe(true)
  })
})
