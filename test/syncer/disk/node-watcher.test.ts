import { execFileSync, spawnSync } from 'node:child_process'
import { EventEmitter } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { leanWatch } from '../../../syncer/disk/folder-watch.ts'
import { createNodeWatcher, type NodeWatcherOptions } from '../../../syncer/disk/node-watcher.ts'
import type { Watcher } from '../../../syncer/disk/watcher.ts'
import { release, scratchFolder } from './scratch-folder.ts'

const onLinux = process.platform === 'linux'
/** How long a state may take to come. */
const soon = { timeout: 30_000 }

/** A watcher over a fresh folder, and what it told so far. */
function watchFolder(options: Partial<NodeWatcherOptions> = {}, folders: string[] = []) {
  const root = path.join(scratchFolder(), 'root')
  fs.mkdirSync(root)
  for (const folder of folders) fs.mkdirSync(path.join(root, folder), { recursive: true })
  const told: string[] = []
  const limits: (string | null)[] = []
  const watcher: Watcher = release(
    createNodeWatcher({
      root,
      events: {
        changed: (dir, name, kind) => told.push(`${dir}|${name}|${kind}`),
        overflow: reason => told.push(`overflow ${reason}`),
        limited: code => limits.push(code),
      },
      ...options,
    }),
  )
  for (const folder of ['', ...folders]) watcher.watch(folder)
  const at = (inside: string) => path.join(root, inside)
  let marks = 0
  return {
    root,
    told,
    limits,
    watcher,
    at,
    until: (event: string) => vi.waitUntil(() => told.includes(event), { ...soon, interval: 1 }),
    /** Resolves when all that happened before has been told. */
    async settled() {
      const mark = `mark-${++marks}`
      fs.writeFileSync(at(mark), '')
      await vi.waitUntil(() => told.includes(`|${mark}|rename`), { ...soon, interval: 1 })
      await new Promise(resolve => setImmediate(resolve))
    },
    forget: () => told.splice(0),
  }
}

/** Watches of this process in the kernel. */
function kernelWatches(): number {
  let count = 0
  for (const descriptor of fs.readdirSync('/proc/self/fdinfo')) {
    try {
      count += fs.readFileSync(`/proc/self/fdinfo/${descriptor}`, 'latin1').match(/^inotify wd:/gm)?.length ?? 0
    } catch {
      // The descriptor of the listing itself is closed by now.
    }
  }
  return count
}

