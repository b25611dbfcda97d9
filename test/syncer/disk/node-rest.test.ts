import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../../syncer/base/clock.ts'
import { encodePath } from '../../../syncer/core/path.ts'
import { inTree, type Stat } from '../../../syncer/disk/disk.ts'
import { NameExchange } from '../../../syncer/disk/name-exchange.ts'
import { createNodeDisk, type NodeDisk } from '../../../syncer/disk/node-disk.ts'
import { initProgram } from '../../native/init-program.ts'

/** By the C library: what Python maps it keeps open, too. */
const mapping = `
import ctypes, mmap, os, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
file = os.open(sys.argv[1], os.O_RDWR)
at = libc.mmap(None, 4096, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_SHARED, file, 0)
os.close(file)
ctypes.memset(at, 88, 1)
print('mapped', flush=True)
sys.stdin.read()
`
const hasPython = spawnSync('python3', ['-c', 'import ctypes, mmap']).status === 0
const overlayMagic = 0x794c7630
const nobody = 65_534

let base: string
let root: string
const toClose: (() => void)[] = []

const at = (name: string) => join(root, name)

async function open(init = initProgram!, readMountinfo?: () => Buffer): Promise<NodeDisk> {
  const names = new NameExchange({ init, clock: systemClock, log: () => {} })
  toClose.push(() => names.close())
  const disk = createNodeDisk({ root, place: names, ...(readMountinfo && { readMountinfo }) })
  toClose.push(() => disk.close())
  await expect.poll(() => names.tellsRest).toBe(true)
  return disk
}

const seen = (disk: NodeDisk, path: string) => disk.stat(inTree(path))!
const ask = (disk: NodeDisk, path: string, stat: Stat = seen(disk, path)) => disk.isAtRest!(path, stat)

beforeEach(() => {
  base = fs.mkdtempSync(join(tmpdir(), 'podswap-rest-'))
  root = join(base, 'root')
  fs.mkdirSync(root)
})
afterEach(() => {
  for (const close of toClose.splice(0).reverse()) close()
  fs.rmSync(base, { recursive: true })
})

