import { type ChildProcess, spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { errnoOf } from '../../../syncer/base/errors.ts'
import type { Path } from '../../../syncer/core/path.ts'
import { type Disk, inOwn, inTree } from '../../../syncer/disk/disk.ts'
import type { Folders } from '../../../syncer/disk/folders.ts'
import { createNodeDisk } from '../../../syncer/disk/node-disk.ts'
import { openFolders } from '../../../syncer/disk/node-folders.ts'
import { RealpathFolders } from '../../../syncer/disk/node-folders-realpath.ts'
import { sameKey } from '../../../syncer/endpoint/stat-columns.ts'
import { failsWith, putFile, readFile } from '../../contract/disk-bench.ts'
import { release, scratchFolder } from './scratch-folder.ts'

const onLinux = process.platform === 'linux'

/** A root with `dir/victim` in it, and beside it a folder in which nothing may ever appear or change. */
function arrange(open: (root: string) => Folders) {
  const scratch = scratchFolder()
  const root = path.join(scratch, 'root')
  const outside = path.join(scratch, 'outside')
  fs.mkdirSync(path.join(root, 'dir/sub'), { recursive: true })
  fs.mkdirSync(path.join(outside, 'sub'), { recursive: true })
  for (const dir of ['dir', 'dir/sub']) fs.writeFileSync(path.join(root, dir, 'victim'), 'inside')
  for (const dir of ['', 'sub']) fs.writeFileSync(path.join(outside, dir, 'victim'), 'outside')
  const disk = release(createNodeDisk({ root, openFolders: open }))
  const staged = disk.create('stage-1')
  staged.write(Buffer.from('staged'))
  staged.finish({ mode: 0o644, mtimeMs: 1_000 })
  return { disk, root, outside, at: (inside: string) => path.join(root, inside) }
}

/** As {@link arrange}; `dir` can be made to change into a link that leads out right after the disk checked it. */
function arrangeSwap() {
  let armed = false
  const arranged = arrange(root => {
    const folders = openFolders(root, 'linux')
    const swap = (dir: Path) => {
      if (!armed || !dir.startsWith('dir')) return
      armed = false
      fs.renameSync(arranged.at('dir'), arranged.at('moved'))
      fs.symlinkSync(arranged.outside, arranged.at('dir'))
    }
    const enter = folders.enter.bind(folders)
    const peek = folders.peek.bind(folders)
    folders.enter = dir => {
      const prefix = enter(dir)
      swap(dir)
      return prefix
    }
    folders.peek = dir => {
      const prefixes = peek(dir)
      swap(dir)
      return prefixes
    }
    return folders
  })
  return {
    ...arranged,
    swapAtNextCheck() {
      armed = true
      return () => !armed
    },
  }
}

/** Each call that could read, change or make something through `dir`, each of which must fail or stay inside. */
const calls: [string, (disk: Disk, dir: Path) => unknown][] = [
  ['list', (disk, dir) => disk.list(`${dir}/sub`)],
  ['listStats', (disk, dir) => disk.listStats(`${dir}/sub`)],
  ['read', (disk, dir) => disk.read(inTree(`${dir}/victim`), 1)],
  ['open', (disk, dir) => disk.open(inTree(`${dir}/victim`)).close()],
  ['mkdir', (disk, dir) => disk.mkdir(`${dir}/new`)],
  ['rmdir', (disk, dir) => disk.rmdir(`${dir}/sub`)],
  ['symlink', (disk, dir) => disk.symlink('x', inTree(`${dir}/new`))],
  ['readlink', (disk, dir) => disk.readlink(inTree(`${dir}/victim`))],
  ['link into the tree', (disk, dir) => disk.link(inOwn('stage-1'), inTree(`${dir}/new`))],
  ['link into the trash', (disk, dir) => disk.link(inTree(`${dir}/victim`), inOwn('trash-1'))],
  ['replace', (disk, dir) => disk.rename(inOwn('stage-1'), inTree(`${dir}/victim`))],
  ['replace deeper', (disk, dir) => disk.rename(inOwn('stage-1'), inTree(`${dir}/sub/victim`))],
  ['grab', (disk, dir) => disk.rename(inTree(`${dir}/victim`), inOwn('trash-1'))],
  ['unlink', (disk, dir) => disk.unlink(inTree(`${dir}/victim`))],
  ['unlink deeper', (disk, dir) => disk.unlink(inTree(`${dir}/sub/victim`))],
]

const kinds: [string, (root: string) => Folders][] = [
  ['descriptors', root => openFolders(root, process.platform)],
  ['real paths', root => new RealpathFolders(root, { foldsCase: !onLinux })],
]

describe.each(kinds)('a folder swapped between two calls, by way of %s', (_, open) => {
  test.each(calls)('case 27: for a link that leads out: %s', (_name, call) => {
    const { disk, outside, at } = arrange(open)
    disk.listStats('dir')
    disk.listStats('dir/sub')
    const before = snapshot(outside)
    fs.renameSync(at('dir'), at('moved'))
    fs.symlinkSync(outside, at('dir'))
    failsWith(() => call(disk, 'dir'), 'ENOTDIR', 'ELOOP')
    expect(disk.stat(inTree('dir/victim'))).toBe(null)
    expect(snapshot(outside)).toEqual(before)
    expect(disk.listOwn()).toEqual(['stage-1'])
  })

  test.each(calls)('moved out of the root: %s', (_name, call) => {
    const { disk, outside, at } = arrange(open)
    disk.listStats('dir')
    disk.listStats('dir/sub')
    fs.renameSync(at('dir'), path.join(outside, 'moved'))
    const before = snapshot(outside)
    failsWith(() => call(disk, 'dir'), 'ENOENT')
    expect(disk.stat(inTree('dir/victim'))).toBe(null)
    expect(snapshot(outside)).toEqual(before)
  })

  test.each(calls)('moved out of the root, with a link that follows it: %s', (_name, call) => {
    const { disk, outside, at } = arrange(open)
    disk.listStats('dir/sub')
    fs.renameSync(at('dir'), path.join(outside, 'moved'))
    fs.symlinkSync(path.join(outside, 'moved'), at('dir'))
    const before = snapshot(outside)
    failsWith(() => call(disk, 'dir'), 'ENOTDIR', 'ELOOP')
    expect(snapshot(outside)).toEqual(before)
  })

  test('for another folder: the new one is used', () => {
    const { disk, at } = arrange(open)
    disk.listStats('dir')
    fs.renameSync(at('dir'), at('old'))
    fs.mkdirSync(at('dir'))
    expect(disk.listStats('dir')).toEqual([])
    disk.rename(inOwn('stage-1'), inTree('dir/new'))
    expect(fs.readdirSync(at('dir'))).toEqual(['new'])
    expect(fs.readdirSync(at('old')).sort()).toEqual(['sub', 'victim'])
  })

  test('for one whose name differs in bytes that are not UTF-8', ctx => {
    if (!onLinux) return ctx.skip('byte names exist on Linux only')
    const { disk } = arrange(open)
    disk.mkdir('\uDCFF')
    putFile(disk, '\uDCFF/file', 'first')
    disk.rename(inTree('\uDCFF'), inTree('\uDCFE'))
    disk.mkdir('\uFFFD')
    failsWith(() => disk.rename(inOwn('stage-1'), inTree('\uDCFF/file')), 'ENOENT')
    expect(readFile(disk, inTree('\uDCFE/file'))).toBe('first')
  })
})

describe('a folder swapped between the check and the call', () => {
  test.runIf(onLinux).each(calls)('case 27: stays inside: %s', (_name, call) => {
    const { disk, outside, at, swapAtNextCheck } = arrangeSwap()
    disk.listStats('dir')
    disk.listStats('dir/sub')
    const before = snapshot(outside)
    const swapped = swapAtNextCheck()
    try {
      call(disk, 'dir')
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
    }
    expect(swapped()).toBe(true)
    expect(snapshot(outside)).toEqual(before)
    expect(fs.existsSync(at('moved'))).toBe(true)
  })

  test.runIf(onLinux)('what a scan saw by way of the link does not count', () => {
    const { disk, swapAtNextCheck } = arrangeSwap()
    disk.listStats('dir/sub')
    const swapped = swapAtNextCheck()
    failsWith(() => disk.listStats('dir/sub'), 'ENOTDIR')
    expect(swapped()).toBe(true)
  })

  test.runIf(onLinux)(
    'what was read by way of the link shows itself as another file, and names listed so as gone',
    () => {
      const { disk, outside, at } = arrange(root => openFolders(root, 'linux'))
      fs.writeFileSync(path.join(outside, 'victim'), 'beside')
      fs.writeFileSync(path.join(outside, 'more'), '')
      const known = disk.stat(inTree('dir/victim'))!
      const target = Buffer.alloc(known.size)
      expect(sameKey(known, disk.readInto(inTree('dir/victim'), target)!)).toBe(true)
      expect(String(target)).toBe('inside')
      fs.renameSync(at('dir'), at('moved'))
      fs.symlinkSync(outside, at('dir'))
      expect(sameKey(known, disk.readInto(inTree('dir/victim'), target)!)).toBe(false)
      const names = disk.list('dir', 'unchecked').map(({ name }) => name)
      failsWith(() => disk.listStats('dir', names), 'ENOTDIR', 'ELOOP')
    },
  )

  test('is noticed where paths are all there is', () => {
    let armed: (() => void) | undefined
    const { disk, outside, at } = arrange(root => {
      const folders = new RealpathFolders(root, { foldsCase: !onLinux })
      const enter = folders.enter.bind(folders)
      folders.enter = dir => {
        const prefix = enter(dir)
        if (dir === 'dir') armed?.()
        return prefix
      }
      return folders
    })
    armed = () => {
      armed = undefined
      fs.renameSync(at('dir'), at('moved'))
      fs.symlinkSync(outside, at('dir'))
    }
    failsWith(() => disk.rename(inOwn('stage-1'), inTree('dir/new')), 'ESTALE')
  })

  test.runIf(onLinux)('case 27: thousands of times by another process: nothing lands outside', async () => {
    const { disk, outside, at } = arrange(root => openFolders(root, 'linux'))
    const before = snapshot(outside)
    const swapper = spawn(process.execPath, ['-e', swapperSource, at('dir'), at('moved'), outside], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    await firstByte(swapper)
    const outcomes = { done: 0, refused: 0 }
    for (let i = 0; i < 20_000 && (i < 4_000 || outcomes.done === 0 || outcomes.refused === 0); i++) {
      try {
        putFile(disk, `dir/sub/file${i % 50}`, 'text')
        disk.unlink(inTree(`dir/sub/file${i % 50}`))
        outcomes.done++
      } catch (error) {
        expect(['ENOTDIR', 'ELOOP', 'ENOENT']).toContain(errnoOf(error))
        outcomes.refused++
      }
    }
    swapper.stdin!.end()
    await new Promise(resolve => swapper.on('close', resolve))
    expect(outcomes.done).toBeGreaterThan(0)
    expect(outcomes.refused).toBeGreaterThan(0)
    expect(snapshot(outside)).toEqual(before)
  })
})

/** Swaps a folder for a link and back until its stdin ends. */
const swapperSource = `
const fs = require('node:fs')
const [dir, moved, outside] = process.argv.slice(1)
let ended = false
process.stdin.on('end', () => { ended = true }).resume()
process.stdout.write('.')
const swap = () => {
  for (let i = 0; i < 200; i++) {
    fs.renameSync(dir, moved)
    fs.symlinkSync(outside, dir)
    fs.unlinkSync(dir)
    fs.renameSync(moved, dir)
  }
  if (!ended) setImmediate(swap)
}
swap()
`

function firstByte(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.stdout!.once('data', () => resolve())
    child.once('error', reject)
  })
}

/** Names, contents and link counts of everything below a folder. */
function snapshot(folder: string): string[] {
  return fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .map(entry => {
      const at = path.join(entry.parentPath, entry.name)
      const stat = fs.lstatSync(at)
      return `${at} ${stat.mode} ${stat.isFile() ? `${stat.nlink} ${fs.readFileSync(at, 'utf8')}` : ''}`
    })
    .sort()
}
