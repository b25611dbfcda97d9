import { describe, expect, it } from 'vitest'
import { splitFolder } from '../../../src/manifest/sync-folder.ts'
import { devErrors, errorsOf, load, loadDev } from './laptop.ts'

describe('splitFolder', () => {
  it.each<[string, [string, string] | undefined]>([
    ['.:/app', ['.', '/app']],
    ['${HOME:-/abs/path}:/app', ['${HOME:-/abs/path}', '/app']],
    ['.:${TARGET:-/app}', ['.', '${TARGET:-/app}']],
    ['${A:-${B:-c}}:/app', ['${A:-${B:-c}}', '/app']],
    ['C:\\src:/app', ['C:\\src', '/app']],
    ['c:/src:/app', ['c:/src', '/app']],
    ['a:/app', ['a', '/app']],
    ['/app', undefined],
    ['a:b:/app', undefined],
    ['${A:/app', undefined],
    ['', undefined],
  ])('%s', (text, expected) => {
    const split = splitFolder(text)
    expect(split && [split.local, split.remote]).toEqual(expected)
    if (split !== undefined) expect(text.slice(split.remoteIndex)).toBe(split.remote)
  })
})

describe('sync and workdir', () => {
  const read = (fields: string, env: Record<string, string> = {}) => {
    const { workdir, sync, warnings } = loadDev(fields, { env })
    return { workdir, sync: sync.map(({ local, remote }) => `${local}:${remote}`), warnings }
  }

  it.each<[string, string | undefined, string[]]>([
    ['sync: [.:/app]', undefined, ['/work/app:/app']],
    ['sync: [".:/app/"]\nworkdir: /app/src/', '/app/src', ['/work/app:/app']],
    ['sync:\n- src:/app/src\n- ./lib:/app/lib', undefined, ['/work/app/src:/app/src', '/work/app/lib:/app/lib']],
    ['sync: ["..:/app"]', undefined, ['/work:/app']],
    ['sync: ["/work/app/src:/app//x/../y"]', undefined, ['/work/app/src:/app/y']],
    ['sync: ["~/code:/app"]', undefined, ['/home/ann/code:/app']],
    ['sync: ["$CODE:/app"]', undefined, ['/home/ann/code:/app']],
    ['sync: ["${NO:-./src}:${TO:-/app}"]', undefined, ['/work/app/src:/app']],
    ['sync: {folders: [.:/app]}', undefined, ['/work/app:/app']],
    ['workdir: /app', '/app', ['/work/app:/app']],
    ['workdir: /app\nsync: []', '/app', ['/work/app:/app']],
    ['image: x', '/okteto', ['/work/app:/okteto']],
    ['mountpath: /src', undefined, ['/work/app:/src']],
    ['mountpath: /src\nworkdir: /src/api', '/src/api', ['/work/app:/src']],
    ['volumes: [".:/app"]', undefined, ['/work/app:/app']],
  ])('%j', (fields, workdir, sync) => {
    expect(read(fields, { CODE: '/home/ann/code' })).toEqual({ workdir, sync, warnings: [] })
  })

  it('points at the folder', () => {
    expect(loadDev('sync:\n- .:/app\n-   src:/b').sync.map(({ at }) => [at.line, at.column])).toEqual([
      [4, 7],
      [5, 9],
    ])
    expect(loadDev('workdir: /app').sync[0]?.at).toMatchObject({ line: 3, column: 14 })
  })

  it('has a form of its own with mode and initial', () => {
    const fields = 'sync:\n- local: src\n  remote: /app\n  mode: push\n  initial: keep\n- {local: lib, remote: /lib2}'
    expect(loadDev(fields).sync).toMatchObject([
      { local: '/work/app/src', remote: '/app', mode: 'push', initial: 'keep', at: { line: 4, column: 7 } },
      { local: '/work/app/lib', remote: '/lib2', mode: 'two-way', initial: 'mirror' },
    ])
  })

  it('says whose changes travel, and what travels in spite of an ignore file', () => {
    const fields =
      'sync:\n- {local: src, remote: /a, prefer: remote, include: [.env, "config/*.key"]}\n- {local: lib, remote: /b, mode: pull, include: .env}'
    expect(loadDev(fields).sync).toMatchObject([
      { mode: 'two-way', prefer: 'remote', include: ['.env', 'config/*.key'] },
      { mode: 'pull', include: ['.env'] },
    ])
    expect(loadDev('sync: [{local: src, remote: /a}]').sync[0]).not.toHaveProperty('include')
  })

  it('warns of what is odd but clear', () => {
    expect(read('sync:\n- .: /app')).toMatchObject({
      sync: ['/work/app:/app'],
      warnings: ['4:7 this is read as ".:/app"'],
    })
    expect(read('sync: .:/app')).toMatchObject({
      sync: ['/work/app:/app'],
      warnings: ['3:11 `sync` is read as a list of one folder'],
    })
    expect(read('sync: ["~:/app"]').warnings).toEqual(['3:12 this syncs the whole home folder'])
    expect(read('sync:\n  folders: [.:/app]\n  verbose: true\n  rescanInterval: 10').warnings).toEqual([
      '5:7 has no effect here: sync.verbose',
      '6:7 has no effect here: sync.rescanInterval',
    ])
    expect(read('volumes: [".:/app", /cache]')).toMatchObject({
      sync: ['/work/app:/app'],
      warnings: [],
    })
  })

  it.each<[string, string[]]>([
    ['sync: [/app]', ['3:12 "/app" is not local:remote']],
    ['sync: ["a:b:/app"]', ['3:12 "a:b:/app" is not local:remote']],
    ['sync: [".:app"]', ['3:12 "app" must be an absolute path in the container']],
    ['sync: [".:/"]', ["3:12 the container's root cannot be synced"]],
    ['sync: [".:/a/.."]', ["3:12 the container's root cannot be synced"]],
    ['sync: [".:/proc/x"]', ['3:12 /proc in the container cannot be synced']],
    ['sync: [".:/podswap"]', ['3:12 /podswap in the container cannot be synced']],
    ['sync: [":/app"]', ['3:12 the local folder is empty']],
    ['sync: ["/:/app"]', ["3:12 the disk's root cannot be synced"]],
    ['sync: [nowhere:/app]', ['3:12 there is no folder "/work/app/nowhere"']],
    ['sync: [dev.yml:/app]', ['3:12 "/work/app/dev.yml" is not a folder']],
    ['sync: ["${NO}/src:/app"]', ['3:13 the variable NO is not set, and `sync` depends on it']],
    ['sync: [".:/app/$NO"]', ['3:20 the variable NO is not set, and `sync` depends on it']],
    ['sync: [.:/app, src:/app]', ['3:20 "/app" is synced twice, first in line 3']],
    ['sync:\n- .:/app\n- src:/app/src', ['5:7 "/app/src" and "/app" (line 4) lie one inside the other']],
    ['sync:\n- src:/app/src\n- .:/app', ['5:7 "/app" and "/app/src" (line 4) lie one inside the other']],
    ['sync: {.: /app}', ['3:11 `sync` must be a list of folders']],
    ['sync: {folders: x}', ['3:21 `sync.folders` must be a list, not a single value']],
    ['sync: -.:/app', ['3:11 a blank is missing after the dash']],
    ['sync: [[.:/app]]', ['3:12 `sync` must be a single value, not a list']],
    ['sync: [{local: .}]', ['3:12 a folder of `sync` needs `remote`']],
    ['sync: [{local: ., remote: /app, mode: one-way}]', ['3:43 `mode` must be two-way, push or pull, not "one-way"']],
    ['sync: [{local: ., remote: /app, prefer: pod}]', ['3:45 `prefer` must be local or remote, not "pod"']],
    [
      'sync: [{local: ., remote: /app, mode: push, prefer: local}]',
      ['3:12 `prefer` is for folders that are synced both ways'],
    ],
    ['sync: [{local: ., remote: /app, include: ["!.env"]}]', ['3:47 "!.env" is no pattern of what to include']],
    ['sync: [{local: ., remote: /app, initial: x}]', ['3:46 `initial` must be mirror or keep, not "x"']],
    ['workdir: app', ['3:14 `workdir` must be an absolute path in the container']],
    ['workdir: /', ["3:14 the container's root cannot be synced"]],
    ['workdir: $HOME/app', ['3:14 `workdir` must be an absolute path in the container']],
    ['workdir: /app\nvolumes: [/app]', ['4:15 the volume "/app" is the synced folder in line 3']],
    ['mountpath: /app\nsubpath: gone', ['4:14 there is no folder "/work/app/gone"']],
  ])('%j is refused', (fields, expected) => {
    expect(devErrors(fields)).toEqual(expected)
  })

  it('takes `subpath` where there is no `sync`', () => {
    expect(read('mountpath: /app\nsubpath: src').sync).toEqual(['/work/app/src:/app'])
    const service = loadDev('workdir: /app\nservices: [{name: worker, subpath: lib, mountpath: /lib}]').services?.[0]
    expect(service?.sync).toMatchObject([{ local: '/work/app/lib', remote: '/lib' }])
    expect(read('sync: [.:/app]\nsubpath: src').warnings).toEqual(['4:5 has no effect here: subpath, beside `sync`'])
  })

  it('accepts neighbours and a volume inside a synced folder, or around one', () => {
    expect(loadDev('sync: [src:/root/.ssh]\nvolumes: [/root]').volumes).toHaveLength(1)
    expect(read('sync: [src:/app, lib:/app2]\nvolumes: [/app/node_modules]').sync).toHaveLength(2)
  })

  it('takes at most a hundred folders', () => {
    const items = Array.from({ length: 102 }, (_, i) => `- .:/app${i}\n`).join('')
    expect(devErrors(`sync:\n${items}`)).toEqual(['104:7 more than 100 folders'])
  })

  it('does not treat a disk that fails as an empty one', () => {
    const files = {
      stat(path: string) {
        if (path.endsWith('src')) throw Object.assign(new Error('EACCES'), { code: 'EACCES' })
        return { kind: path.endsWith('.yml') ? ('file' as const) : ('folder' as const), sizeBytes: 60 }
      },
      readFile: () => Buffer.from('name: web\nsync: [src:/app]\n'),
      names: () => [],
    }
    expect(errorsOf('', { files })).toEqual(['2:8 "/work/app/src" cannot be looked at'])
  })
})

describe('a manifest in .okteto', () => {
  const file = '.okteto/okteto.yml'
  const at = (text: string) => load('', { file, beside: { [`/work/app/${file}`]: text, '/work/app/x.env': 'A=1' } })

  it('counts sync from its own folder, envFiles from the one above', () => {
    const { devs, warnings } = at('dev:\n  web:\n    sync: [..:/app]\n    envFiles: x.env\n')
    expect(devs[0]).toMatchObject({ sync: [{ local: '/work/app' }], environment: [{ name: 'A', value: '1' }] })
    expect(warnings).toEqual([])
  })

  it('warns where only the folder .okteto would be synced', () => {
    const { devs, warnings } = at('dev:\n  web:\n    sync:\n    - .:/app\n')
    expect(devs[0]?.sync[0]?.local).toBe('/work/app/.okteto')
    expect(warnings).toMatchObject([{ at: { line: 4, column: 7 }, message: 'this syncs the .okteto folder itself' }])
  })

  it('syncs the project where it names no folder', () => {
    expect(at('dev:\n  web:\n    workdir: /app\n').devs[0]?.sync[0]).toMatchObject({
      local: '/work/app',
      remote: '/app',
    })
  })
})