describe.skipIf(initProgram === null)('whether somebody writes to a file', () => {
  let disk: NodeDisk

  beforeEach(async context => {
    disk = await open()
    fs.mkdirSync(at('dir/deep'), { recursive: true })
    for (const path of ['file', 'dir/deep/file']) fs.writeFileSync(at(path), 'text')
    // Not every file system has leases, or has its files to itself.
    context.skip(disk.isAtRest === undefined || ask(disk, 'file') === undefined, `not known in ${tmpdir()}`)
  })

  test('nobody does, or only reads', () => {
    const reader = fs.openSync(at('file'), 'r')
    expect([ask(disk, 'file'), ask(disk, 'dir/deep/file')]).toEqual([true, true])
    fs.closeSync(reader)
  })

  test.each(['a', 'r+'])('somebody has it open with %s, by this name or another, and then closes it', flags => {
    fs.linkSync(at('file'), at('other'))
    const writer = fs.openSync(at('other'), flags)
    expect([ask(disk, 'file'), ask(disk, 'other')]).toEqual([false, false])
    fs.writeSync(writer, 'more')
    expect(ask(disk, 'file')).toBe(false)
    fs.closeSync(writer)
    expect([ask(disk, 'file'), ask(disk, 'other')]).toEqual([true, true])
  })

  test.skipIf(!hasPython)('a program has it mapped to write, and has closed it', async context => {
    // There the mapping is of the file below, whose writers are not known.
    context.skip(fs.statfsSync(root).type === overlayMagic, 'overlayfs')
    const program = spawn('python3', ['-c', mapping, at('file')], { stdio: ['pipe', 'pipe', 'inherit'] })
    await once(program.stdout, 'data')
    expect(fs.readFileSync(at('file'), 'utf8')).toBe('Xext')
    expect(ask(disk, 'file')).toBe(false)
    program.stdin.end()
    await once(program, 'exit')
    expect(ask(disk, 'file')).toBe(true)
  })

  test('nobody who opens it waits or is refused afterwards, whatever was asked before', () => {
    for (let round = 0; round < 200; round++) {
      expect(ask(disk, 'file')).toBe(true)
      fs.closeSync(fs.openSync(at('file'), fs.constants.O_WRONLY | fs.constants.O_NONBLOCK))
    }
  })

  test('is not known where it is not as it was seen any more', () => {
    const before = seen(disk, 'file')
    fs.writeFileSync(at('file'), 'other text')
    expect(ask(disk, 'file', before)).toBeUndefined()
    fs.writeFileSync(at('new'), 'text')
    fs.renameSync(at('new'), at('file'))
    expect(ask(disk, 'file', before)).toBeUndefined()
    fs.unlinkSync(at('file'))
    expect(ask(disk, 'file', before)).toBeUndefined()
  })

  test('is not known of what is no file: nothing waits for the other end of a FIFO', () => {
    const before = seen(disk, 'file')
    spawnSync('mkfifo', [at('fifo')])
    fs.symlinkSync('file', at('link'))
    for (const path of ['fifo', 'link', 'dir']) {
      expect(ask(disk, path)).toBeUndefined()
      expect(ask(disk, path, { ...seen(disk, path), kind: 'file' })).toBeUndefined()
      expect(ask(disk, path, before)).toBeUndefined()
    }
  })

  test('is not asked through a link, out of the folder, of our own or with times that cannot be told', () => {
    fs.writeFileSync(join(base, 'outside'), 'outside')
    fs.symlinkSync('dir', at('link'))
    const { mtimeNs, ctimeNs, ino, size } = fs.statSync(join(base, 'outside'), { bigint: true })
    const outside = { ...seen(disk, 'file'), mtimeNs, ctimeNs, ino, size: Number(size) }
    expect(ask(disk, '../outside', outside)).toBeUndefined()
    expect(ask(disk, 'link/deep/file', seen(disk, 'dir/deep/file'))).toBeUndefined()
    expect(ask(disk, '.podswap/.gitignore', outside)).toBeUndefined()
    expect(ask(disk, 'file', { ...outside, ctimeNs: 1n << 70n })).toBeUndefined()
  })

  test('is told of names that are no text', () => {
    fs.writeFileSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0x66, 0xff])]), 'text')
    expect(encodePath('f\uDCFF')).toEqual(Buffer.from([0x66, 0xff]))
    expect(ask(disk, 'f\uDCFF')).toBe(true)
  })

  test('is told beside files that are made meanwhile', () => {
    const before = seen(disk, 'dir/deep/file')
    const file = { path: 'dir/deep/file', before, fresh: 'stage-1', kept: 'trash-1', mode: 0o644, mtimeMs: 0 }
    const end = disk.beginPlacing!([{ ...file, bytes: Buffer.from('new') }])!
    expect(ask(disk, 'file')).toBe(true)
    expect(end()).toMatchObject([{ placed: { size: 3 } }])
    expect(ask(disk, 'dir/deep/file')).toBe(true)
  })

  test.skipIf(process.getuid?.() !== 0)(
    'is not known of another user’s file, without the right to ask',
    async context => {
      const init = join(base, 'init')
      // As containers are by default.
      const drop = 'setpriv --bounding-set=-lease --inh-caps=-lease --'
      context.skip(spawnSync('sh', ['-c', `${drop} true`]).status !== 0, 'no setpriv')
      fs.writeFileSync(init, `#!/bin/sh\nexec ${drop} ${initProgram} "$@"\n`, { mode: 0o755 })
      const bare = await open(init)
      expect(ask(bare, 'file')).toBe(true)
      fs.chownSync(at('file'), nobody, nobody)
      expect([ask(bare, 'file'), ask(disk, 'file')]).toEqual([undefined, true])
    },
  )
})

test.skipIf(initProgram === null).each([
  ['ext4', true],
  ['overlay', true],
  ['nfs4', false],
  ['virtiofs', false],
  ['fuse.sshfs', false],
  ['9p', false],
])('in a folder on %s it is asked: %s; others may write there through a kernel of their own', async (type, isAsked) => {
  const disk = await open(initProgram!, () => Buffer.from(`36 35 98:0 / / rw - ${type} /dev/root rw\n`))
  expect(disk.isAtRest !== undefined).toBe(isAsked)
})

test.skipIf(initProgram === null)('once the program is gone nothing is known', async () => {
  const disk = await open()
  fs.writeFileSync(at('file'), 'text')
  toClose[0]!()
  expect(disk.isAtRest?.('file', seen(disk, 'file'))).toBeUndefined()
})
