import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { repository, sourceFiles } from './source-tree.ts'

/** Manifests that are about the markers. */
const aboutMarkers = ['test/fixtures/manifests/mistakes/merge-conflict.yml']
const linesMax = 300

function trackedFiles(): string[] {
  const list = execFileSync('git', ['ls-files', '-z'], { cwd: repository, encoding: 'utf8' })
  return list.split('\0').filter(path => path !== '')
}

/** Its text; null where it is no text, or gone from the working tree. */
function textOf(path: string): string | null {
  try {
    const bytes = readFileSync(join(repository, path))
    return bytes.includes(0) ? null : bytes.toString('utf8')
  } catch {
    return null
  }
}

function hasMarker(text: string): boolean {
  return /^(<{7}|>{7}) /m.test(text)
}

function lineCount(text: string): number {
  return text.trimEnd().split('\n').length
}

describe('the files in git', () => {
  it.skipIf(!existsSync(join(repository, '.git')))('hold no markers of a merge that was not finished', () => {
    const marked = trackedFiles().filter(path => hasMarker(textOf(path) ?? ''))
    // Those that are about markers show that one would be found.
    expect(marked).toEqual(aboutMarkers)
  })

  it(`hold no source of more than ${linesMax} lines: what is longer is about more than one thing`, () => {
    const sources = [...sourceFiles('src'), ...sourceFiles('syncer')]
    expect(sources.length).toBeGreaterThan(50)
    const long = sources.filter(({ text }) => lineCount(text) > linesMax)
    expect(long.map(({ path, text }) => `${path}: ${lineCount(text)}`)).toEqual([])
  })
})
