import fs from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { UserError } from '../../../syncer/base/errors.ts'
import { inOwn, inTree } from '../../../syncer/disk/disk.ts'
import { exactDisk } from '../../../syncer/disk/exact-disk.ts'
import { createNodeDisk, type NodeDisk, type NodeDiskOptions } from '../../../syncer/disk/node-disk.ts'
import { LinuxFolders } from '../../../syncer/disk/node-folders-linux.ts'
import { checkPrivateFolder } from '../../../syncer/disk/private-folder.ts'
import { pathBelow } from '../../../syncer/disk/spelling.ts'
import { systemError } from '../../../syncer/disk/system-error.ts'
import { failsWith, putFile, readFile } from '../../contract/disk-bench.ts'
import { release, scratchFolder } from './scratch-folder.ts'

const onLinux = process.platform === 'linux'
const isRoot = process.getuid?.() === 0

function openDisk(options: Partial<NodeDiskOptions> = {}): { disk: NodeDisk; root: string; outside: string } {
  const scratch = scratchFolder()
  const root = path.join(scratch, 'root')
  const outside = path.join(scratch, 'outside')
  fs.mkdirSync(root)
  fs.mkdirSync(outside)
  return { disk: release(createNodeDisk({ root, ...options })), root, outside }
}

describe('the root', () => {
  test('must be a folder', () => {
    const scratch = scratchFolder()
    fs.writeFileSync(path.join(scratch, 'file'), '')
    expect(codeOf(() => createNodeDisk({ root: path.join(scratch, 'missing') }))).toBe('not-found')
    expect(codeOf(() => createNodeDisk({ root: path.join(scratch, 'file') }))).toBe('state')
  })

  test('may be named by way of a link', () => {
    const scratch = scratchFolder()
    fs.mkdirSync(path.join(scratch, 'real'))
    fs.symlinkSync('real', path.join(scratch, 'link'))
    const disk = release(createNodeDisk({ root: path.join(scratch, 'link') }))
    putFile(disk, 'file', 'text')
    expect(disk.rootPath).toBe(path.join(scratch, 'real'))
    expect(fs.readFileSync(path.join(scratch, 'real/file'), 'utf8')).toBe('text')
  })

  test.runIf(onLinux)('may have a name that is not UTF-8', () => {
    const root = Buffer.concat([Buffer.from(`${scratchFolder()}/r`), Buffer.from([0xff])])
    fs.mkdirSync(root)
    const disk = release(createNodeDisk({ root: `${root.subarray(0, -1)}\uDCFF` }))
    disk.mkdir('dir')
    putFile(disk, 'dir/file', 'text')
    expect(fs.readFileSync(Buffer.concat([root, Buffer.from('/dir/file')]), 'utf8')).toBe('text')
    expect(disk.listStats('dir').map(entry => entry.name)).toEqual(['file'])
  })

  test('moved away is an error, never an empty folder', () => {
    const { disk, root } = openDisk()
    disk.mkdir('dir')
    putFile(disk, 'dir/file', 'text')
    fs.renameSync(root, `${root}-moved`)
    const calls = () => {
      failsWith(() => disk.list(''), 'ESTALE')
      failsWith(() => disk.listStats('dir'), 'ESTALE')
      failsWith(() => disk.stat(inTree('dir')), 'ESTALE')
      failsWith(() => disk.stat(inTree('dir/file')), 'ESTALE')
      failsWith(() => disk.stat(inTree('missing/file')), 'ESTALE')
      failsWith(() => disk.open(inTree('dir/file')), 'ESTALE')
    }
    calls()
    fs.mkdirSync(root)
    calls()
    fs.rmSync(`${root}-moved`, { recursive: true })
    calls()
  })
})

