import { describe, expect, test } from 'vitest'
import { ProtocolError } from '../../../syncer/base/errors.ts'
import { compileIgnore } from '../../../syncer/core/ignore.ts'
import { isProtectedName } from '../../../syncer/core/ignore-defaults.ts'
import {
  type IgnoreSource,
  type IgnoreSpec,
  noIgnoreSpec,
  parseIgnoreSpec,
  serializeIgnoreSpec,
} from '../../../syncer/core/ignore-spec.ts'
import type { Path } from '../../../syncer/core/path.ts'

const git = (text: string, dir = ''): IgnoreSource => ({
  dir,
  file: dir === '' ? '.gitignore' : `${dir}/.gitignore`,
  syntax: 'git',
  text,
})
const rulesOf = (spec: Partial<IgnoreSpec>) => compileIgnore({ ...noIgnoreSpec, ...spec })
/** Of paths, folders with a slash at the end, those that are ignored. */
const ignored = (spec: Partial<IgnoreSpec>, paths: Path[]) => {
  const rules = rulesOf(spec)
  return paths.filter(path => rules.ignored(path.replace(/\/$/, ''), path.endsWith('/')))
}

describe('what is never synced', () => {
  test.each([
    '.git',
    '.podswap',
    '.GIT',
    '.Git.',
    '.git ',
    'GIT~1',
    '.g\u200cit',
    '\uFEFF.git',
    '.git::$INDEX_ALLOCATION',
    '.PodSwap',
    'podswa~1',
  ])('case 99: a name that some system takes for ours or for git: %j', name => {
    expect(isProtectedName(name)).toBe(true)
    const spec = { sources: [git(`!${name}\n!*\n!**/${name}/**\n`)], include: [name, `a/${name}`, `${name}/config`] }
    expect(ignored(spec, [`${name}/`, name, `a/${name}/`, `${name}/config`, `a/b/${name}/hooks/x`])).toHaveLength(5)
  })

  test.each([
    '.gitignore',
    '.gitattributes',
    '.github',
    'git',
    'git~',
    '.gitx',
    'x.git',
    '.podswapignore',
    'podswap.yml',
    'ggit',
  ])('and no other: %s', name => {
    expect(isProtectedName(name)).toBe(false)
    expect(ignored({}, [name, `${name}/`, `a/${name}`])).toEqual([])
  })

  test('says so', () => {
    expect(rulesOf({}).explain('a/.git/config', false)).toEqual({ rule: '.git, .podswap', source: 'always' })
  })

  test('the root itself is never ignored', () => {
    const rules = rulesOf({ sources: [git('*\n')] })
    expect(rules.ignored('', true)).toBe(false)
    expect(rules.explain('', true)).toBe(null)
  })
})

describe('defaults', () => {
  const residue = [
    'db/dev.sqlite3-wal',
    'db/dev.sqlite3-shm',
    'db/dev.sqlite3-journal',
    'tmp/pids/server.pid',
    'app/tmp/pids/server.pid',
    '.DS_Store',
    'a/.DS_Store',
    'a/.x.swp',
    'a/.#x',
    '4913',
    'a/x___jb_tmp___',
    '.goutputstream-1X2Y',
    '.stfolder/',
    '.stfolder/syncthing-folder-e99ddb.txt',
    '.stversions/a~20260101-120000.txt',
    'a/.syncthing.b.txt.tmp',
    'a/~syncthing~b.txt.tmp',
  ]

  test('case 86: residue of databases, editors and desktops stays where it is', () => {
    expect(ignored({}, residue)).toEqual(residue)
    expect(rulesOf({}).explain('a/x.swp', false)).toMatchObject({ rule: '*.swp', source: 'default' })
  })

  test('but not a folder of such a name, nor what resembles it', () => {
    const others = [
      '.stfolder',
      '.stignore',
      'a/.syncthing.b.tmp/',
      'my-journal/',
      'my-journal/x',
      '4913/',
      'tmp/pids/',
      'tmp/pids/deep/',
      'dev.sqlite3',
      'swp',
      'a/wal',
      '14913',
    ]
    expect(ignored({}, others)).toEqual([])
  })

  test('a rule of the user brings it back', () => {
    expect(ignored({ sources: [git('!*.swp\n')] }, ['a.swp', 'a.swo'])).toEqual(['a.swo'])
    expect(ignored({ sources: [git('!.stversions\n')] }, ['.stversions/x', '.stfolder/x'])).toEqual(['.stfolder/x'])
    expect(ignored({ include: ['tmp/pids/server.pid'] }, ['tmp/pids/server.pid', 'tmp/pids/x'])).toEqual(['tmp/pids/x'])
  })

  test('case 100: generated folders, only where no ignore file speaks', () => {
    const paths = [
      'node_modules/',
      'a/node_modules/x/y.js',
      'target/',
      'tmp/cache/x',
      'web/.next/cache/',
      '__pycache__/',
    ]
    expect(ignored({ withoutGenerated: true }, paths)).toEqual(paths)
    expect(ignored({}, paths)).toEqual([])
    expect(ignored({ withoutGenerated: true }, ['target', 'cache/', 'src/tmp/x', '.next/'])).toEqual([])
    expect(
      ignored({ withoutGenerated: true, include: ['node_modules/'] }, ['node_modules/', 'node_modules/x']),
    ).toEqual([])
  })
})

