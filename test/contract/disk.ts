import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { errnoOf } from '../../syncer/base/errors.ts'
import type { Path } from '../../syncer/core/path.ts'
import { type Disk, inOwn, inTree, type Place } from '../../syncer/disk/disk.ts'

/** A fresh, empty disk and what people and programs do to its tree past the port. */
export interface DiskUnderTest {
  disk: Disk
  outside: {
    /** Truncates and writes through a descriptor of its own: an existing file keeps its inode. */
    write(path: Path, text: string): void
    /** A descriptor that stays open on the inode whatever happens to the name. */
    openForAppend(path: Path): { append(text: string): void; close(): void }
    /** Puts a FIFO, socket or device there; absent: the cases that need one are skipped. */
    makeOther?(path: Path): void
    /** Lets the disk's clock pass at least one granule of its time stamps. */
    passGranule(): void
  }
  /** What the platform lacks; all true when absent. */
  supports?: { permissions?: boolean; byteNames?: boolean }
  dispose(): void
}

/** The cases that every {@link Disk} must pass. `makeDisk` is called before each case. */
export function diskContract(name: string, makeDisk: () => DiskUnderTest): void {
  describe(`disk contract: ${name}`, () => {
    let made: DiskUnderTest
    let disk: Disk
    beforeEach(() => {
      made = makeDisk()
      disk = made.disk
    })
    afterEach(() => made.dispose())

    const put = (path: Path, text: string, options?: PutOptions) => putFile(disk, path, text, options)
    const read = (at: Place) => readFile(disk, at)
    const names = (dir: Path) => disk.list(dir).map(entry => entry.name)

    describe('list', () => {
      test('an empty root has no entries, whatever lies in the private folder', () => {
        disk.create('stage-1').close()
        expect(disk.list('')).toEqual([])
        expect(disk.listOwn()).toEqual(['stage-1'])
      })

      test('names and kinds, without those of folders below', () => {
        disk.mkdir('dir')
        put('dir/inner', 'i')
        put('file', 'f')
        disk.symlink('nowhere', inTree('link'))
        made.outside.makeOther?.('other')
        const listed = disk.list('').sort((a, b) => (a.name < b.name ? -1 : 1))
        expect(listed.filter(entry => entry.name !== 'other')).toEqual([
          { name: 'dir', kind: 'dir' },
          { name: 'file', kind: 'file' },
          { name: 'link', kind: 'link' },
        ])
        if (made.outside.makeOther) expect(listed.find(entry => entry.name === 'other')?.kind).toBe('other')
        expect(disk.list('dir')).toEqual([{ name: 'inner', kind: 'file' }])
      })

      test('listStats gives each entry with its stat', () => {
        disk.mkdir('dir')
        put('dir/inner', 'inner', { mtimeMs: 1_500_000_000_000 })
        put('dir/\uFFFD', '')
        disk.mkdir('dir/sub')
        disk.symlink('inner', inTree('dir/link'))
        const wanted = names('dir').map(entry => ({ name: entry, ...disk.stat(inTree(`dir/${entry}`)) }))
        expect(wanted.length).toBe(4)
        expect(disk.listStats('dir')).toEqual(wanted)
        disk.create('stage-1').close()
        expect(disk.listStats('').map(entry => entry.name)).toEqual(['dir'])
        failsWith(() => disk.listStats('missing'), 'ENOENT')
        failsWith(() => disk.listStats('dir/inner'), 'ENOTDIR')
        failsWith(() => disk.listStats('dir/link'), 'ENOTDIR', 'ELOOP')
      })

      test('what is not a folder fails', () => {
        put('file', 'f')
        disk.mkdir('dir')
        disk.symlink('dir', inTree('link'))
        failsWith(() => disk.list('missing'), 'ENOENT')
        failsWith(() => disk.list('missing/deeper'), 'ENOENT')
        failsWith(() => disk.list('file'), 'ENOTDIR')
        failsWith(() => disk.list('file/deeper'), 'ENOTDIR')
        failsWith(() => disk.list('link'), 'ENOTDIR', 'ELOOP')
      })

      test('odd names come back exactly and lead to their files', () => {
        const odd = [
          'new\nline',
          '-rf',
          '"quoted"',
          "it's",
          ' lead',
          'trail ',
          '.hidden',
          '😀',
          '\u{10080}',
          'e\u0301',
          'é',
        ]
        odd.push('a\\b', '*', '?', '[a]', '#', '!', '~', '%41', '\uFFFD', 'n'.repeat(255), 'ü'.repeat(127))
        for (const entry of odd) put(entry, `<${entry}>`)
        expect(names('').sort()).toEqual([...odd].sort())
        for (const entry of odd) expect(read(inTree(entry))).toBe(`<${entry}>`)
      })

      test('names that are not UTF-8 come back exactly', ctx => {
        if (made.supports?.byteNames === false) return ctx.skip('this platform has no byte names')
        const odd = ['\uDCFF', 'a\uDC80b', 'caf\uDCE9', '\uFFFD\uDCFF', '\uDCF0\uDC9F\uDC98']
        for (const dir of odd) {
          disk.mkdir(dir)
          for (const entry of odd) put(`${dir}/${entry}`, entry)
          expect(names(dir).sort()).toEqual([...odd].sort())
          for (const entry of odd) expect(read(inTree(`${dir}/${entry}`))).toBe(Buffer.from(entry).toString())
          disk.unlink(inTree(`${dir}/${odd[0]}`))
          expect(disk.stat(inTree(`${dir}/${odd[0]}`))).toBe(null)
        }
        expect(names('').sort()).toEqual([...odd].sort())
      })

      test('a name of more than 255 bytes is refused', () => {
        failsWith(() => disk.mkdir('n'.repeat(256)), 'ENAMETOOLONG')
        failsWith(() => disk.mkdir('ü'.repeat(128)), 'ENAMETOOLONG')
      })
    })

    describe('stat', () => {
      test('the root is a folder and no mount, wherever it is mounted', () => {
        expect(disk.stat(inTree(''))).toMatchObject({ kind: 'dir', mount: false })
      })

      test('nothing there is null', () => {
        put('file', 'f')
        expect(disk.stat(inTree('missing'))).toBe(null)
        expect(disk.stat(inTree('missing/deeper'))).toBe(null)
        expect(disk.stat(inTree('file/deeper'))).toBe(null)
        expect(disk.stat(inOwn('missing'))).toBe(null)
      })

      test('kinds, sizes and permissions', () => {
        disk.mkdir('dir')
        put('file', 'four', { mode: 0o640 })
        put('tool', '', { mode: 0o755 })
        disk.symlink('file', inTree('link'))
        expect(disk.stat(inTree('dir'))).toMatchObject({ kind: 'dir', mount: false })
        expect(disk.stat(inTree('file'))).toMatchObject({ kind: 'file', size: 4, mount: false })
        expect(disk.stat(inTree('tool'))).toMatchObject({ kind: 'file', size: 0 })
        expect(disk.stat(inTree('link'))).toMatchObject({ kind: 'link' })
        if (made.supports?.permissions === false) return
        expect(disk.stat(inTree('file'))?.mode).toBe(0o640)
        expect(disk.stat(inTree('tool'))?.mode).toBe(0o755)
        expect(disk.stat(inTree('dir'))?.mode).toBe(0o777 & ~disk.umask)
      })

      test('a new text of the same size, one granule later, shows in the times', () => {
        made.outside.write('file', 'aaaa')
        const before = disk.stat(inTree('file'))!
        made.outside.passGranule()
        made.outside.write('file', 'bbbb')
        const after = disk.stat(inTree('file'))!
        expect(after.ino).toBe(before.ino)
        expect(after.size).toBe(before.size)
        expect(after.mtimeNs > before.mtimeNs).toBe(true)
        expect(after.ctimeNs > before.ctimeNs).toBe(true)
      })

      test('a rename keeps inode and modification time', () => {
        const made = put('a', 'text', { mtimeMs: 1_600_000_000_123 })
        disk.rename(inTree('a'), inTree('b'))
        const after = disk.stat(inTree('b'))!
        expect(after.ino).toBe(made.ino)
        expect(after.mtimeNs).toBe(made.mtimeNs)
        expect(after.ctimeNs >= made.ctimeNs).toBe(true)
      })
    })

    describe('open', () => {
      test('reads ranges, short only at the end', () => {
        put('file', '0123456789')
        const file = disk.open(inTree('file'))
        expect(file.read(0, 4).toString()).toBe('0123')
        expect(file.read(8, 100).toString()).toBe('89')
        expect(file.read(10, 5).length).toBe(0)
        expect(file.read(99, 5).length).toBe(0)
        expect(file.read(3, 0).length).toBe(0)
        expect(file.stat()).toEqual(disk.stat(inTree('file')))
        file.close()
      })

      test('sees its inode whatever happens to the name', () => {
        const old = put('file', 'old')
        const file = disk.open(inTree('file'))
        put('file', 'newer')
        expect(file.read(0, 10).toString()).toBe('old')
        expect(file.stat().ino).toBe(old.ino)
        disk.unlink(inTree('file'))
        expect(file.read(0, 10).toString()).toBe('old')
        file.close()
      })

      test('sees what is written in place meanwhile', () => {
        put('file', 'old')
        const file = disk.open(inTree('file'))
        made.outside.write('file', 'longer')
        expect(file.stat().size).toBe(6)
        expect(file.read(0, 10).toString()).toBe('longer')
        file.close()
      })

      test('private files too', () => {
        const file = disk.create('stage-1')
        file.write(Buffer.from('bytes'))
        file.close()
        expect(read(inOwn('stage-1'))).toBe('bytes')
      })

      test('anything but a regular file is EINVAL, and a FIFO does not block', () => {
        disk.mkdir('dir')
        put('file', 'f')
        disk.symlink('file', inTree('link'))
        failsWith(() => disk.open(inTree('dir')), 'EINVAL')
        failsWith(() => disk.open(inTree('link')), 'EINVAL')
        failsWith(() => disk.open(inTree('')), 'EINVAL')
        failsWith(() => disk.open(inTree('missing')), 'ENOENT')
        failsWith(() => disk.open(inOwn('missing')), 'ENOENT')
        if (!made.outside.makeOther) return
        made.outside.makeOther('other')
        failsWith(() => disk.open(inTree('other')), 'EINVAL')
      })
    })

    describe('create and finish', () => {
      test('writes add up; finish sets mode and time and tells the result', () => {
        const file = disk.create('stage-1')
        file.write(Buffer.from('one '))
        file.write(new Uint8Array(0))
        file.write(Buffer.from('two'))
        const stat = file.finish({ mode: 0o750, mtimeMs: 1_500_000_000_250 })
        expect(stat).toMatchObject({ kind: 'file', size: 7, mount: false })
        expect(stat).toEqual(disk.stat(inOwn('stage-1')))
        expect(read(inOwn('stage-1'))).toBe('one two')
        expect(near(stat.mtimeNs, 1_500_000_000_250_000_000n, disk.timestampGranuleNs)).toBe(true)
        if (made.supports?.permissions !== false) expect(stat.mode).toBe(0o750)
      })

      test('large writes are whole', () => {
        const bytes = Buffer.alloc(3_000_001, 'podswap')
        const file = disk.create('big')
        file.write(bytes.subarray(0, 1_000_000))
        file.write(bytes.subarray(1_000_000))
        file.finish({ mode: 0o644, mtimeMs: 1_000 })
        const opened = disk.open(inOwn('big'))
        expect(opened.read(0, 4_000_000).equals(bytes)).toBe(true)
        opened.close()
      })

      test('is exclusive and readable by nobody else until it is finished', () => {
        const file = disk.create('stage-1')
        failsWith(() => disk.create('stage-1'), 'EEXIST')
        if (made.supports?.permissions !== false) expect(disk.stat(inOwn('stage-1'))?.mode).toBe(0o600)
        file.close()
        failsWith(() => disk.create('stage-1'), 'EEXIST')
      })

      test('close leaves the name, and may come twice or after finish', () => {
        const half = disk.create('half')
        half.write(Buffer.from('ha'))
        half.close()
        half.close()
        const whole = disk.create('whole')
        whole.finish({ mode: 0o644, mtimeMs: 1_000 })
        whole.close()
        expect(disk.listOwn().sort()).toEqual(['half', 'whole'])
        disk.unlink(inOwn('half'))
        expect(disk.listOwn()).toEqual(['whole'])
      })

      test('a private name that is not flat is refused', () => {
        for (const bad of ['', '.', '..', '../x', 'a/b', '/a', 'a\0b']) {
          failsWith(() => disk.create(bad), 'EINVAL')
          failsWith(() => disk.unlink(inOwn(bad)), 'EINVAL')
        }
      })
    })

    describe('folders', () => {
      test('mkdir and rmdir', () => {
        disk.mkdir('a')
        disk.mkdir('a/b')
        failsWith(() => disk.mkdir('a'), 'EEXIST')
        put('file', 'f')
        failsWith(() => disk.mkdir('file'), 'EEXIST')
        failsWith(() => disk.mkdir('missing/x'), 'ENOENT')
        failsWith(() => disk.mkdir('file/x'), 'ENOTDIR')
        failsWith(() => disk.rmdir('a'), 'ENOTEMPTY')
        failsWith(() => disk.rmdir('file'), 'ENOTDIR')
        failsWith(() => disk.rmdir('missing'), 'ENOENT')
        disk.rmdir('a/b')
        disk.rmdir('a')
        expect(names('')).toEqual(['file'])
      })

      test('a folder that is made again is empty', () => {
        disk.mkdir('a')
        put('a/x', 'x')
        expect(names('a')).toEqual(['x'])
        disk.unlink(inTree('a/x'))
        disk.rmdir('a')
        failsWith(() => disk.list('a'), 'ENOENT')
        disk.mkdir('a')
        expect(names('a')).toEqual([])
        put('a/y', 'y')
        expect(names('a')).toEqual(['y'])
      })

      test('deep paths', () => {
        let path = 'd'
        disk.mkdir(path)
        for (let depth = 1; depth < 40; depth++) {
          path += `/d${depth}`
          disk.mkdir(path)
        }
        put(`${path}/leaf`, 'deep')
        expect(read(inTree(`${path}/leaf`))).toBe('deep')
      })
    })

    describe('symbolic links', () => {
      test('keep their target, whatever it is', () => {
        const targets = ['file', '../outside', '/abs/olute', 'a b\nc', 'é😀', 'x'.repeat(1_000)]
        if (made.supports?.byteNames !== false) targets.push('bytes\uDCFF\uDC80')
        for (const [i, target] of targets.entries()) {
          disk.symlink(target, inTree(`link${i}`))
          expect(disk.readlink(inTree(`link${i}`))).toBe(target)
          expect(disk.stat(inTree(`link${i}`))?.kind).toBe('link')
        }
      })

      test('never replace what is there', () => {
        put('file', 'f')
        disk.mkdir('dir')
        disk.symlink('x', inTree('link'))
        for (const taken of ['file', 'dir', 'link']) failsWith(() => disk.symlink('y', inTree(taken)), 'EEXIST')
        failsWith(() => disk.readlink(inTree('file')), 'EINVAL')
        failsWith(() => disk.readlink(inTree('dir')), 'EINVAL')
        failsWith(() => disk.readlink(inTree('missing')), 'ENOENT')
      })

      test('are never followed in front of a name', () => {
        disk.mkdir('real')
        disk.mkdir('real/sub')
        put('real/file', 'real')
        disk.symlink('real', inTree('link'))
        disk.symlink('.', inTree('self'))
        const parked = disk.create('stage-1')
        parked.finish({ mode: 0o644, mtimeMs: 1_000 })
        for (const dir of ['link', 'self/real']) {
          expect(disk.stat(inTree(`${dir}/file`))).toBe(null)
          const blocked = ['ENOTDIR', 'ELOOP']
          failsWith(() => disk.open(inTree(`${dir}/file`)), ...blocked)
          failsWith(() => disk.list(dir), ...blocked)
          failsWith(() => disk.list(`${dir}/sub`), ...blocked)
          failsWith(() => disk.listStats(`${dir}/sub`), ...blocked)
          failsWith(() => disk.readlink(inTree(`${dir}/file`)), ...blocked)
          failsWith(() => disk.mkdir(`${dir}/new`), ...blocked)
          failsWith(() => disk.symlink('x', inTree(`${dir}/new`)), ...blocked)
          failsWith(() => disk.unlink(inTree(`${dir}/file`)), ...blocked)
          failsWith(() => disk.rename(inTree(`${dir}/file`), inTree('out')), ...blocked)
          failsWith(() => disk.rename(inOwn('stage-1'), inTree(`${dir}/new`)), ...blocked)
          failsWith(() => disk.link(inTree(`${dir}/file`), inOwn('trash-1')), ...blocked)
          failsWith(() => disk.link(inOwn('stage-1'), inTree(`${dir}/new`)), ...blocked)
        }
        failsWith(() => disk.rmdir('link'), 'ENOTDIR', 'ELOOP')
        expect(names('real').sort()).toEqual(['file', 'sub'])
        expect(disk.listOwn()).toEqual(['stage-1'])
      })
    })

    describe('hard links', () => {
      test('are one inode under two names', () => {
        const made_ = put('file', 'text')
        disk.link(inTree('file'), inOwn('trash-1'))
        expect(disk.stat(inOwn('trash-1'))?.ino).toBe(made_.ino)
        disk.unlink(inTree('file'))
        expect(read(inOwn('trash-1'))).toBe('text')
        disk.link(inOwn('trash-1'), inTree('back'))
        expect(read(inTree('back'))).toBe('text')
      })

      test('never clobber', () => {
        put('a', 'a')
        put('b', 'b')
        disk.mkdir('dir')
        disk.symlink('a', inTree('link'))
        for (const taken of ['a', 'b', 'dir', 'link']) failsWith(() => disk.link(inTree('a'), inTree(taken)), 'EEXIST')
        failsWith(() => disk.link(inTree('missing'), inTree('c')), 'ENOENT')
        failsWith(() => disk.link(inTree('a'), inTree('missing/c')), 'ENOENT')
        failsWith(() => disk.link(inTree('dir'), inTree('c')), 'EPERM')
        expect(read(inTree('b'))).toBe('b')
      })

      test('show late writes through an old descriptor after a replace', () => {
        put('file', 'old')
        const late = made.outside.openForAppend('file')
        disk.link(inTree('file'), inOwn('trash-1'))
        put('file', 'new')
        late.append(' and late')
        late.close()
        expect(read(inTree('file'))).toBe('new')
        expect(read(inOwn('trash-1'))).toBe('old and late')
      })
    })

    describe('rename', () => {
      test('replaces files and links in one step', () => {
        put('a', 'a')
        put('b', 'b')
        disk.symlink('a', inTree('link'))
        disk.rename(inTree('a'), inTree('b'))
        expect(read(inTree('b'))).toBe('a')
        disk.rename(inTree('b'), inTree('link'))
        expect(disk.list('')).toEqual([{ name: 'link', kind: 'file' }])
        expect(read(inTree('link'))).toBe('a')
      })

      test('moves a link itself', () => {
        disk.symlink('missing', inTree('link'))
        disk.rename(inTree('link'), inTree('moved'))
        expect(disk.readlink(inTree('moved'))).toBe('missing')
        expect(names('')).toEqual(['moved'])
      })

      test('grabs into the private folder and puts back', () => {
        put('file', 'text')
        disk.rename(inTree('file'), inOwn('trash-1'))
        expect(disk.stat(inTree('file'))).toBe(null)
        expect(disk.listOwn()).toEqual(['trash-1'])
        disk.rename(inOwn('trash-1'), inOwn('trash-2'))
        disk.rename(inOwn('trash-2'), inTree('file'))
        expect(read(inTree('file'))).toBe('text')
        expect(disk.listOwn()).toEqual([])
      })

      test('grabs a link or a folder that took the place of a file, and puts it back', () => {
        disk.symlink('target', inTree('link'))
        disk.mkdir('dir')
        put('dir/x', 'x')
        disk.rename(inTree('link'), inOwn('trash-1'))
        disk.rename(inTree('dir'), inOwn('trash-2'))
        expect(names('')).toEqual([])
        expect(disk.stat(inOwn('trash-1'))?.kind).toBe('link')
        expect(disk.readlink(inOwn('trash-1'))).toBe('target')
        expect(disk.stat(inOwn('trash-2'))?.kind).toBe('dir')
        failsWith(() => disk.open(inOwn('trash-2')), 'EINVAL')
        failsWith(() => disk.readlink(inOwn('trash-2')), 'EINVAL')
        disk.mkdir('taken')
        failsWith(() => disk.rename(inOwn('trash-2'), inTree('taken')), 'EISDIR', 'ENOTEMPTY', 'EEXIST')
        disk.rename(inOwn('trash-1'), inTree('link'))
        disk.rename(inOwn('trash-2'), inTree('dir'))
        expect(disk.readlink(inTree('link'))).toBe('target')
        expect(read(inTree('dir/x'))).toBe('x')
        expect(disk.listOwn()).toEqual([])
      })

      test('replaces a file by a link in one step', () => {
        put('file', 'text')
        disk.symlink('target', inOwn('stage-1'))
        failsWith(() => disk.symlink('other', inOwn('stage-1')), 'EEXIST')
        disk.rename(inOwn('stage-1'), inTree('file'))
        expect(disk.readlink(inTree('file'))).toBe('target')
      })

      test('two names of one inode both stay (POSIX)', () => {
        put('file', 'text')
        disk.link(inTree('file'), inOwn('trash-1'))
        disk.rename(inOwn('trash-1'), inTree('file'))
        expect(read(inTree('file'))).toBe('text')
        expect(disk.listOwn()).toEqual(['trash-1'])
      })

      test('never replaces a folder, not even an empty one', () => {
        put('file', 'f')
        disk.mkdir('empty')
        disk.mkdir('full')
        put('full/x', 'x')
        disk.mkdir('dir')
        const refused = ['EISDIR', 'ENOTEMPTY', 'EEXIST']
        failsWith(() => disk.rename(inTree('file'), inTree('empty')), ...refused)
        failsWith(() => disk.rename(inTree('file'), inTree('full')), ...refused)
        failsWith(() => disk.rename(inTree('dir'), inTree('empty')), ...refused)
        failsWith(() => disk.rename(inTree('dir'), inTree('full')), ...refused)
        expect(names('').sort()).toEqual(['dir', 'empty', 'file', 'full'])
      })

      test('a folder takes its content along; not onto a file, not into itself', () => {
        disk.mkdir('a')
        disk.mkdir('a/b')
        put('a/b/x', 'x')
        expect(disk.list('a/b').length).toBe(1)
        disk.rename(inTree('a'), inTree('moved'))
        expect(read(inTree('moved/b/x'))).toBe('x')
        expect(disk.stat(inTree('a/b/x'))).toBe(null)
        failsWith(() => disk.list('a/b'), 'ENOENT')
        put('moved/b/y', 'y')
        expect(names('moved/b').sort()).toEqual(['x', 'y'])
        put('file', 'f')
        failsWith(() => disk.rename(inTree('moved'), inTree('file')), 'ENOTDIR')
        failsWith(() => disk.rename(inTree('moved'), inTree('moved/b/c')), 'EINVAL')
        failsWith(() => disk.rename(inTree('missing'), inTree('x')), 'ENOENT')
        failsWith(() => disk.rename(inTree('file'), inTree('missing/x')), 'ENOENT')
      })

      test('a new folder takes the place of a moved one', () => {
        disk.mkdir('a')
        put('a/old', 'o')
        disk.rename(inTree('a'), inTree('b'))
        disk.mkdir('a')
        put('a/new', 'n')
        expect(names('a')).toEqual(['new'])
        expect(names('b')).toEqual(['old'])
      })
    })

    describe('unlink', () => {
      test('removes files and links, never folders', () => {
        put('file', 'f')
        disk.symlink('file', inTree('link'))
        disk.mkdir('dir')
        disk.unlink(inTree('link'))
        expect(names('').sort()).toEqual(['dir', 'file'])
        disk.unlink(inTree('file'))
        failsWith(() => disk.unlink(inTree('file')), 'ENOENT')
        failsWith(() => disk.unlink(inTree('dir')), 'EISDIR', 'EPERM')
        expect(names('')).toEqual(['dir'])
      })
    })

    test('sync takes files of both areas and folders', () => {
      put('file', 'f')
      disk.mkdir('dir')
      put('dir/file', 'f')
      disk.create('stage-1').finish({ mode: 0o644, mtimeMs: 1_000 })
      disk.sync(inTree('file'))
      disk.sync(inTree('dir/file'))
      disk.sync(inTree('dir'))
      disk.sync(inTree(''))
      disk.sync(inOwn('stage-1'))
      failsWith(() => disk.sync(inTree('missing')), 'ENOENT')
    })
  })
}

