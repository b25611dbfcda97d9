import { describe, expect, test } from 'vitest'
import { inOwn, inTree, type Stat } from '../../syncer/disk/disk.ts'
import { systemError } from '../../syncer/disk/system-error.ts'
import { type DiskBench, failsWith } from './disk-bench.ts'

/** Symbolic links, hard links and rename. */
export function movingCases(bench: DiskBench): void {
  describe('symbolic links', () => {
    test('keep their target, whatever it is', () => {
      const targets = ['file', '../outside', '/abs/olute', 'a b\nc', 'é😀', 'x'.repeat(1_000)]
      if (bench.supports?.byteNames !== false) targets.push('bytes\uDCFF\uDC80')
      for (const [i, target] of targets.entries()) {
        bench.disk.symlink(target, inTree(`link${i}`))
        expect(bench.disk.readlink(inTree(`link${i}`))).toBe(target)
        expect(bench.disk.stat(inTree(`link${i}`))?.kind).toBe('link')
      }
    })

    test('never replace what is there', () => {
      bench.put('file', 'f')
      bench.disk.mkdir('dir')
      bench.disk.symlink('x', inTree('link'))
      for (const taken of ['file', 'dir', 'link']) failsWith(() => bench.disk.symlink('y', inTree(taken)), 'EEXIST')
      failsWith(() => bench.disk.readlink(inTree('file')), 'EINVAL')
      failsWith(() => bench.disk.readlink(inTree('dir')), 'EINVAL')
      failsWith(() => bench.disk.readlink(inTree('missing')), 'ENOENT')
    })

    test('case 25: are never followed in front of a name', () => {
      bench.disk.mkdir('real')
      bench.disk.mkdir('real/sub')
      bench.put('real/file', 'real')
      bench.disk.symlink('real', inTree('link'))
      bench.disk.symlink('.', inTree('self'))
      const parked = bench.disk.create('stage-1')
      parked.finish({ mode: 0o644, mtimeMs: 1_000 })
      for (const dir of ['link', 'self/real']) {
        expect(bench.disk.stat(inTree(`${dir}/file`))).toBe(null)
        const blocked = ['ENOTDIR', 'ELOOP']
        failsWith(() => bench.disk.open(inTree(`${dir}/file`)), ...blocked)
        failsWith(() => bench.disk.list(dir), ...blocked)
        failsWith(() => bench.disk.list(`${dir}/sub`), ...blocked)
        failsWith(() => bench.disk.listStats(`${dir}/sub`), ...blocked)
        failsWith(() => bench.disk.readlink(inTree(`${dir}/file`)), ...blocked)
        failsWith(() => bench.disk.mkdir(`${dir}/new`), ...blocked)
        failsWith(() => bench.disk.symlink('x', inTree(`${dir}/new`)), ...blocked)
        failsWith(() => bench.disk.unlink(inTree(`${dir}/file`)), ...blocked)
        failsWith(() => bench.disk.rename(inTree(`${dir}/file`), inTree('out')), ...blocked)
        failsWith(() => bench.disk.rename(inOwn('stage-1'), inTree(`${dir}/new`)), ...blocked)
        failsWith(() => bench.disk.link(inTree(`${dir}/file`), inOwn('trash-1')), ...blocked)
        failsWith(() => bench.disk.link(inOwn('stage-1'), inTree(`${dir}/new`)), ...blocked)
      }
      failsWith(() => bench.disk.rmdir('link'), 'ENOTDIR', 'ELOOP')
      expect(bench.names('real').sort()).toEqual(['file', 'sub'])
      expect(bench.disk.listOwn()).toEqual(['stage-1'])
    })
  })

  describe('hard links', () => {
    test('are one inode under two names', () => {
      const made_ = bench.put('file', 'text')
      bench.disk.link(inTree('file'), inOwn('trash-1'))
      expect(bench.disk.stat(inOwn('trash-1'))?.ino).toBe(made_.ino)
      bench.disk.unlink(inTree('file'))
      expect(bench.read(inOwn('trash-1'))).toBe('text')
      bench.disk.link(inOwn('trash-1'), inTree('back'))
      expect(bench.read(inTree('back'))).toBe('text')
    })

    test('never clobber', () => {
      bench.put('a', 'a')
      bench.put('b', 'b')
      bench.disk.mkdir('dir')
      bench.disk.symlink('a', inTree('link'))
      for (const taken of ['a', 'b', 'dir', 'link'])
        failsWith(() => bench.disk.link(inTree('a'), inTree(taken)), 'EEXIST')
      failsWith(() => bench.disk.link(inTree('missing'), inTree('c')), 'ENOENT')
      failsWith(() => bench.disk.link(inTree('a'), inTree('missing/c')), 'ENOENT')
      failsWith(() => bench.disk.link(inTree('dir'), inTree('c')), 'EPERM')
      expect(bench.read(inTree('b'))).toBe('b')
    })

    test('case 39: show late writes through an old descriptor after a replace', () => {
      bench.put('file', 'old')
      const late = bench.outside.openForAppend('file')
      bench.disk.link(inTree('file'), inOwn('trash-1'))
      bench.put('file', 'new')
      late.append(' and late')
      late.close()
      expect(bench.read(inTree('file'))).toBe('new')
      expect(bench.read(inOwn('trash-1'))).toBe('old and late')
    })
  })

  describe('replace', () => {
    const yes = () => true

    test('puts a private file over a file or a link that is what was expected', () => {
      bench.put('file', 'old')
      bench.disk.symlink('file', inTree('link'))
      const asked: Stat[] = []
      for (const path of ['file', 'link']) {
        bench.putOwn('stage-1', 'new')
        expect(bench.disk.replace('stage-1', path, now => asked.push(now) > 0)).toBe(true)
        expect(bench.read(inTree(path))).toBe('new')
        expect(bench.disk.listOwn()).toEqual([])
      }
      expect(asked.map(({ kind, size }) => [kind, kind === 'file' && size])).toEqual([
        ['file', 3],
        ['link', false],
      ])
    })

    test('changes nothing where something else stands there, or nothing', () => {
      bench.put('file', 'other')
      bench.disk.mkdir('dir')
      bench.putOwn('stage-1', 'new')
      expect(bench.disk.replace('stage-1', 'file', () => false)).toBe(false)
      expect(bench.disk.replace('stage-1', 'dir', ({ kind }) => kind === 'file')).toBe(false)
      expect(bench.disk.replace('stage-1', 'nothing', yes)).toBe(false)
      expect(bench.read(inTree('file'))).toBe('other')
      expect(bench.disk.listOwn()).toEqual(['stage-1'])
      expect(bench.names('').sort()).toEqual(['dir', 'file'])
    })

    test('fails where the private file is gone, and never goes through a link', () => {
      bench.put('file', 'text')
      failsWith(() => bench.disk.replace('stage-1', 'file', yes), 'ENOENT')
      bench.disk.mkdir('dir')
      bench.put('dir/file', 'text')
      bench.disk.symlink('dir', inTree('link'))
      bench.putOwn('stage-1', 'new')
      const throughLink = () => {
        if (!bench.disk.replace('stage-1', 'link/file', yes)) throw systemError('ENOTDIR', 'nothing is there')
      }
      failsWith(throughLink, 'ELOOP', 'ENOTDIR')
      expect(bench.read(inTree('dir/file'))).toBe('text')
    })
  })

  describe('nudge', () => {
    test('changes neither content nor permissions nor time of a private file', () => {
      const before = bench.put('file', 'text', { mode: 0o754 })
      bench.disk.rename(inTree('file'), inOwn('trash-1'))
      bench.disk.nudge('trash-1')
      const { kind, size, mode, mtimeNs, ino } = bench.disk.stat(inOwn('trash-1'))!
      const was = { kind: before.kind, size: 4, mode: before.mode, mtimeNs: before.mtimeNs, ino: before.ino }
      expect({ kind, size, mode, mtimeNs, ino }).toEqual(was)
      expect(bench.read(inOwn('trash-1'))).toBe('text')
    })

    test('leaves what a link leads to alone, and fails where nothing is', () => {
      bench.disk.symlink('nowhere', inOwn('trash-1'))
      bench.disk.nudge('trash-1')
      expect(bench.disk.readlink(inOwn('trash-1'))).toBe('nowhere')
      failsWith(() => bench.disk.nudge('trash-2'), 'ENOENT')
    })
  })

  describe('rename', () => {
    test('replaces files and links in one step', () => {
      bench.put('a', 'a')
      bench.put('b', 'b')
      bench.disk.symlink('a', inTree('link'))
      bench.disk.rename(inTree('a'), inTree('b'))
      expect(bench.read(inTree('b'))).toBe('a')
      bench.disk.rename(inTree('b'), inTree('link'))
      expect(bench.list('')).toEqual([{ name: 'link', kind: 'file', mount: false }])
      expect(bench.read(inTree('link'))).toBe('a')
    })

    test('moves a link itself', () => {
      bench.disk.symlink('missing', inTree('link'))
      bench.disk.rename(inTree('link'), inTree('moved'))
      expect(bench.disk.readlink(inTree('moved'))).toBe('missing')
      expect(bench.names('')).toEqual(['moved'])
    })

    test('grabs into the private folder and puts back', () => {
      bench.put('file', 'text')
      bench.disk.rename(inTree('file'), inOwn('trash-1'))
      expect(bench.disk.stat(inTree('file'))).toBe(null)
      expect(bench.disk.listOwn()).toEqual(['trash-1'])
      bench.disk.rename(inOwn('trash-1'), inOwn('trash-2'))
      bench.disk.rename(inOwn('trash-2'), inTree('file'))
      expect(bench.read(inTree('file'))).toBe('text')
      expect(bench.disk.listOwn()).toEqual([])
    })

    test('grabs a link or a folder that took the place of a file, and puts it back', () => {
      bench.disk.symlink('target', inTree('link'))
      bench.disk.mkdir('dir')
      bench.put('dir/x', 'x')
      bench.disk.rename(inTree('link'), inOwn('trash-1'))
      bench.disk.rename(inTree('dir'), inOwn('trash-2'))
      expect(bench.names('')).toEqual([])
      expect(bench.disk.stat(inOwn('trash-1'))?.kind).toBe('link')
      expect(bench.disk.readlink(inOwn('trash-1'))).toBe('target')
      expect(bench.disk.stat(inOwn('trash-2'))?.kind).toBe('dir')
      failsWith(() => bench.disk.open(inOwn('trash-2')), 'EINVAL')
      failsWith(() => bench.disk.readlink(inOwn('trash-2')), 'EINVAL')
      bench.disk.mkdir('taken')
      failsWith(() => bench.disk.rename(inOwn('trash-2'), inTree('taken')), 'EISDIR', 'ENOTEMPTY', 'EEXIST')
      bench.disk.rename(inOwn('trash-1'), inTree('link'))
      bench.disk.rename(inOwn('trash-2'), inTree('dir'))
      expect(bench.disk.readlink(inTree('link'))).toBe('target')
      expect(bench.read(inTree('dir/x'))).toBe('x')
      expect(bench.disk.listOwn()).toEqual([])
    })

    test('replaces a file by a link in one step', () => {
      bench.put('file', 'text')
      bench.disk.symlink('target', inOwn('stage-1'))
      failsWith(() => bench.disk.symlink('other', inOwn('stage-1')), 'EEXIST')
      bench.disk.rename(inOwn('stage-1'), inTree('file'))
      expect(bench.disk.readlink(inTree('file'))).toBe('target')
    })

    test('two names of one inode both stay (POSIX)', () => {
      bench.put('file', 'text')
      bench.disk.link(inTree('file'), inOwn('trash-1'))
      bench.disk.rename(inOwn('trash-1'), inTree('file'))
      expect(bench.read(inTree('file'))).toBe('text')
      expect(bench.disk.listOwn()).toEqual(['trash-1'])
    })

    test('never replaces a folder, not even an empty one', () => {
      bench.put('file', 'f')
      bench.disk.mkdir('empty')
      bench.disk.mkdir('full')
      bench.put('full/x', 'x')
      bench.disk.mkdir('dir')
      const refused = ['EISDIR', 'ENOTEMPTY', 'EEXIST']
      failsWith(() => bench.disk.rename(inTree('file'), inTree('empty')), ...refused)
      failsWith(() => bench.disk.rename(inTree('file'), inTree('full')), ...refused)
      failsWith(() => bench.disk.rename(inTree('dir'), inTree('empty')), ...refused)
      failsWith(() => bench.disk.rename(inTree('dir'), inTree('full')), ...refused)
      expect(bench.names('').sort()).toEqual(['dir', 'empty', 'file', 'full'])
    })

    test('a folder takes its content along; not onto a file, not into itself', () => {
      bench.disk.mkdir('a')
      bench.disk.mkdir('a/b')
      bench.put('a/b/x', 'x')
      expect(bench.disk.list('a/b').length).toBe(1)
      bench.disk.rename(inTree('a'), inTree('moved'))
      expect(bench.read(inTree('moved/b/x'))).toBe('x')
      expect(bench.disk.stat(inTree('a/b/x'))).toBe(null)
      failsWith(() => bench.disk.list('a/b'), 'ENOENT')
      bench.put('moved/b/y', 'y')
      expect(bench.names('moved/b').sort()).toEqual(['x', 'y'])
      bench.put('file', 'f')
      failsWith(() => bench.disk.rename(inTree('moved'), inTree('file')), 'ENOTDIR')
      failsWith(() => bench.disk.rename(inTree('moved'), inTree('moved/b/c')), 'EINVAL')
      failsWith(() => bench.disk.rename(inTree('missing'), inTree('x')), 'ENOENT')
      failsWith(() => bench.disk.rename(inTree('file'), inTree('missing/x')), 'ENOENT')
    })

    test('a new folder takes the place of a moved one', () => {
      bench.disk.mkdir('a')
      bench.put('a/old', 'o')
      bench.disk.rename(inTree('a'), inTree('b'))
      bench.disk.mkdir('a')
      bench.put('a/new', 'n')
      expect(bench.names('a')).toEqual(['new'])
      expect(bench.names('b')).toEqual(['old'])
    })
  })
}
