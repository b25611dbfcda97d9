import fs from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../../syncer/base/clock.ts'
import { encodePath } from '../../../syncer/core/path.ts'
import { inOwn, inTree, type Placed, type Placing } from '../../../syncer/disk/disk.ts'
import { NameExchange } from '../../../syncer/disk/name-exchange.ts'
import { createNodeDisk, type NodeDisk } from '../../../syncer/disk/node-disk.ts'
import { childrenOf, initProgram } from '../../native/init-program.ts'

const mtimeMs = 1_700_000_000_123

let base: string
let root: string
let names: NameExchange
let disk: NodeDisk
let count = 0

const at = (name: string) => join(root, name)
const own = (name: string) => join(root, '.podswap', name)

beforeEach(() => {
  base = fs.mkdtempSync(join(tmpdir(), 'podswap-placing-'))
  root = join(base, 'root')
  fs.mkdirSync(root)
})
afterEach(() => {
  disk?.close()
  names?.close()
  fs.rmSync(base, { recursive: true })
})

/** What is to take the place of the file that stands there now. */
function placing(path: string, content: string, more: Partial<Placing> = {}): Placing {
  const number = count++
  const before = disk.stat(inTree(path)) ?? disk.stat(inTree('given'))!
  const name = { fresh: `stage-${number}`, kept: `trash-${number}` }
  return { path, before, ...name, bytes: Buffer.from(content), mode: 0o644, mtimeMs, ...more }
}

const place = (...files: Placing[]) => disk.beginPlacing!(files)!()
/** The same; what was not begun, since the machine is busy, is asked for again. */
function placeAll(files: Placing[]): Placed[] {
  const placed = place(...files)
  for (let round = 0; round < 20; round++) {
    for (const [i, file] of files.entries()) if (codeOf(placed[i]) === 'EBUSY') placed[i] = place(file)[0]!
  }
  return placed
}
const codeOf = (placed: Placed | undefined) => (placed !== undefined && 'code' in placed ? placed.code : 'done')
const ownNames = () => fs.readdirSync(join(root, '.podswap')).filter(name => !name.startsWith('.'))