describe('rules', () => {
  test('explain names rule, file and line', () => {
    const rules = rulesOf({ sources: [git('# first\n\n/log/\n'), git('*.tmp', 'web')] })
    expect(rules.explain('log', true)).toEqual({ rule: '/log/', source: '.gitignore', line: 3 })
    expect(rules.explain('log/deep/x', false)).toEqual({ rule: '/log/', source: '.gitignore', line: 3 })
    expect(rules.explain('web/a/x.tmp', false)).toEqual({ rule: '*.tmp', source: 'web/.gitignore', line: 1 })
    expect(rules.explain('x.tmp', false)).toBe(null)
    expect(rules.explain('log', false)).toBe(null)
  })

  test('of two sources of one folder the first wins, of two folders the deeper', () => {
    const sources = [git('!a.log\n'), { ...git('*.log\n'), file: '.git/info/exclude' }, git('a.log\n', 'deep')]
    expect(ignored({ sources }, ['a.log', 'b.log', 'deep/a.log', 'deep/b.log'])).toEqual([
      'b.log',
      'deep/a.log',
      'deep/b.log',
    ])
  })

  test('order of questions does not matter', () => {
    const spec = { sources: [git('a/\n!a/b\n'), git('!x\n', 'a')] }
    const one = rulesOf(spec)
    expect([one.ignored('a/b/x', false), one.ignored('a', true), one.ignored('a/x', false)]).toEqual([true, true, true])
    const other = rulesOf(spec)
    expect([other.ignored('a/x', false), other.ignored('a/b/x', false), other.ignored('a', true)]).toEqual([
      true,
      true,
      true,
    ])
  })

  test('a file and a folder of one name', () => {
    expect(ignored({ sources: [git('build/\n')] }, ['build', 'build/', 'x/build/', 'x/build'])).toEqual([
      'build/',
      'x/build/',
    ])
  })

  test('case folds where the repository says so', () => {
    const sources = [git('*.LOG\n/Tmp/\nf[a-c]\n')]
    const paths = ['a.log', 'b.Log', 'tmp/', 'TMP/', 'FB']
    expect(ignored({ sources, foldsCase: true }, paths)).toEqual(paths)
    expect(ignored({ sources }, paths)).toEqual([])
  })

  test('names that are not UTF-8 match byte by byte', () => {
    const sources = [git('caf\uDCE9\nx?y\n\uD83D\uDCA9*\n')]
    const paths = ['caf\uDCE9', 'café', 'x\uDCFFy', 'xéy', 'x\uDCFF\uDCFEy', '💩.txt']
    expect(ignored({ sources }, paths)).toEqual(['caf\uDCE9', 'x\uDCFFy', '💩.txt'])
  })

  test('a pattern made to take for ever does not', () => {
    const rules = rulesOf({ sources: [git(`${'*a'.repeat(60)}b\n${'**/'.repeat(40)}*z*/y\n`)] })
    const deep = `${'a/'.repeat(100)}${'a'.repeat(200)}`
    const start = performance.now()
    for (let i = 0; i < 100; i++) expect(rules.ignored(deep, false)).toBe(false)
    expect(performance.now() - start).toBeLessThan(20_000)
  })
})

