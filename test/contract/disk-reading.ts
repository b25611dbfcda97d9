import { describe, expect, test } from 'vitest'
import { inOwn, inTree, type Place } from '../../syncer/disk/disk.ts'
import { type DiskBench, failsWith } from './disk-bench.ts'

/** list, listStats, stat and open. */
export function readingCases(bench: DiskBench): void {
  describe('list', () => {
    test('an empty root has no entries, whatever lies in the private folder', () => {
      bench.disk.create('stage-1').close()
      expect(bench.list('')).toEqual([])
      expect(bench.disk.listOwn()).toEqual(['stage-1'])
    })

    test('names and kinds, without those of folders below', () => {
      bench.disk.mkdir('dir')
      bench.put('dir/inner', 'i')
      bench.put('file', 'f')
      bench.disk.symlink('nowhere', inTree('link'))
      bench.outside.makeOther?.('other')
      const listed = byName(bench.list(''))
      expect(listed.filter(entry => entry.name !== 'other')).toEqual([
        { name: 'dir', kind: 'dir', mount: false },
        { name: 'file', kind: 'file', mount: false },
        { name: 'link', kind: 'link', mount: false },
      ])
      if (bench.outside.makeOther) expect(listed.find(entry => entry.name === 'other')?.kind).toBe('other')
      expect(bench.disk.list('dir')).toEqual([{ name: 'inner', kind: 'file', mount: false }])
    })

    test('listStats gives each entry with its stat', () => {
      bench.disk.mkdir('dir')
      bench.put('dir/inner', 'inner', { mtimeMs: 1_500_000_000_000 })
      bench.put('dir/\uFFFD', '')
      bench.disk.mkdir('dir/sub')
      bench.disk.symlink('inner', inTree('dir/link'))
      const wanted = bench.names('dir').map(entry => ({ name: entry, ...bench.disk.stat(inTree(`dir/${entry}`)) }))
      expect(wanted.length).toBe(4)
      expect(byName(bench.disk.listStats('dir'))).toEqual(byName(wanted))
      bench.disk.create('stage-1').close()
      expect(byName(bench.disk.listStats('')).map(entry => entry.name)).toEqual(
        bench.disk.list('').map(entry => entry.name),
      )
      failsWith(() => bench.disk.listStats('missing'), 'ENOENT')
      failsWith(() => bench.disk.listStats('dir/inner'), 'ENOTDIR')
      failsWith(() => bench.disk.listStats('dir/link'), 'ENOTDIR', 'ELOOP')
    })

    test('what is not a folder fails', () => {
      bench.put('file', 'f')
      bench.disk.mkdir('dir')
      bench.disk.symlink('dir', inTree('link'))
      failsWith(() => bench.disk.list('missing'), 'ENOENT')
      failsWith(() => bench.disk.list('missing/deeper'), 'ENOENT')
      failsWith(() => bench.disk.list('file'), 'ENOTDIR')
      failsWith(() => bench.disk.list('file/deeper'), 'ENOTDIR')
      failsWith(() => bench.disk.list('link'), 'ENOTDIR', 'ELOOP')
    })

    test('case 11: odd names come back exactly and lead to their files', () => {
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
      if (!bench.supports.spellings) odd.splice(odd.indexOf('e\u0301'), 1)
      for (const entry of odd) bench.put(entry, `<${entry}>`)
      expect(bench.names('').sort()).toEqual([...odd].sort())
      for (const entry of odd) expect(bench.read(inTree(entry))).toBe(`<${entry}>`)
    })

    test('case 12: names that are not UTF-8 come back exactly', ctx => {
      if (bench.supports?.byteNames === false) return ctx.skip('this platform has no byte names')
      const odd = ['\uDCFF', 'a\uDC80b', 'caf\uDCE9', '\uFFFD\uDCFF', '\uDCF0\uDC9F\uDC98']
      for (const dir of odd) {
        bench.disk.mkdir(dir)
        for (const entry of odd) bench.put(`${dir}/${entry}`, entry)
        expect(bench.names(dir).sort()).toEqual([...odd].sort())
        for (const entry of odd) expect(bench.read(inTree(`${dir}/${entry}`))).toBe(Buffer.from(entry).toString())
        bench.disk.unlink(inTree(`${dir}/${odd[0]}`))
        expect(bench.disk.stat(inTree(`${dir}/${odd[0]}`))).toBe(null)
      }
      expect(bench.names('').sort()).toEqual([...odd].sort())
    })

    test('case 10: a name of more than 255 bytes is refused', () => {
      failsWith(() => bench.disk.mkdir('n'.repeat(256)), 'ENAMETOOLONG')
      failsWith(() => bench.disk.mkdir('ü'.repeat(128)), 'ENAMETOOLONG')
    })
  })

  describe('stat', () => {
    test('the root is a folder and no mount, wherever it is mounted', () => {
      expect(bench.disk.stat(inTree(''))).toMatchObject({ kind: 'dir', mount: false })
    })

    test('nothing there is null', () => {
      bench.put('file', 'f')
      expect(bench.disk.stat(inTree('missing'))).toBe(null)
      expect(bench.disk.stat(inTree('missing/deeper'))).toBe(null)
      expect(bench.disk.stat(inTree('file/deeper'))).toBe(null)
      expect(bench.disk.stat(inOwn('missing'))).toBe(null)
    })

    test('kinds, sizes and permissions', () => {
      bench.disk.mkdir('dir')
      bench.put('file', 'four', { mode: 0o640 })
      bench.put('tool', '', { mode: 0o755 })
      bench.disk.symlink('file', inTree('link'))
      expect(bench.disk.stat(inTree('dir'))).toMatchObject({ kind: 'dir', mount: false })
      expect(bench.disk.stat(inTree('file'))).toMatchObject({ kind: 'file', size: 4, mount: false })
      expect(bench.disk.stat(inTree('tool'))).toMatchObject({ kind: 'file', size: 0 })
      expect(bench.disk.stat(inTree('link'))).toMatchObject({ kind: 'link' })
      if (bench.supports?.permissions === false) return
      expect(bench.disk.stat(inTree('file'))?.mode).toBe(0o640)
      expect(bench.disk.stat(inTree('tool'))?.mode).toBe(0o755)
      expect(bench.disk.stat(inTree('dir'))?.mode).toBe(0o777 & ~bench.disk.umask)
    })

    test('a new text of the same size, one granule later, shows in the times', () => {
      bench.outside.write('file', 'aaaa')
      const before = bench.disk.stat(inTree('file'))!
      bench.outside.passGranule()
      bench.outside.write('file', 'bbbb')
      const after = bench.disk.stat(inTree('file'))!
      expect(after.ino).toBe(before.ino)
      expect(after.size).toBe(before.size)
      expect(after.mtimeNs > before.mtimeNs).toBe(true)
      expect(after.ctimeNs > before.ctimeNs).toBe(true)
    })

    test('a rename keeps inode and modification time', () => {
      const made = bench.put('a', 'text', { mtimeMs: 1_600_000_000_123 })
      bench.disk.rename(inTree('a'), inTree('b'))
      const after = bench.disk.stat(inTree('b'))!
      expect(after.ino).toBe(made.ino)
      expect(after.mtimeNs).toBe(made.mtimeNs)
      expect(after.ctimeNs >= made.ctimeNs).toBe(true)
    })
  })

  describe('open', () => {
    test('reads ranges, short only at the end', () => {
      bench.put('file', '0123456789')
      const file = bench.disk.open(inTree('file'))
      expect(file.read(0, 4).toString()).toBe('0123')
      expect(file.read(8, 100).toString()).toBe('89')
      expect(file.read(10, 5).length).toBe(0)
      expect(file.read(99, 5).length).toBe(0)
      expect(file.read(3, 0).length).toBe(0)
      expect(file.stat()).toEqual(bench.disk.stat(inTree('file')))
      file.close()
    })

    test('sees its inode whatever happens to the name', () => {
      const old = bench.put('file', 'old')
      const file = bench.disk.open(inTree('file'))
      bench.put('file', 'newer')
      expect(file.read(0, 10).toString()).toBe('old')
      expect(file.stat().ino).toBe(old.ino)
      bench.disk.unlink(inTree('file'))
      expect(file.read(0, 10).toString()).toBe('old')
      file.close()
    })

    test('sees what is written in place meanwhile', () => {
      bench.put('file', 'old')
      const file = bench.disk.open(inTree('file'))
      bench.outside.write('file', 'longer')
      expect(file.stat().size).toBe(6)
      expect(file.read(0, 10).toString()).toBe('longer')
      file.close()
    })

    test('private files too', () => {
      const file = bench.disk.create('stage-1')
      file.write(Buffer.from('bytes'))
      file.close()
      expect(bench.read(inOwn('stage-1'))).toBe('bytes')
    })

    test('case 16: anything but a regular file is EINVAL, and a FIFO does not block', () => {
      bench.disk.mkdir('dir')
      bench.put('file', 'f')
      bench.disk.symlink('file', inTree('link'))
      bench.outside.makeOther?.('other')
      const ways = [
        (at: Place) => bench.disk.open(at),
        (at: Place) => bench.disk.read(at, 1),
        (at: Place) => bench.disk.readInto(at, Buffer.alloc(1)),
      ]
      for (const way of ways) {
        failsWith(() => way(inTree('dir')), 'EINVAL')
        failsWith(() => way(inTree('link')), 'EINVAL')
        failsWith(() => way(inTree('')), 'EINVAL')
        failsWith(() => way(inTree('missing')), 'ENOENT')
        failsWith(() => way(inOwn('missing')), 'ENOENT')
        if (bench.outside.makeOther) failsWith(() => way(inTree('other')), 'EINVAL')
      }
    })

    test('readInto fills the memory that it is given, or gives nothing', () => {
      bench.put('file', 'some text')
      const [whole, part] = [Buffer.alloc(9), Buffer.alloc(4)]
      expect(bench.disk.readInto(inTree('file'), whole)).toEqual(bench.disk.stat(inTree('file')))
      expect(whole.toString()).toBe('some text')
      expect(bench.disk.readInto(inTree('file'), part)).toEqual(bench.disk.stat(inTree('file')))
      expect(part.toString()).toBe('some')
      expect(bench.disk.readInto(inTree('file'), Buffer.alloc(10))).toBeUndefined()
    })

    test('read gives the beginning and the stat', () => {
      bench.put('file', 'some text')
      const stat = bench.disk.stat(inTree('file'))!
      expect(bench.disk.read(inTree('file'), stat.size)).toEqual({ bytes: Buffer.from('some text'), stat })
      expect(bench.disk.read(inTree('file'), 4).bytes.toString()).toBe('some')
      expect(bench.disk.read(inTree('file'), 100).bytes.toString()).toBe('some text')
      expect(bench.disk.read(inTree('file'), 0).bytes.length).toBe(0)
    })
  })
}

function byName<T extends { name: string }>(entries: T[]): T[] {
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1))
}