interface PutOptions {
  mode?: number
  mtimeMs?: number
}

/** Makes a file the way the engine does: private, finished, renamed to its place. */
export function putFile(disk: Disk, path: Path, text: string, options: PutOptions = {}) {
  const file = disk.create('contract-temp')
  try {
    file.write(Buffer.from(text))
    const stat = file.finish({ mode: options.mode ?? 0o644, mtimeMs: options.mtimeMs ?? 1_600_000_000_000 })
    disk.rename(inOwn('contract-temp'), inTree(path))
    return stat
  } catch (error) {
    file.close()
    disk.unlink(inOwn('contract-temp'))
    throw error
  }
}

export function readFile(disk: Disk, at: Place): string {
  const file = disk.open(at)
  try {
    return file.read(0, file.stat().size).toString()
  } finally {
    file.close()
  }
}

/** The call must throw a system error with one of the codes. */
export function failsWith(call: () => unknown, ...codes: string[]): void {
  let code: string | undefined
  let caught: unknown
  try {
    call()
  } catch (error) {
    caught = error
    code = errnoOf(error)
  }
  expect(caught, `should fail with ${codes.join(' or ')}`).toBeDefined()
  expect(codes, `failed with ${String(caught)}`).toContain(code)
}

/** Equal but for the file system's granule; Node passes times as doubles, which costs up to 240 ns. */
function near(actualNs: bigint, wantedNs: bigint, granuleNs: bigint): boolean {
  const differenceNs = actualNs > wantedNs ? actualNs - wantedNs : wantedNs - actualNs
  return differenceNs <= (granuleNs > 1_000n ? granuleNs : 1_000n)
}