describe.runIf(onLinux)('a watch for each folder', () => {
  test('tells of a folder that was watched before it was moved to its place, by that place', async () => {
    const { at, until, watcher } = watchFolder({}, [])
    fs.mkdirSync(at('private/stage/sub/deep'), { recursive: true })
    watcher.watch('moved/sub', 'private/stage/sub')
    watcher.watch('moved/sub/deep', 'private/stage/sub/deep')
    fs.renameSync(at('private/stage'), at('moved'))
    watcher.watch('moved')
    fs.writeFileSync(at('moved/sub/deep/new'), '')
    await until('moved/sub/deep|new|rename')
    fs.renameSync(at('moved/sub/deep'), at('moved/sub/other'))
    await until('moved/sub|deep|rename')
  })

  test('tells what happens to names in announced folders', async () => {
    const { at, until, told, settled } = watchFolder({}, ['dir'])
    fs.writeFileSync(at('new'), '')
    await until('|new|rename')
    fs.appendFileSync(at('new'), 'x')
    await until('|new|change')
    fs.chmodSync(at('dir/..'), 0o755)
    fs.writeFileSync(at('dir/deep'), '')
    await until('dir|deep|rename')
    fs.renameSync(at('dir/deep'), at('dir/moved'))
    await until('dir|moved|rename')
    fs.unlinkSync(at('dir/moved'))
    await settled()
    expect(told.filter(event => event === 'dir|moved|rename')).toHaveLength(2)
    expect(told.filter(event => event.startsWith('overflow'))).toEqual([])
  })

  test('case 70: says nothing of other folders', async () => {
    const { at, told, settled } = watchFolder({}, ['dir'])
    fs.mkdirSync(at('quiet'))
    fs.writeFileSync(at('quiet/file'), '')
    await settled()
    expect(told.filter(event => event.startsWith('quiet'))).toEqual([])
  })

  test('odd names; one that is not UTF-8 asks for the whole folder', async () => {
    const { at, until, watcher } = watchFolder({}, ['📁\n'])
    fs.writeFileSync(at('📁\n/é 💩'), '')
    await until('📁\n|é 💩|rename')
    fs.writeFileSync(Buffer.concat([Buffer.from(at('x')), Buffer.from([0xff])]), '')
    await until('|null|rename')
    fs.mkdirSync(Buffer.concat([Buffer.from(at('d')), Buffer.from([0xff])]))
    watcher.watch('d\uDCFF')
    fs.writeFileSync(Buffer.concat([Buffer.from(at('d')), Buffer.from([0xff]), Buffer.from('/in')]), '')
    await until('d\uDCFF|in|rename')
  })

  test('watching twice and unwatching what is not watched are harmless', async () => {
    const { at, watcher, told, settled } = watchFolder({}, ['dir'])
    const before = kernelWatches()
    watcher.watch('dir')
    watcher.unwatch('nothing/here')
    watcher.watch('missing/deeper')
    expect(kernelWatches()).toBe(before)
    fs.writeFileSync(at('dir/x'), '')
    await settled()
    expect(told.filter(event => event === 'dir|x|rename')).toHaveLength(1)
  })

  test('unwatch ends a folder and all below it', async () => {
    const { at, watcher, told, settled } = watchFolder({}, ['dir', 'dir/sub', 'dir/sub/deep', 'other'])
    const before = kernelWatches()
    watcher.unwatch('dir')
    expect(kernelWatches()).toBe(before - 3)
    fs.writeFileSync(at('dir/sub/deep/x'), '')
    fs.writeFileSync(at('dir/x'), '')
    await settled()
    expect(told.filter(event => event.startsWith('dir'))).toEqual([])
    watcher.watch('dir')
    fs.writeFileSync(at('dir/y'), '')
    await settled()
    expect(told).toContain('dir|y|rename')
  })

  test('close ends all', async () => {
    const { root, at, watcher, told, settled } = watchFolder({}, ['dir'])
    await settled()
    const before = kernelWatches()
    watcher.close()
    expect(kernelWatches()).toBe(before - 2)
    watcher.watch('dir')
    expect(kernelWatches()).toBe(before - 2)
    const count = told.length
    const later: (string | null)[] = []
    const events = { changed: (_: string, name: string | null) => later.push(name), overflow: () => {} }
    release(createNodeWatcher({ root, events })).watch('')
    fs.writeFileSync(at('late'), '')
    await vi.waitUntil(() => later.includes('late'), soon)
    expect(told).toHaveLength(count)
  })

  test('a folder that was removed and made again is watched, without being announced again', async () => {
    const { at, until, settled } = watchFolder({}, ['dir', 'dir/sub'])
    fs.rmSync(at('dir'), { recursive: true })
    fs.mkdirSync(at('dir'))
    fs.mkdirSync(at('dir/sub'))
    await settled()
    fs.writeFileSync(at('dir/x'), '')
    await until('dir|x|rename')
  })

  test('a folder that was removed lets its watches go', async () => {
    const before = kernelWatches()
    const { at, settled } = watchFolder({}, ['dir', 'dir/sub'])
    expect(kernelWatches()).toBe(before + 3)
    fs.rmSync(at('dir'), { recursive: true })
    await settled()
    expect(kernelWatches()).toBe(before + 1)
  })

  test('another folder in its place is watched, with those below', async () => {
    const { at, until, told, forget, settled } = watchFolder({}, ['dir', 'dir/sub'])
    fs.mkdirSync(at('next/sub'), { recursive: true })
    fs.renameSync(at('dir'), at('old'))
    fs.renameSync(at('next'), at('dir'))
    await settled()
    expect(told).toContain('dir|null|rename')
    expect(told).toContain('dir/sub|null|rename')
    forget()
    fs.writeFileSync(at('old/sub/x'), '')
    fs.writeFileSync(at('dir/sub/y'), '')
    await until('dir/sub|y|rename')
    expect(told).not.toContain('dir/sub|x|rename')
  })

  test('case 92: a renamed folder, unwatched and announced under its new name, tells under that name alone', async () => {
    const { at, until, told, watcher, forget, settled } = watchFolder({}, ['dir', 'dir/sub'])
    fs.renameSync(at('dir'), at('renamed'))
    watcher.watch('renamed')
    watcher.watch('renamed/sub')
    watcher.unwatch('dir')
    await settled()
    forget()
    fs.writeFileSync(at('renamed/sub/x'), '')
    fs.writeFileSync(at('renamed/y'), '')
    await until('renamed|y|rename')
    expect(told).toContain('renamed/sub|x|rename')
    expect(told.filter(event => event.startsWith('dir'))).toEqual([])
  })

  test('the root moved away and made again', async () => {
    const { root, at, until, told } = watchFolder()
    fs.renameSync(root, `${root}-moved`)
    fs.mkdirSync(root)
    await until('|null|rename')
    await vi.waitUntil(() => {
      fs.writeFileSync(at('x'), '')
      return told.includes('|x|rename')
    }, soon)
  })

  test('case 68: nested folders made in one go are all seen, as each is announced', async () => {
    const { at, until, watcher } = watchFolder()
    for (let i = 0; i < 50; i++) {
      fs.mkdirSync(at(`n${i}/a/b`), { recursive: true })
      await until(`|n${i}|rename`)
      for (const folder of ['', '/a', '/a/b']) watcher.watch(`n${i}${folder}`)
      fs.writeFileSync(at(`n${i}/a/b/file`), '')
      await until(`n${i}/a/b|file|rename`)
    }
  })
})

