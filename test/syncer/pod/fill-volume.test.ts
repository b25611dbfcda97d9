import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { fillVolume } from '../../../syncer/pod/fill-volume.ts'

let home: string
let image: string
let volume: string
const to = 'volumes/root/.cache'
beforeEach(() => {
  home = fs.mkdtempSync(join(tmpdir(), 'podswap-fill-'))
  image = join(home, 'image')
  volume = join(home, 'volume')
  fs.mkdirSync(join(image, 'bin'), { recursive: true })
  fs.mkdirSync(volume)
  fs.chmodSync(volume, 0o777)
  fs.writeFileSync(join(image, 'bin/tool'), 'tool')
  // whatever the umask
  fs.chmodSync(join(image, 'bin/tool'), 0o755)
  fs.writeFileSync(join(image, 'a.txt'), 'a')
  fs.utimesSync(join(image, 'a.txt'), 1_000_000, 1_000_000)
  fs.symlinkSync('bin/tool', join(image, 'link'))
  fs.symlinkSync('/nowhere', join(image, 'broken'))
  fs.mkdirSync(join(image, 'empty'))
  fs.chmodSync(join(image, 'empty'), 0o750)
})
afterEach(() => {
  fs.chmodSync(join(image, 'bin'), 0o755)
  fs.rmSync(home, { recursive: true })
})

const fill = () => fillVolume(volume, { from: image, to })
const inVolume = (path: string) => join(volume, to, path)
const mode = (path: string) => fs.statSync(path).mode & 0o777

describe('a volume', () => {
  test('gets what the image has: files with their modes and times, links as links, folders', () => {
    fill()
    expect(fs.readdirSync(inVolume('')).sort()).toEqual(['a.txt', 'bin', 'broken', 'empty', 'link'])
    expect(fs.readFileSync(inVolume('bin/tool'), 'utf8')).toBe('tool')
    expect(mode(inVolume('bin/tool'))).toBe(0o755)
    expect(mode(inVolume('empty'))).toBe(0o750)
    expect(fs.statSync(inVolume('a.txt')).mtimeMs).toBe(1_000_000_000)
    expect(fs.readlinkSync(inVolume('link'))).toBe('bin/tool')
    expect(fs.readlinkSync(inVolume('broken'))).toBe('/nowhere')
    // another user may write where the volume lets everybody
    for (const folder of ['volumes', 'volumes/root', to]) expect(mode(join(volume, folder))).toBe(0o777)
  })

  test('is filled once: what was deleted there stays deleted, what was changed stays changed', () => {
    fill()
    fs.rmSync(inVolume('bin'), { recursive: true })
    fs.writeFileSync(inVolume('a.txt'), 'mine')
    fill()
    expect(fs.existsSync(inVolume('bin'))).toBe(false)
    expect(fs.readFileSync(inVolume('a.txt'), 'utf8')).toBe('mine')
  })

  test('that holds something already is left as it is', () => {
    fs.mkdirSync(join(volume, to), { recursive: true })
    fs.writeFileSync(inVolume('old'), 'old')
    fill()
    fs.rmSync(inVolume('old'))
    fill()
    expect(fs.readdirSync(inVolume(''))).toEqual([])
  })

  test('of a path that the image does not have stays empty', () => {
    fs.rmSync(image, { recursive: true })
    fill()
    expect(fs.existsSync(inVolume(''))).toBe(false)
    fs.mkdirSync(join(image, 'bin'), { recursive: true })
  })

  test('that was filled in part is filled to the end, and keeps what came meanwhile', () => {
    const marks = join(volume, '.podswap-filled')
    fs.mkdirSync(join(volume, to, 'bin'), { recursive: true, mode: 0o700 })
    fs.mkdirSync(marks)
    fs.writeFileSync(join(marks, 'volumes%2Froot%2F.cache.begun'), '')
    fs.writeFileSync(join(marks, 'volumes%2Froot%2F.cache.part'), 'to')
    fs.writeFileSync(inVolume('a.txt'), 'whole')
    fill()
    expect(fs.readFileSync(inVolume('a.txt'), 'utf8')).toBe('whole')
    expect(fs.readFileSync(inVolume('bin/tool'), 'utf8')).toBe('tool')
    expect(mode(inVolume('bin'))).toBe(mode(join(image, 'bin')))
    expect(fs.readdirSync(marks)).toEqual(['volumes%2Froot%2F.cache.done'])
  })

  test.skipIf(process.getuid?.() === 0)('goes without what this user may not read (root may read all)', () => {
    fs.chmodSync(join(image, 'a.txt'), 0o000)
    fs.chmodSync(join(image, 'bin'), 0o000)
    fill()
    expect(fs.existsSync(inVolume('a.txt'))).toBe(false)
    expect(fs.readlinkSync(inVolume('link'))).toBe('bin/tool')
  })

  test('gets folders that may not be written to, with what is in them', () => {
    fs.chmodSync(join(image, 'bin'), 0o555)
    fill()
    expect(mode(inVolume('bin'))).toBe(0o555)
    expect(fs.readFileSync(inVolume('bin/tool'), 'utf8')).toBe('tool')
    fs.chmodSync(inVolume('bin'), 0o755)
  })
})
