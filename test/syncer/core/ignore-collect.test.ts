import { describe, expect, test } from 'vitest'
import { collectIgnore, isIgnoreFile, type RuleFiles } from '../../../syncer/core/ignore-collect.ts'
import { nameOf, type Path, parentOf } from '../../../syncer/core/path.ts'

/** A folder from its files; remembers which folders were looked into. */
function filesOf(texts: Record<Path, string>): RuleFiles & { visited: Path[] } {
  const all = new Set<Path>()
  for (const file of Object.keys(texts)) for (let dir = parentOf(file); dir !== ''; dir = parentOf(dir)) all.add(dir)
  const visited: Path[] = []
  return {
    visited,
    readText: path => texts[path] ?? null,
    list(dir) {
      visited.push(dir)
      const namesIn = (paths: Iterable<Path>) => [...paths].filter(path => parentOf(path) === dir).map(nameOf)
      return { folders: namesIn(all), others: new Set(namesIn(Object.keys(texts))) }
    },
  }
}

describe('which files speak', () => {
  test('.podswapignore before .stignore before .gitignore', () => {
    const texts = {
      '.podswapignore': 'a\n',
      '.stignore': 'b\n',
      '.gitignore': 'c\n',
      'x/.gitignore': 'd\n',
      'x/.podswapignore': 'e\n',
    }
    const first = collectIgnore(filesOf(texts))
    expect(first.found).toBe('.podswapignore')
    expect(['a', 'b', 'c', 'x/d', 'x/e'].filter(path => first.rules.ignored(path, false))).toEqual(['a', 'x/e'])
    const { '.podswapignore': _, ...rest } = texts
    const second = collectIgnore(filesOf(rest))
    expect(second.found).toBe('.stignore')
    expect(['a', 'b', 'c', 'x/d'].filter(path => second.rules.ignored(path, false))).toEqual(['b'])
    const third = collectIgnore(filesOf({ '.gitignore': 'c\n', 'x/.gitignore': 'd\n' }))
    expect(third.found).toBe('.gitignore')
    expect(['a', 'c', 'x/d', 'd'].filter(path => third.rules.ignored(path, false))).toEqual(['c', 'x/d'])
  })

  test('a nested one alone counts, and generated folders are synced then', () => {
    const { found, spec, rules } = collectIgnore(filesOf({ 'web/.gitignore': '*.log\n', 'target/x': '' }))
    expect(found).toBe('.gitignore')
    expect(spec.withoutGenerated).toBe(false)
    expect(rules.ignored('web/a.log', false)).toBe(true)
    expect(rules.ignored('target', true)).toBe(false)
  })

  test('with none, generated folders are left out', () => {
    const { found, spec, rules } = collectIgnore(filesOf({ 'src/x': '', '.git/info/exclude': 'y\n' }))
    expect(found).toBe(undefined)
    expect(spec.withoutGenerated).toBe(true)
    expect(rules.ignored('node_modules', true)).toBe(true)
    expect(rules.ignored('y', false)).toBe(true)
  })

  test('ignored and generated folders are not looked into', () => {
    const files = filesOf({
      '.gitignore': 'dist/\n',
      'dist/a/.gitignore': '*\n',
      'node_modules/p/.gitignore': '*\n',
      'src/.gitignore': 'sub/\n',
      'src/sub/.gitignore': '!x\n',
      'src/other/.gitignore': 'z\n',
    })
    const { spec } = collectIgnore(files)
    expect(files.visited.sort()).toEqual(['', 'src', 'src/other'])
    expect(spec.sources.map(source => source.file)).toEqual(['.gitignore', 'src/.gitignore', 'src/other/.gitignore'])
  })

  test('rules of the clone and of the user are the lowest', () => {
    const extra = [{ dir: '', file: '~/.config/git/ignore', syntax: 'git' as const, text: '*.b\n*.c\n' }]
    const { rules } = collectIgnore(filesOf({ '.gitignore': '!k.a\n!k.c\n', '.git/info/exclude': '*.a\n!k.b\n' }), {
      extra,
    })
    const all = ['x.a', 'k.a', 'x.b', 'k.b', 'x.c', 'k.c']
    expect(all.filter(path => rules.ignored(path, false))).toEqual(['x.a', 'x.b', 'x.c'])
  })

  test('includes and case folding go along', () => {
    const { rules } = collectIgnore(filesOf({ '.gitignore': '.ENV\n' }), { include: ['.env'], foldsCase: true })
    expect([rules.ignored('.env', false), rules.ignored('web/.env', false)]).toEqual([false, true])
  })
})

describe('#include of a .stignore', () => {
  test('stands where it is written', () => {
    const { rules, complaints, spec } = collectIgnore(
      filesOf({ '.stignore': '!a1\n#include more\nb*\n', more: '!b1\na*\n#include deep/most', 'deep/most': 'c\n' }),
    )
    expect(complaints).toEqual([])
    expect(['a1', 'a2', 'b1', 'b2', 'c', 'd'].filter(path => rules.ignored(path, false))).toEqual(['a2', 'b2', 'c'])
    expect(rules.explain('b2', false)).toEqual({ rule: 'b*', source: '.stignore', line: 3 })
    expect(rules.explain('a2', false)).toEqual({ rule: 'a*', source: 'more', line: 2 })
    expect(['more', 'deep/most', '.stignore', 'x/.gitignore', 'x'].map(path => isIgnoreFile(path, spec))).toEqual([
      true,
      true,
      true,
      true,
      false,
    ])
  })

  test('counts from the folder of the file that it is in', () => {
    const { rules, complaints } = collectIgnore(
      filesOf({
        '.stignore': '#include ./shared/rules\n#include a/../top\n',
        'shared/rules': '#include more\n#include ../top2\n#include ../../out\n',
        'shared/more': 'a\n',
        top: 'b\n',
        top2: 'c\n',
      }),
    )
    expect(complaints.map(({ file, line }) => `${file}:${line}`)).toEqual(['shared/rules:3'])
    expect(['a', 'b', 'c', 'd'].filter(path => rules.ignored(path, false))).toEqual(['a', 'b', 'c'])
  })

  test('of a file that is missing, outside or open already is complained of', () => {
    const { complaints } = collectIgnore(
      filesOf({ '.stignore': '#include missing\n#include ../x\n#include a\n', a: 'x\n#include .stignore\n' }),
    )
    expect(complaints.map(({ file, line }) => `${file}:${line}`)).toEqual(['.stignore:1', '.stignore:2', 'a:2'])
  })
})