describe('include', () => {
  const sources = [git('.env\n/config/\nsecret*\n/dist/\n')]

  test('brings back what is named, from the root on', () => {
    const spec = { sources, include: ['.env', '/config/master.key'] }
    const paths = ['.env', 'web/.env', 'config/', 'config/master.key', 'config/other.key', 'config/sub/', 'secret']
    expect(ignored(spec, paths)).toEqual(['web/.env', 'config/other.key', 'config/sub/', 'secret'])
  })

  test('a folder comes with all it holds', () => {
    const spec = { sources, include: ['dist'] }
    expect(ignored(spec, ['dist/', 'dist/a/', 'dist/a/x', 'dist/secret', 'dist/.DS_Store', 'dist/.git/'])).toEqual([
      'dist/.DS_Store',
      'dist/.git/',
    ])
  })

  test('ignored folders are looked into only where a literal leads', () => {
    const rules = rulesOf({ sources: [git('/a/\n/v*/\n/w/\n')], include: ['a/b/c.key', 'v*/x', 'w/*/deep/x'] })
    expect(['', 'a', 'a/b', 'w'].map(dir => rules.mayContainIncluded(dir))).toEqual([true, true, true, true])
    expect(['a/b/c.key', 'a/c', 'v1', 'w/1', 'other'].map(dir => rules.mayContainIncluded(dir))).toEqual([
      true,
      false,
      false,
      false,
      false,
    ])
    const asked = ['a', 'a/b', 'w', 'v1', 'w/1', 'a/c'].map(dir => rules.ignored(dir, true))
    expect(asked).toEqual([false, false, false, true, true, true])
    expect(rules.ignored('a/b/c.key', false)).toBe(false)
    expect(rules.ignored('a/b/d.key', false)).toBe(true)
    expect(rules.ignored('a', false)).toBe(false)
  })

  test('globs work in folders that are not ignored', () => {
    const spec = { sources: [git('*.key\n')], include: ['config/*.key', '**/test.key'] }
    expect(ignored(spec, ['config/a.key', 'config/sub/a.key', 'x/y/test.key', 'test.key', 'b.key'])).toEqual([
      'config/sub/a.key',
      'b.key',
    ])
  })

  test('what is no pattern is complained of', () => {
    const { complaints } = rulesOf({ include: ['ok', '!no', '', 'a\\'] })
    expect(complaints.map(({ file, line }) => `${file}:${line}`)).toEqual(['include:2', 'include:3', 'include:4'])
  })
})

describe('the spec travels', () => {
  const spec: IgnoreSpec = {
    sources: [git('a\n!b\uDCFF\n'), { dir: 'x\uDCFE', file: 'f', syntax: 'syncthing', text: '/a\n', firstLine: 7 }],
    include: ['.env'],
    withoutGenerated: true,
    foldsCase: false,
  }

  test('and is the same at the other end', () => {
    expect(parseIgnoreSpec(serializeIgnoreSpec(spec))).toEqual(spec)
  })

  test.each([
    '',
    'null',
    '[]',
    '{}',
    '{"sources":[],"include":[1],"withoutGenerated":false,"foldsCase":false}',
    '{"sources":[{"dir":"../x","file":"f","syntax":"git","text":""}],"include":[],"withoutGenerated":false,"foldsCase":false}',
    '{"sources":[{"dir":"","file":"f","syntax":"hg","text":""}],"include":[],"withoutGenerated":false,"foldsCase":false}',
    `"${'x'.repeat(5_000_000)}"`,
  ])('anything else is refused (%#)', text => {
    expect(() => parseIgnoreSpec(text)).toThrow(ProtocolError)
  })
})