describe('the private folder', () => {
  test('is .podswap, closed to others, and git leaves it alone', () => {
    const { disk, root } = openDisk()
    disk.create('stage-1').close()
    expect(disk.privatePath).toBe('.podswap')
    expect(fs.readdirSync(path.join(root, '.podswap')).sort()).toEqual(['.gitignore', 'stage-1'])
    expect(fs.readFileSync(path.join(root, '.podswap/.gitignore'), 'utf8')).toMatch(/^\*$/m)
    if (process.platform !== 'win32') expect(fs.statSync(path.join(root, '.podswap')).mode & 0o777).toBe(0o700)
  })

  test('has no path in the tree', () => {
    const { disk } = openDisk()
    disk.create('stage-1').close()
    expect(disk.list('')).toEqual([])
    expect(disk.listStats('')).toEqual([])
    expect(disk.stat(inTree('.podswap'))).toBe(null)
    expect(disk.stat(inTree('.podswap/stage-1'))).toBe(null)
    failsWith(() => disk.list('.podswap'), 'ENOENT')
    failsWith(() => disk.open(inTree('.podswap/stage-1')), 'ENOENT')
    failsWith(() => disk.rename(inTree('.podswap'), inTree('mine')), 'ENOENT')
    failsWith(() => disk.rename(inOwn('stage-1'), inTree('.podswap/x')), 'ENOENT')
    failsWith(() => disk.mkdir('.podswap/x'), 'ENOENT')
    putFile(disk, '.podswap-of-mine', 'text')
    disk.mkdir('dir')
    putFile(disk, 'dir/.podswap', 'text')
    expect(
      disk
        .list('')
        .map(entry => entry.name)
        .sort(),
    ).toEqual(['.podswap-of-mine', 'dir'])
    expect(disk.list('dir').map(entry => entry.name)).toEqual(['.podswap'])
  })

  test.skipIf(process.platform === 'win32')('is closed to others again where a copy of it was open', () => {
    const { root } = openDisk()
    fs.chmodSync(path.join(root, '.podswap'), 0o2755)
    release(createNodeDisk({ root }))
    expect(fs.statSync(path.join(root, '.podswap')).mode & 0o7777).toBe(0o2700)
  })

  test('keeps its files for the next run, and its own marks to itself', () => {
    const { disk, root } = openDisk()
    disk.create('stage-1').close()
    const next = release(createNodeDisk({ root }))
    expect(next.listOwn()).toEqual(['stage-1'])
    failsWith(() => next.create('.gitignore'), 'EINVAL')
  })

  test('lies in .git where that is a folder', () => {
    const { root, outside } = openDisk()
    const make = (name: string) => {
      const folder = path.join(outside, name)
      fs.mkdirSync(folder)
      return folder
    }
    const repository = make('repository')
    fs.mkdirSync(path.join(repository, '.git'))
    const inGit = release(createNodeDisk({ root: repository, privateFolder: 'in-git' }))
    putFile(inGit, 'file', 'text')
    expect(inGit.privatePath).toBe('.git/podswap')
    expect(fs.readdirSync(repository).sort()).toEqual(['.git', 'file'])
    expect(inGit.list('.git')).toEqual([])
    expect(inGit.stat(inTree('.git/podswap'))).toBe(null)

    const worktree = make('worktree')
    fs.writeFileSync(path.join(worktree, '.git'), 'gitdir: elsewhere')
    expect(release(createNodeDisk({ root: worktree, privateFolder: 'in-git' })).privatePath).toBe('.podswap')

    const linked = make('linked')
    fs.symlinkSync(path.join(repository, '.git'), path.join(linked, '.git'))
    expect(release(createNodeDisk({ root: linked, privateFolder: 'in-git' })).privatePath).toBe('.podswap')

    const pod = make('pod')
    fs.mkdirSync(path.join(pod, '.git'))
    expect(release(createNodeDisk({ root: pod })).privatePath).toBe('.podswap')
    expect(fs.existsSync(path.join(root, '.git'))).toBe(false)
  })

  test.runIf(onLinux)('does not lie in a .git of another mount', () => {
    const root = scratchFolder()
    fs.mkdirSync(path.join(root, '.git'))
    const readMountinfo = () => Buffer.from(`1 0 0:1 / / rw - ext4 x rw\n2 1 0:1 /g ${root}/.git rw - ext4 x rw\n`)
    expect(release(createNodeDisk({ root, privateFolder: 'in-git', readMountinfo })).privatePath).toBe('.podswap')
  })

  test('of a time before `git init` stays in use', () => {
    const { disk, root } = openDisk({ privateFolder: 'in-git' })
    disk.create('trash-1').close()
    fs.mkdirSync(path.join(root, '.git'))
    const next = release(createNodeDisk({ root, privateFolder: 'in-git' }))
    expect(next.privatePath).toBe('.podswap')
    expect(next.listOwn()).toEqual(['trash-1'])
  })

  test.each<[string, (place: string) => void]>([
    ['a file', place => fs.writeFileSync(place, 'mine')],
    ['a link', place => fs.symlinkSync('/nowhere', place)],
    ['a folder with things in it', place => fs.mkdirSync(path.join(place, 'x'), { recursive: true })],
    [
      'a folder with another .gitignore',
      place => {
        fs.mkdirSync(place)
        fs.writeFileSync(path.join(place, '.gitignore'), '*\n')
      },
    ],
  ])('that is not ours is refused: %s', (_, make) => {
    const root = scratchFolder()
    make(path.join(root, '.podswap'))
    const before = fs.readdirSync(root, { recursive: true })
    let caught: unknown
    try {
      createNodeDisk({ root })
    } catch (error) {
      caught = error
    }
    expect(caught).toBeInstanceOf(UserError)
    expect(caught).toMatchObject({ code: 'state', hint: expect.stringContaining('.podswap') })
    expect(fs.readdirSync(root, { recursive: true })).toEqual(before)
  })

  test('that a crash left half made is finished', () => {
    const root = scratchFolder()
    fs.mkdirSync(path.join(root, '.podswap'))
    createNodeDisk({ root }).close()
    fs.renameSync(path.join(root, '.podswap/.gitignore'), path.join(root, '.podswap/.gitignore.new'))
    fs.truncateSync(path.join(root, '.podswap/.gitignore.new'), 3)
    createNodeDisk({ root }).close()
    createNodeDisk({ root }).close()
    expect(fs.readdirSync(path.join(root, '.podswap'))).toEqual(['.gitignore'])
  })

  test('removed meanwhile is made again', () => {
    const { disk, root } = openDisk()
    const remove = () => fs.rmSync(path.join(root, '.podswap'), { recursive: true })
    remove()
    putFile(disk, 'a', 'a')
    remove()
    disk.link(inTree('a'), inOwn('trash-1'))
    remove()
    disk.rename(inTree('a'), inOwn('trash-2'))
    expect(disk.listOwn()).toEqual(['trash-2'])
    remove()
    disk.symlink('x', inOwn('stage-1'))
    remove()
    expect(disk.listOwn()).toEqual([])
    failsWith(() => disk.rename(inTree('missing'), inOwn('trash-3')), 'ENOENT')
  })

  test('moves to the root when .git goes', () => {
    const root = scratchFolder()
    fs.mkdirSync(path.join(root, '.git'))
    const disk = release(createNodeDisk({ root, privateFolder: 'in-git' }))
    fs.rmSync(path.join(root, '.git'), { recursive: true })
    putFile(disk, 'file', 'text')
    expect(disk.privatePath).toBe('.podswap')
    expect(disk.list('')).toEqual([{ name: 'file', kind: 'file', mount: false }])
  })

  test('replaced by something else, or gone with the root, fails with a code of the system', () => {
    const { disk, root } = openDisk()
    fs.rmSync(path.join(root, '.podswap'), { recursive: true })
    fs.writeFileSync(path.join(root, '.podswap'), 'mine')
    failsWith(() => disk.create('stage-1'), 'EEXIST')
    expect(fs.readFileSync(path.join(root, '.podswap'), 'utf8')).toBe('mine')
    fs.rmSync(root, { recursive: true })
    failsWith(() => disk.create('stage-1'), 'ESTALE')
    failsWith(() => disk.listOwn(), 'ESTALE')
  })

  test.runIf(onLinux && !isRoot)('case 55: that cannot be made says so', () => {
    const root = scratchFolder()
    fs.chmodSync(root, 0o555)
    const refused = { code: 'state', message: `cannot use a private folder in ${root} (EACCES)` }
    expect(() => createNodeDisk({ root })).toThrow(expect.objectContaining(refused))
    expect(() => checkPrivateFolder(root, 'in-git')).toThrow(expect.objectContaining(refused))
  })

  test('can be asked for before it is made', () => {
    const root = scratchFolder()
    const readOnly = (...places: string[]) =>
      codeOf(() =>
        checkPrivateFolder(root, 'in-git', place => {
          if (places.some(each => path.join(root, each) === place)) throw systemError('EROFS', String(place))
        }),
      )
    const code = codeOf(() => checkPrivateFolder(root, 'in-git'))
    expect([code, fs.readdirSync(root)]).toEqual([undefined, []])
    expect(readOnly('')).toBe('state')
    fs.mkdirSync(path.join(root, '.git'))
    expect(readOnly('')).toBe(undefined)
    expect(readOnly('.git')).toBe(undefined)
    expect(readOnly('', '.git')).toBe('state')
    fs.mkdirSync(path.join(root, '.git/podswap'))
    expect(readOnly('', '.git')).toBe(undefined)
    expect(readOnly('', '.git/podswap')).toBe('state')
    fs.mkdirSync(path.join(root, '.podswap'))
    expect(readOnly('', '.git', '.git/podswap')).toBe(undefined)
    expect(readOnly('.podswap')).toBe('state')
    expect(codeOf(() => checkPrivateFolder(path.join(root, 'missing'), 'in-git'))).toBe(undefined)
  })
})