describe.runIf(onLinux)('lost events', () => {
  test('cases 66, 81: are told when the queue of the kernel ran over, once', async () => {
    const limit = Number(fs.readFileSync('/proc/sys/fs/inotify/max_queued_events', 'latin1'))
    if (limit > 70_000) return
    const { root, told, settled } = watchFolder()
    // The loop is blocked while another process renames to and fro: four events each time.
    fs.writeFileSync(path.join(root, 'a'), '')
    const script = `process.chdir(process.argv[1]); const { renameSync: mv } = require('fs')
      for (let i = 0; i < ${limit}; i++) mv('a', 'b'), mv('b', 'a')`
    execFileSync(process.execPath, ['-e', script, root])
    await vi.waitUntil(() => told.includes('overflow queue'), soon)
    expect(told.length).toBeLessThan(2 * limit)
    await settled()
    expect(told.filter(event => event === 'overflow queue')).toHaveLength(1)
  })

  test('a burst that fits is not taken for that', async () => {
    const { root, told, settled } = watchFolder({ queueLengthMax: 1_000 })
    const script = `for (let i = 0; i < 150; i++) require('fs').writeFileSync(process.argv[1] + '/f' + i, '')`
    execFileSync(process.execPath, ['-e', script, root])
    await settled()
    for (let i = 0; i < 150; i++) expect(told).toContain(`|f${i}|rename`)
    expect(told.filter(event => event.startsWith('overflow'))).toEqual([])
  })
})

test.runIf(onLinux)('Node still hands out the handle below fs.watch', () => {
  const open = leanWatch()!
  const owner = { changed() {}, failed() {} }
  expect(() => open('/nowhere/at/all', owner)).toThrow(expect.objectContaining({ code: 'ENOENT' }))
  open(import.meta.dirname, owner).close()
})

/** Stands in for `fs.watch` of a system that grants so many watches and no more. */
function rationed(grants: { left: number; code: string }): NodeWatcherOptions['openWatch'] {
  return place => {
    if (grants.left === 0) throw Object.assign(new Error('no more'), { code: grants.code })
    grants.left--
    const watch = fs.watch(place, { persistent: false })
    watch.on('close', () => grants.left++)
    return watch
  }
}

