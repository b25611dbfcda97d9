import { describe, expect, test } from 'vitest'
import { compileIgnore } from '../../../syncer/core/ignore.ts'
import { noIgnoreSpec } from '../../../syncer/core/ignore-spec.ts'
import type { Path } from '../../../syncer/core/path.ts'

function compile(text: string) {
  return compileIgnore({ ...noIgnoreSpec, sources: [{ dir: '', file: '.stignore', syntax: 'syncthing', text }] })
}

/** Of paths, folders with a slash at the end, those that are ignored. */
function ignored(text: string, paths: Path[]): Path[] {
  const rules = compile(text)
  return paths.filter(path => rules.ignored(path.replace(/\/$/, ''), path.endsWith('/')))
}

describe('.stignore', () => {
  // The table of docs.syncthing.net/users/ignoring.
  const tree = [
    '.DS_Store',
    'foo',
    'foofoo',
    'bar/',
    'bar/baz',
    'bar/quux',
    'bar/quuz',
    'bar2/',
    'bar2/baz',
    'bar2/frobble',
    'My Pictures/',
    'My Pictures/Img15.PNG',
  ]

  test.each<[string, string[]]>([
    ['foo', ['foo']],
    ['foo*', ['foo', 'foofoo']],
    ['/bar', ['bar/', 'bar/baz', 'bar/quux', 'bar/quuz']],
    ['bar/*', ['bar/baz', 'bar/quux', 'bar/quuz']],
    ['bar/', ['bar/baz', 'bar/quux', 'bar/quuz']],
    ['qu[uv]?', ['bar/quux', 'bar/quuz']],
    ['ba*', ['bar/', 'bar/baz', 'bar/quux', 'bar/quuz', 'bar2/', 'bar2/baz', 'bar2/frobble']],
    ['**/baz', ['bar/baz', 'bar2/baz']],
    ['bar**baz', ['bar/baz', 'bar2/baz']],
    ['(?i)my pictures', ['My Pictures/', 'My Pictures/Img15.PNG']],
    ['my pictures', []],
    ['*.{png,PNG}', ['My Pictures/Img15.PNG']],
    ['(?d)(?i)!*.png', []],
    ['{foo,b{ar,az}}', ['foo', 'bar/', 'bar/baz', 'bar/quux', 'bar/quuz', 'bar2/baz']],
  ])('%s', (rule, wanted) => {
    expect(ignored(rule, tree)).toEqual(['.DS_Store', ...wanted])
  })

  test('the first rule that matches decides', () => {
    expect(ignored('!foo\nfoo*\n', ['foo', 'foofoo', 'a/foo'])).toEqual(['foofoo'])
    expect(ignored('foo*\n!foo\n', ['foo', 'foofoo'])).toEqual(['foo', 'foofoo'])
  })

  test('a list of what to sync, and nothing else', () => {
    const text = '// only the app\n/src/app/tmp\n!/src/app\n!/README.md\n*\n'
    const paths = [
      'README.md',
      'src/',
      'src/x',
      'src/other/',
      'src/app/',
      'src/app/x',
      'src/app/deep/x',
      'src/app/tmp/',
      'src/app/tmp/x',
      'docs/',
    ]
    expect(ignored(text, paths)).toEqual(['src/x', 'src/other/', 'src/app/tmp/', 'src/app/tmp/x', 'docs/'])
    expect(compile(text).mayContainIncluded('src')).toBe(true)
    expect(compile(text).mayContainIncluded('docs')).toBe(false)
    expect(compile(text).complaints).toEqual([])
  })

  test('comments, CRLF, spaces, a byte order mark', () => {
    expect(ignored('\uFEFF// foo\r\n\r\n  bar  \r\nmy file\r\n', ['foo', 'bar', 'my file', '// foo'])).toEqual([
      'bar',
      'my file',
    ])
  })

  test('escapes', () => {
    expect(ignored('\\*x\n\\{a,b\\}\n', ['*x', 'yx', '{a,b}', 'a'])).toEqual(['*x', '{a,b}'])
  })

  test('a line that begins with # names a file, and is complained of only as a directive', () => {
    const text = '# {what this is\n#####\n#*.sql\n'
    expect(ignored(text, ['a.sql', '#a.sql', 'x/#b.sql', 'what this is'])).toEqual(['#a.sql', 'x/#b.sql'])
    expect(compile(text).complaints).toEqual([])
    expect(compile('#include\n').complaints).toMatchObject([{ line: 1 }])
  })

  test('two asterisks between slashes stand for one folder at least', () => {
    const paths = ['a/b', 'a/x/b', 'a/x/y/b', 's/a/x/b', 'b', 'c/d', 'x/c/d']
    expect(ignored('a/**/b\n**/c/d\n', paths)).toEqual(['a/x/b', 'a/x/y/b', 's/a/x/b', 'c/d', 'x/c/d'])
  })

  test('what we cannot do as meant is complained of, with its line', () => {
    const { complaints } = compile('ok\n#escape=|\n{a,b\na}\n!deep.txt\n!/here.txt\n*\n')
    expect(complaints.map(({ file, line }) => `${file}:${line}`)).toEqual([
      '.stignore:2',
      '.stignore:3',
      '.stignore:4',
      '.stignore:5',
    ])
    expect(compile('!deep.txt\n*.txt\n').complaints).toEqual([])
  })

  test('too many alternatives are refused, not tried', () => {
    expect(compile(`${'{a,b}'.repeat(30)}\n`).complaints).toHaveLength(1)
  })
})
