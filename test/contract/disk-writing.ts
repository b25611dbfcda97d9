import { describe, expect, test } from 'vitest'
import { inOwn, inTree } from '../../syncer/disk/disk.ts'
import { type DiskBench, failsWith, near } from './disk-bench.ts'

/** create, finish, mkdir, rmdir, unlink and sync. */
export function writingCases(bench: DiskBench): void {
  describe('create and finish', () => {
    test('writes add up; finish sets mode and time and tells the result', () => {
      const file = bench.disk.create('stage-1')
      file.write(Buffer.from('one '))
      file.write(new Uint8Array(0))
      file.write(Buffer.from('two'))
      const stat = file.finish({ mode: 0o750, mtimeMs: 1_500_000_000_250 })
      expect(stat).toMatchObject({ kind: 'file', size: 7, mount: false })
      expect(stat).toEqual(bench.disk.stat(inOwn('stage-1')))
      expect(bench.read(inOwn('stage-1'))).toBe('one two')
      expect(near(stat.mtimeNs, 1_500_000_000_250_000_000n, bench.disk.timestampGranuleNs)).toBe(true)
      if (bench.supports?.permissions !== false) expect(stat.mode).toBe(0o750)
    })

    test('large writes are whole', () => {
      const bytes = Buffer.alloc(3_000_001, 'podswap')
      const file = bench.disk.create('big')
      file.write(bytes.subarray(0, 1_000_000))
      file.write(bytes.subarray(1_000_000))
      file.finish({ mode: 0o644, mtimeMs: 1_000 })
      const opened = bench.disk.open(inOwn('big'))
      expect(opened.read(0, 4_000_000).equals(bytes)).toBe(true)
      opened.close()
    })

    test('is exclusive and readable by nobody else until it is finished', () => {
      const file = bench.disk.create('stage-1')
      failsWith(() => bench.disk.create('stage-1'), 'EEXIST')
      if (bench.supports?.permissions !== false) expect(bench.disk.stat(inOwn('stage-1'))?.mode).toBe(0o600)
      file.close()
      failsWith(() => bench.disk.create('stage-1'), 'EEXIST')
    })

    test('close leaves the name, and may come twice or after finish', () => {
      const half = bench.disk.create('half')
      half.write(Buffer.from('ha'))
      half.close()
      half.close()
      const whole = bench.disk.create('whole')
      whole.finish({ mode: 0o644, mtimeMs: 1_000 })
      whole.close()
      expect(bench.disk.listOwn().sort()).toEqual(['half', 'whole'])
      bench.disk.unlink(inOwn('half'))
      expect(bench.disk.listOwn()).toEqual(['whole'])
    })

    test('a private file is patched anywhere, grows by zeros and is cut', () => {
      const made = bench.disk.create('part-1')
      made.write(Buffer.from('0123456789'))
      made.close()
      const file = bench.disk.patch('part-1')
      file.writeAt(2, Buffer.from('ab'))
      file.write(Buffer.from('+'))
      file.writeAt(13, Buffer.from('c'))
      expect([file.size(), file.read(0, 100).toString()]).toEqual([14, '01ab456789+\0\0c'])
      expect(file.read(12, 1).toString()).toBe('\0')
      file.resize(4)
      file.resize(6)
      const stat = file.finish({ mode: 0o640, mtimeMs: 1_500_000_000_000 })
      expect(stat).toMatchObject({ kind: 'file', size: 6 })
      expect(bench.read(inOwn('part-1'))).toBe('01ab\0\0')
      failsWith(() => bench.disk.patch('part-2'), 'ENOENT')
      bench.disk.mkdirOwn('part-3')
      failsWith(() => bench.disk.patch('part-3'), 'EINVAL')
    })

    test('a private name that leads out is refused', () => {
      for (const bad of ['', '.', '..', '../x', 'a/../b', 'a//b', 'a/', 'a/.', '/a', 'a\0b']) {
        failsWith(() => bench.disk.create(bad), 'EINVAL')
        failsWith(() => bench.disk.unlink(inOwn(bad)), 'EINVAL')
      }
    })
  })

  describe('folders', () => {
    test('mkdir and rmdir', () => {
      bench.disk.mkdir('a')
      bench.disk.mkdir('a/b')
      failsWith(() => bench.disk.mkdir('a'), 'EEXIST')
      bench.put('file', 'f')
      failsWith(() => bench.disk.mkdir('file'), 'EEXIST')
      failsWith(() => bench.disk.mkdir('missing/x'), 'ENOENT')
      failsWith(() => bench.disk.mkdir('file/x'), 'ENOTDIR')
      failsWith(() => bench.disk.rmdir('a'), 'ENOTEMPTY')
      failsWith(() => bench.disk.rmdir('file'), 'ENOTDIR')
      failsWith(() => bench.disk.rmdir('missing'), 'ENOENT')
      bench.disk.rmdir('a/b')
      bench.disk.rmdir('a')
      expect(bench.names('')).toEqual(['file'])
    })

    test('a folder that is made again is empty', () => {
      bench.disk.mkdir('a')
      bench.put('a/x', 'x')
      expect(bench.names('a')).toEqual(['x'])
      bench.disk.unlink(inTree('a/x'))
      bench.disk.rmdir('a')
      failsWith(() => bench.disk.list('a'), 'ENOENT')
      bench.disk.mkdir('a')
      expect(bench.names('a')).toEqual([])
      bench.put('a/y', 'y')
      expect(bench.names('a')).toEqual(['y'])
    })

    test('deep paths', () => {
      let path = 'd'
      bench.disk.mkdir(path)
      for (let depth = 1; depth < 40; depth++) {
        path += `/d${depth}`
        bench.disk.mkdir(path)
      }
      bench.put(`${path}/leaf`, 'deep')
      expect(bench.read(inTree(`${path}/leaf`))).toBe('deep')
    })
  })

  describe('private folders', () => {
    test('hold files, links and folders, and leave as one', () => {
      const { disk } = bench
      disk.mkdirOwn('stage-1')
      failsWith(() => disk.mkdirOwn('stage-1'), 'EEXIST')
      failsWith(() => disk.mkdirOwn('stage-2/x'), 'ENOENT')
      disk.mkdirOwn('stage-1/.dir')
      const file = disk.create('stage-1/.dir/f', 0o640)
      file.write(Buffer.from('text'))
      const stat = file.finish({ mode: 0o640, mtimeMs: 1_500_000_000_000 })
      disk.symlink('.dir/f', inOwn('stage-1/link'))
      expect(disk.listOwn()).toEqual(['stage-1'])
      expect(disk.stat(inOwn('stage-1/.dir/f'))).toEqual(stat)
      if (bench.supports?.permissions !== false) expect(stat.mode).toBe(0o640)
      failsWith(() => disk.create('stage-1/.dir/f'), 'EEXIST')
      failsWith(() => disk.unlink(inOwn('stage-1')), 'EISDIR', 'EPERM')

      disk.rename(inOwn('stage-1'), inTree('made'))
      expect(disk.listOwn()).toEqual([])
      expect(bench.read(inTree('made/.dir/f'))).toBe('text')
      expect(disk.readlink(inTree('made/link'))).toBe('.dir/f')
      expect(disk.stat(inTree('made/.dir/f'))).toEqual(stat)
    })

    test('never take the place of anything', () => {
      const { disk } = bench
      disk.mkdirOwn('stage-1')
      disk.create('stage-1/f').close()
      disk.mkdir('empty')
      disk.mkdir('full')
      bench.put('full/x', 'x')
      bench.put('file', 'f')
      disk.symlink('empty', inTree('link'))
      for (const taken of ['empty', 'full', 'file', 'link'])
        failsWith(() => disk.rename(inOwn('stage-1'), inTree(taken)), 'EEXIST', 'ENOTEMPTY', 'ENOTDIR')
      failsWith(() => disk.rename(inOwn('stage-1'), inTree('missing/x')), 'ENOENT')
      expect(disk.stat(inOwn('stage-1/f'))?.kind).toBe('file')
      expect(bench.read(inTree('file'))).toBe('f')
    })

    test('are removed with everything in them; nothing there is no error', () => {
      const { disk } = bench
      bench.put('kept', 'k')
      disk.mkdirOwn('stage-1')
      disk.mkdirOwn('stage-1/a')
      disk.create('stage-1/a/f').close()
      disk.symlink('../../../kept', inOwn('stage-1/a/link'))
      disk.removeOwn('stage-1')
      disk.removeOwn('stage-1')
      expect(disk.listOwn()).toEqual([])
      expect(bench.read(inTree('kept'))).toBe('k')
    })
  })

  describe('unlink', () => {
    test('removes files and links, never folders', () => {
      bench.put('file', 'f')
      bench.disk.symlink('file', inTree('link'))
      bench.disk.mkdir('dir')
      bench.disk.unlink(inTree('link'))
      expect(bench.names('').sort()).toEqual(['dir', 'file'])
      bench.disk.unlink(inTree('file'))
      failsWith(() => bench.disk.unlink(inTree('file')), 'ENOENT')
      failsWith(() => bench.disk.unlink(inTree('dir')), 'EISDIR', 'EPERM')
      expect(bench.names('')).toEqual(['dir'])
    })
  })

  test('sync takes files of both areas and folders', () => {
    bench.put('file', 'f')
    bench.disk.mkdir('dir')
    bench.put('dir/file', 'f')
    bench.disk.create('stage-1').finish({ mode: 0o644, mtimeMs: 1_000 })
    bench.disk.sync(inTree('file'))
    bench.disk.sync(inTree('dir/file'))
    bench.disk.sync(inTree('dir'))
    bench.disk.sync(inTree(''))
    bench.disk.sync(inOwn('stage-1'))
    failsWith(() => bench.disk.sync(inTree('missing')), 'ENOENT')
  })
}