describe.runIf(onLinux)('limits', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] }))
  afterEach(() => void vi.useRealTimers())

  test.each(['ENOSPC', 'EMFILE'])(
    'cases 67, 82: %s: what is watched stays so, the rest is polled until it can be',
    async code => {
      const grants = { left: 2, code }
      const folders = ['a', 'b', 'c', 'c/d']
      const { at, until, told, limits, forget } = watchFolder({ openWatch: rationed(grants) }, folders)
      expect(told).toEqual([])
      expect(limits).toEqual([])
      await until('overflow limit')
      expect(told).toEqual(['overflow limit'])
      vi.advanceTimersByTime(6_000)
      expect(limits).toEqual([code])
      expect(told).toEqual(Array(4).fill('overflow limit'))
      fs.writeFileSync(at('a/x'), '')
      await until('a|x|rename')

      grants.left = 10
      vi.advanceTimersByTime(2_000)
      expect(grants.left).toBe(7)
      expect(told.at(-1)).toBe('overflow limit')
      expect(limits).toEqual([code, null])
      forget()
      vi.advanceTimersByTime(60_000)
      expect(told).toEqual([])
      fs.writeFileSync(at('c/d/x'), '')
      await until('c/d|x|rename')
    },
  )

  test('unwatching what could not be watched ends the polling', async () => {
    const { told, watcher, until, forget } = watchFolder({ openWatch: rationed({ left: 1, code: 'ENOSPC' }) }, [
      'a',
      'a/b',
    ])
    await until('overflow limit')
    watcher.unwatch('a')
    vi.advanceTimersByTime(2_000)
    forget()
    vi.advanceTimersByTime(60_000)
    expect(told).toEqual([])
  })

  test('cases 67, 82: the real ones, of a user namespace', ctx => {
    const isolated = ['-r', '-U', 'sh', '-c', 'echo 20 > /proc/sys/user/max_inotify_watches && exec "$@"', 'sh']
    if (spawnSync('unshare', [...isolated, 'true']).status !== 0) return ctx.skip('needs user namespaces')
    const child = path.join(import.meta.dirname, 'watch-limit-child.ts')
    const run = spawnSync('unshare', [...isolated, process.execPath, '--import', 'tsx', child, scratchFolder()], {
      encoding: 'utf8',
      timeout: 60_000,
    })
    expect(run.stderr).toBe('')
    const result: { told: string[]; early: string[] } = JSON.parse(run.stdout)
    expect(result.early).toEqual([])
    expect(result.told).toContain('overflow limit')
    expect(result.told.filter(event => event.startsWith('limited'))).toEqual(['limited ENOSPC'])
    expect(result.told).toContain('d3|x|rename')
    expect(result.told.filter(event => event.startsWith('d40|'))).toEqual([])
  })

  test('an error of one watch is told, and that folder is watched again', async () => {
    const opened: fs.FSWatcher[] = []
    const openWatch: NodeWatcherOptions['openWatch'] = place => {
      const watch = fs.watch(place, { persistent: false })
      opened.push(watch)
      return watch
    }
    const { at, until, told } = watchFolder({ openWatch }, ['dir'])
    opened[1]!.emit('error', new Error('EIO'))
    expect(told).toEqual(['overflow error'])
    vi.advanceTimersByTime(2_000)
    expect(opened).toHaveLength(3)
    fs.writeFileSync(at('dir/x'), '')
    await until('dir|x|rename')
  })

  test('a folder that may not be read is left alone', () => {
    const { told, limits } = watchFolder({ openWatch: rationed({ left: 0, code: 'EACCES' }) }, ['a'])
    vi.advanceTimersByTime(60_000)
    expect(told).toEqual([])
    expect(limits).toEqual([])
  })
})

describe('one recursive watch', () => {
  /** A system that has recursive watches. */
  function fakeSystem() {
    const watches: (EventEmitter & { close(): void; closed: boolean })[] = []
    const system = { refuses: false, watches, openWatch }
    function openWatch(_: unknown, options: { recursive: boolean }): fs.FSWatcher {
      expect(options.recursive).toBe(true)
      if (system.refuses) throw Object.assign(new Error('gone'), { code: 'ENOENT' })
      const watch = Object.assign(new EventEmitter(), {
        closed: false,
        close() {
          watch.closed = true
        },
      })
      watches.push(watch)
      // Only what the watcher uses of it.
      return watch as unknown as fs.FSWatcher
    }
    return system
  }

  test('tells folder and name', () => {
    const system = fakeSystem()
    const { told, watcher } = watchFolder({ platform: 'darwin', openWatch: system.openWatch })
    watcher.watch('dir')
    const [watch] = system.watches
    watch!.emit('change', 'rename', path.join('dir', 'sub', 'x'))
    watch!.emit('change', 'change', 'y')
    watch!.emit('change', 'change', null)
    expect(told).toEqual(['dir/sub|x|rename', '|y|change', '|null|change'])
    watcher.close()
    expect(watch!.closed).toBe(true)
  })

  test('an error is told and the watch opened again', async () => {
    const system = fakeSystem()
    const { told } = watchFolder({ platform: 'win32', openWatch: system.openWatch, pollIntervalMs: 5 })
    system.refuses = true
    system.watches[0]!.emit('error', new Error('EPERM'))
    expect(told).toEqual(['overflow error'])
    await vi.waitUntil(() => told.length >= 3, soon)
    system.refuses = false
    await vi.waitUntil(() => system.watches.length === 2, soon)
    system.watches[1]!.emit('change', 'rename', 'back')
    expect(told.at(-1)).toBe('|back|rename')
    expect(new Set(told)).toEqual(new Set(['overflow error', '|back|rename']))
  })
})