describe.skipIf(initProgram === null)('files that are made and change places in one request', () => {
  beforeEach(async context => {
    names = new NameExchange({ init: initProgram!, clock: systemClock, log: () => {} })
    disk = createNodeDisk({ root, exchange: pairs => names.begin(pairs), place: names })
    fs.writeFileSync(at('given'), 'given')
    await expect.poll(() => names.wholeBytesMax).toBeGreaterThan(0)
    const code = codeOf(place(placing('given', 'other'))[0])
    // renameat2(2), openat2(2): not every file system and kernel has them
    context.skip(['EINVAL', 'ENOSYS'].includes(code), `files are not placed in ${tmpdir()}`)
    expect(code).toBe('done')
    disk.unlink(inOwn(ownNames()[0]!))
  })

  test('stand with their content, mode and time, and what was there has the trash name', () => {
    fs.mkdirSync(at('a/b'), { recursive: true })
    fs.writeFileSync(at('a/b/deep'), 'old')
    const file = placing('a/b/deep', '#!/bin/sh\n', { mode: 0o750 })
    const [placed] = place(file)
    expect(fs.readFileSync(at('a/b/deep'), 'utf8')).toBe('#!/bin/sh\n')
    const stat = fs.statSync(at('a/b/deep'))
    expect([stat.mode & 0o7777, stat.mtimeMs]).toEqual([0o750, mtimeMs])
    expect(fs.readFileSync(own(file.kept), 'utf8')).toBe('old')
    expect(ownNames()).toEqual([file.kept])
    const now = disk.stat(inTree('a/b/deep'))!
    const kept = disk.stat(inOwn(file.kept))
    expect(placed).toEqual({ made: { ...now, ctimeNs: expect.anything() }, kept, placed: now })
    expect(kept!.ino).toBe(file.before.ino)
  })

  test('of any number and size, an empty one among them, each is told of in its order', () => {
    const contents = Array.from({ length: 700 }, (_, i) => (i === 3 ? '' : `${i} `.repeat(i === 5 ? 40_000 : i)))
    for (const i of contents.keys()) fs.writeFileSync(at(`file-${i}`), 'old')
    const files = contents.map((content, i) => placing(i % 10 === 9 ? `none-${i}` : `file-${i}`, content))
    expect(placeAll(files).map(codeOf)).toEqual(contents.map((_, i) => (i % 10 === 9 ? 'ENOENT' : 'done')))
    for (const [i, content] of contents.entries())
      expect(fs.readFileSync(at(`file-${i}`), 'utf8')).toBe(i % 10 === 9 ? 'old' : content)
    expect(ownNames()).toHaveLength(630)
  })

  test('are not begun any more where others took long, as on a slow disk: no answer comes late', () => {
    const isOurs = ({ pid }: { pid: number }) =>
      fs.readFileSync(`/proc/${pid}/cmdline`, 'latin1') === `${initProgram}\0exchange\0`
    const { pid } = childrenOf(process.pid).find(isOurs)!
    const stop = () => {
      process.kill(pid, 'SIGSTOP')
      while (childrenOf(process.pid).find(isOurs)?.state !== 'T') {}
    }
    const paths = Array.from({ length: 250 }, (_, i) => `file-${i}`)
    let codes: string[] = []
    let made = 0
    // Stopped in the midst of them.
    for (let round = 0; made === 0 || made > 200; round++) {
      for (const path of paths) fs.writeFileSync(at(path), `old ${round}`)
      const before = ownNames().length
      const end = disk.beginPlacing!(paths.map(path => placing(path, `new ${round}`)))!
      for (made = 0; made === 0; made = ownNames().length - before) {
        process.kill(pid, 'SIGCONT')
        stop()
      }
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 600)
      process.kill(pid, 'SIGCONT')
      codes = end().map(codeOf)
    }
    expect(new Set(codes)).toEqual(new Set(['done', 'EBUSY']))
    for (const [i, path] of paths.entries())
      expect(fs.readFileSync(at(path), 'utf8').slice(0, 3)).toBe(codes[i] === 'done' ? 'new' : 'old')
    expect(codes.slice(made + 1)).toEqual(paths.slice(made + 1).map(() => 'EBUSY'))
  })

  test('stay away where something else stands there than was seen: nothing is left of them', () => {
    const seen = placing('given', 'new')
    fs.writeFileSync(at('given'), 'somebody')
    fs.mkdirSync(at('folder'))
    fs.symlinkSync('given', at('link'))
    const codes = place(seen, placing('folder', 'new'), placing('link', 'new'), placing('none', 'new')).map(codeOf)
    expect(codes).toEqual(['ESTALE', 'ESTALE', 'ESTALE', 'ENOENT'])
    expect(fs.readFileSync(at('given'), 'utf8')).toBe('somebody')
    expect(ownNames()).toEqual([])
  })

  test('go through no link, and not out of the folder', () => {
    fs.mkdirSync(join(base, 'outside'))
    fs.mkdirSync(at('inside'))
    fs.writeFileSync(join(base, 'outside/file'), 'outside')
    fs.writeFileSync(at('inside/file'), 'inside')
    fs.symlinkSync('inside', at('link'))
    fs.symlinkSync(join(base, 'outside'), at('out'))
    const before = (path: string) => {
      const stat = fs.statSync(path, { bigint: true })
      const { mtimeNs, ctimeNs, ino } = stat
      return { ...disk.stat(inTree('given'))!, size: Number(stat.size), mtimeNs, ctimeNs, ino }
    }
    const files = [
      placing('link/file', 'new', { before: before(at('inside/file')) }),
      placing('out/file', 'new', { before: before(join(base, 'outside/file')) }),
      placing('../outside/file', 'new', { before: before(join(base, 'outside/file')) }),
      placing('.podswap/.gitignore', 'new'),
    ]
    for (const code of place(...files).map(codeOf)) expect(['ELOOP', 'EXDEV', 'EBUSY']).toContain(code)
    expect(fs.readFileSync(join(base, 'outside/file'), 'utf8')).toBe('outside')
    expect(fs.readFileSync(at('inside/file'), 'utf8')).toBe('inside')
    expect(ownNames()).toEqual([])
  })

  test('leave nothing where they cannot be made, and others go on', () => {
    const taken = placing('given', 'new')
    fs.writeFileSync(own(taken.fresh), 'taken')
    fs.writeFileSync(at('other'), 'old')
    expect(place(taken, placing('other', 'new')).map(codeOf)).toEqual(['EEXIST', 'done'])
    expect(fs.readFileSync(own(taken.fresh), 'utf8')).toBe('taken')
    expect(fs.readFileSync(at('other'), 'utf8')).toBe('new')
  })

  test('are left to others where their times are out of the ordinary, and the next ones are not', () => {
    const odd: Partial<Placing>[] = [-1e300, -0.5, Number.MAX_VALUE, 9_300_000_000_000].map(mtimeMs => ({ mtimeMs }))
    const { before } = placing('given', 'new')
    for (const years of [-400n, 300n])
      for (const time of ['mtimeNs', 'ctimeNs'] as const)
        odd.push({ before: { ...before, [time]: years * 31_556_952n * 1_000_000_000n } })
    expect(place(...odd.map(more => placing('given', 'new', more))).map(codeOf)).toEqual(odd.map(() => 'EBUSY'))
    expect(fs.readFileSync(at('given'), 'utf8')).toBe('other')
    expect(place(placing('given', 'new')).map(codeOf)).toEqual(['done'])
  })

  test('have names that are no text', () => {
    const name = Buffer.from([0x66, 0xff, 0x6c])
    fs.writeFileSync(Buffer.concat([Buffer.from(`${root}/`), name]), 'old')
    const path = 'f\uDCFFl'
    expect(encodePath(path)).toEqual(name)
    expect(place(placing(path, 'new')).map(codeOf)).toEqual(['done'])
    expect(fs.readFileSync(Buffer.concat([Buffer.from(`${root}/`), name]), 'utf8')).toBe('new')
  })

  test.skipIf(process.getuid?.() !== 0)('get the group of a folder that gives its own', () => {
    fs.mkdirSync(at('shared'))
    fs.writeFileSync(at('shared/file'), 'old')
    fs.chownSync(at('shared'), 0, 1234)
    fs.chmodSync(at('shared'), 0o2775)
    expect(place(placing('shared/file', 'new')).map(codeOf)).toEqual(['done'])
    expect(fs.statSync(at('shared/file')).gid).toBe(1234)
  })

  test('are not begun where the private folder was taken away, or the program is gone', () => {
    fs.rmSync(join(root, '.podswap'), { recursive: true })
    expect(place(placing('given', 'new')).map(codeOf)).toEqual(['done'])
    const file = placing('given', 'newer')
    names.close()
    expect(disk.beginPlacing!([file])).toBeUndefined()
    expect(fs.readFileSync(at('given'), 'utf8')).toBe('new')
  })
})