describe('what a container needs', () => {
  test.runIf(onLinux && isRoot)('case 94: a set-group-id folder gives its group to what is moved into it', () => {
    const { disk, root } = openDisk()
    disk.mkdir('shared')
    disk.mkdir('plain')
    fs.chownSync(path.join(root, 'shared'), 0, 12_345)
    fs.chmodSync(path.join(root, 'shared'), 0o2775)
    putFile(disk, 'shared/file', 'text', { mode: 0o664 })
    putFile(disk, 'plain/file', 'text')
    expect(fs.statSync(path.join(root, 'shared/file'))).toMatchObject({ gid: 12_345, mode: 0o100664 })
    expect(fs.statSync(path.join(root, 'plain/file')).gid).toBe(process.getgid!())
    const staged = disk.create('stage-1')
    staged.finish({ mode: 0o664, mtimeMs: 1_000 })
    disk.link(inOwn('stage-1'), inTree('shared/linked'))
    expect(fs.statSync(path.join(root, 'shared/linked')).gid).toBe(12_345)
  })

  test.runIf(onLinux && isRoot)(
    'case 94: what is made in private has the group of the folder it goes to, or is known not to',
    () => {
      const { disk, root } = openDisk()
      disk.mkdir('shared')
      disk.mkdir('plain')
      fs.chownSync(path.join(root, 'shared'), 0, 12_345)
      fs.chmodSync(path.join(root, 'shared'), 0o2775)
      expect([disk.groupsAlike('plain'), disk.groupsAlike('shared'), disk.groupsAlike('')]).toEqual([true, false, true])

      // As Kubernetes prepares a volume for fsGroup: what is in it inherits, our private folder too.
      const volume = scratchFolder()
      fs.chownSync(volume, 0, 12_345)
      fs.chmodSync(volume, 0o2775)
      const ofGroup = release(createNodeDisk({ root: volume }))
      expect(ofGroup.groupsAlike('')).toBe(true)
      ofGroup.mkdirOwn('stage-1')
      ofGroup.create('stage-1/f').close()
      ofGroup.rename(inOwn('stage-1'), inTree('made'))
      expect(fs.statSync(path.join(volume, 'made/f')).gid).toBe(12_345)
      expect(fs.statSync(path.join(volume, 'made')).mode & 0o2000).toBe(0o2000)
    },
  )

  test.runIf(onLinux)('what its file system does with names and modes is found out', () => {
    const { disk } = openDisk()
    expect([disk.foldsCase, disk.modesKept]).toEqual([false, true])
    expect(disk.listOwn()).toEqual([])
    disk.mkdir('Dir')
    putFile(disk, 'Dir/File', 'text')
    disk.symlink('elsewhere', inTree('Dir/Link'))
    for (const there of ['', 'Dir', 'Dir/File', 'Dir/Link']) expect(disk.spellingOf(there)).toBe(there)
    for (const other of ['dir', 'Dir/file', 'Dir/link', 'none/x']) expect(disk.spellingOf(other)).toBe(null)
    expect(exactDisk(disk)).toBe(disk)
    const onMac = exactDisk(disk, 'darwin')
    expect([onMac.stat(inTree('Dir/Link'))?.kind, onMac.stat(inTree('Dir/file'))]).toEqual(['link', null])
  })

  test('case 21: set-user-id bits of a peer are not taken over', () => {
    const { disk } = openDisk()
    putFile(disk, 'file', 'text', { mode: 0o6755 })
    expect(disk.stat(inTree('file'))?.mode).toBe(0o755)
  })

  test.runIf(onLinux)('case 93: mount points inside the root are told, with their escapes', () => {
    const root = scratchFolder()
    fs.mkdirSync(path.join(root, 'se cret/below'), { recursive: true })
    fs.mkdirSync(path.join(root, 'plain'))
    let table = ''
    let nowMs = 0
    const clock = { now: () => nowMs, monotonic: () => nowMs }
    const disk = release(createNodeDisk({ root, clock, readMountinfo: () => Buffer.from(table) }))
    table = `1 0 0:1 / / rw - ext4 x rw\n2 1 0:2 / ${root}/se\\040cret rw master:7 - tmpfs tmpfs rw\n`
    const isMount = () => disk.stat(inTree('se cret'))?.mount
    expect(isMount()).toBe(false)
    nowMs = 4_999
    expect(isMount()).toBe(false)
    nowMs = 5_000
    expect(isMount()).toBe(true)
    expect(disk.stat(inTree(''))?.mount).toBe(false)
    expect(disk.stat(inTree('plain'))?.mount).toBe(false)
    expect(disk.stat(inTree('se cret/below'))?.mount).toBe(false)
    expect(
      disk
        .listStats('')
        .filter(entry => entry.mount)
        .map(entry => entry.name),
    ).toEqual(['se cret'])
    table = ''
    disk.refreshMounts()
    expect(isMount()).toBe(false)
  })

  test.runIf(onLinux)('case 9: paths that are too long for one system call', () => {
    const { disk } = openDisk()
    let deep = ''
    for (let i = 0; i < 15; i++) {
      deep = deep === '' ? 'd'.repeat(255) : `${deep}/${'d'.repeat(255)}`
      disk.mkdir(deep)
    }
    const file = `${deep}/${'f'.repeat(200)}`
    putFile(disk, file, 'deep')
    expect(readFile(disk, inTree(file))).toBe('deep')
    expect(disk.list(deep)).toEqual([{ name: 'f'.repeat(200), kind: 'file', mount: false }])
    expect(disk.listStats(deep).map(entry => entry.size)).toEqual([4])
    disk.rename(inTree(file), inTree(`${deep}/g`))
    disk.link(inTree(`${deep}/g`), inTree(file))
    disk.unlink(inTree(`${deep}/g`))
    expect(disk.list(deep).map(entry => entry.name)).toEqual(['f'.repeat(200)])
    disk.sync(inTree(file))
  })

  test.runIf(onLinux)('case 91: few descriptors, and none after close', () => {
    const descriptors = () => fs.readdirSync('/proc/self/fd').length
    const before = descriptors()
    const root = scratchFolder()
    const openFolders = (at: string) =>
      new LinuxFolders(at, `/proc/${process.pid}/fd/`, { min: 9, max: 128, descriptorsInUse: before + 1_000 })
    const disk = createNodeDisk({ root, openFolders })
    for (let i = 0; i < 400; i++) {
      disk.mkdir(`d${i}`)
      putFile(disk, `d${i}/file`, 'text')
    }
    for (let i = 0; i < 400; i++) expect(disk.listStats(`d${i}`).length).toBe(1)
    expect(descriptors() - before).toBeLessThan(150)
    for (let i = 0; i < 400; i++) failsWith(() => disk.open(inTree(`d${i}`)), 'EINVAL')
    disk.close()
    expect(descriptors()).toBe(before)
  })

  test.runIf(onLinux)('folders that another program uses stay open, and no longer', () => {
    const root = fs.realpathSync(scratchFolder())
    for (const name of ['a', 'b', 'c']) {
      fs.mkdirSync(`${root}/${name}`)
      fs.writeFileSync(`${root}/${name}/inside`, name)
    }
    const fewest = { min: 1, max: 1, descriptorsInUse: 0 }
    const folders = new LinuxFolders(root, `/proc/${process.pid}/fd/`, fewest)
    const place = folders.enter('a')
    const letGo = folders.hold()
    folders.enter('b')
    folders.enter('c')
    expect(fs.readFileSync(`${place}inside`, 'utf8')).toBe('a')
    letGo()
    expect(fs.existsSync(`${place}inside`)).toBe(false)
    folders.close()
  })

  test.runIf(onLinux)('a glance by the name alone tells what stands there', () => {
    const disk = release(createNodeDisk({ root: scratchFolder() }))
    disk.mkdir('d')
    putFile(disk, 'd/file', 'text')
    expect(disk.glance('d/file')).toEqual(disk.stat(inTree('d/file')))
    expect([disk.glance('d/none'), disk.glance('d/file/none')]).toEqual([null, null])
    expect(disk.glance('d')?.kind).toBe('dir')
  })

  test.runIf(onLinux)('case 91: many synced folders leave descriptors to others', () => {
    const descriptors = () => fs.readdirSync('/proc/self/fd').map(Number)
    const before = Math.max(...descriptors())
    const kept = { min: 4, max: 100, descriptorsInUse: before + 60 }
    const disks = Array.from({ length: 5 }, () => {
      const openFolders = (at: string) => new LinuxFolders(at, `/proc/${process.pid}/fd/`, kept)
      return release(createNodeDisk({ root: scratchFolder(), openFolders }))
    })
    for (const disk of disks) {
      for (let i = 0; i < 80; i++) disk.mkdir(`d${i}`)
      for (let i = 0; i < 80; i++) disk.listStats(`d${i}`)
    }
    expect(Math.max(...descriptors())).toBeLessThan(before + 120)
    // The first one gives back what the others lack.
    for (let i = 0; i < 80; i++) for (const disk of disks) expect(disk.listStats(`d${i}`)).toEqual([])
    expect(Math.max(...descriptors())).toBeLessThan(before + 120)
  })
})

function codeOf(call: () => unknown): string | undefined {
  try {
    call()
  } catch (error) {
    if (error instanceof UserError) return error.code
    throw error
  }
  return undefined
}

test.each([
  ['/home/me', '/home/me/src/a', 'src/a'],
  ['/', '/src/a', 'src/a'],
  ['D:\\', 'D:\\src\\a', 'src/a'],
  ['D:\\work', 'D:\\work\\src', 'src'],
])('below %s, %s is %s', (root, real, path) => expect(pathBelow(root, real)).toBe(path))