describe('files that the system refuses to place', () => {
  const outcomeBytes = 128
  /** Codes of the files that are asked for, in this order; then they are made. */
  const open = (errnos: number[]) => {
    const asked = { count: 0 }
    const answer = () => {
      const bytes = Buffer.alloc(outcomeBytes)
      bytes.writeUInt32LE(errnos[asked.count++] ?? 0)
      return bytes
    }
    const place = () => {
      const bytes = answer()
      return () => bytes
    }
    disk = createNodeDisk({ root, place: { wholeBytesMax: 65_536, tellsRest: false, place } })
    fs.writeFileSync(at('given'), 'given')
    const ask = () => disk.beginPlacing!([placing('given', 'new')])?.()
    return { asked, ask }
  }
  const { EPERM, EINVAL, ESTALE } = constants.errno

  test('now and then, such as an immutable one, keep no other from being placed', () => {
    const { asked, ask } = open([EPERM, EINVAL, EPERM, 0, ...Array.from({ length: 50 }, () => EPERM)])
    for (let i = 0; i < 60; i++) expect(ask()).toBeDefined()
    expect(asked.count).toBe(60)
  })

  test('all of them, are not asked for any more', () => {
    const { asked, ask } = open(Array.from({ length: 60 }, (_, i) => (i % 2 === 0 ? EINVAL : ESTALE)))
    while (ask() !== undefined) expect(asked.count).toBeLessThan(20)
    expect(asked.count).toBe(15)
    expect(ask()).toBeUndefined()
  })
})
