import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { load, loadAll } from 'js-yaml'
import { beforeAll, describe, expect, it } from 'vitest'
import { packageJson, repository } from './source-tree.ts'

interface Block {
  language: string
  /** Line of the README on which its first line stands. */
  line: number
  lines: string[]
}

const cli = join(repository, 'dist/podswap.cjs')
const blocks = blocksOf(readFileSync(join(repository, 'README.md'), 'utf8'))
const shell = blocks.filter(({ language }) => ['sh', 'bash', 'console', 'shell'].includes(language))
const calls = shell.flatMap(({ line, lines }) =>
  joinContinued(lines).flatMap((text, i) =>
    text
      .replace(/^\s*\$ /, '')
      .split(/\s*(?:&&|\|\||;|\|)\s*/)
      .map(command => ({ at: `README.md:${line + i}`, words: wordsOf(command) })),
  ),
)
const ourCalls = calls.filter(({ words }) => words[0] === 'podswap')

/** A command in the README that does not run is worse than none. */
describe('the README', () => {
  const help = new Map<string, string>()

  const helpOf = (command: string) => {
    const known = help.get(command)
    if (known !== undefined) return known
    const { stdout, status } = spawnSync(process.execPath, [cli, command, '--help'], { encoding: 'utf8' })
    const text = status === 0 ? stdout : ''
    help.set(command, text)
    return text
  }

  beforeAll(() => {
    if (!existsSync(cli)) throw new Error('dist/podswap.cjs is missing: run `npm run build`')
  })

  it('shows up, status and down', () => {
    const shown = new Set(ourCalls.map(({ words }) => words[1]))
    for (const command of ['up', 'status', 'down']) expect(shown).toContain(command)
  })

  it('calls only commands that there are, with options that they have', () => {
    const wrong = ourCalls.flatMap(({ at, words }) => {
      const own = words.slice(1, words.includes('--') ? words.indexOf('--') : undefined)
      const command = own.find(word => !word.startsWith('-'))
      if (command === undefined) return []
      const text = helpOf(command)
      if (text === '') return [`${at}: podswap ${command}`]
      const options = own.filter(word => word.startsWith('-')).map(word => word.replace(/=.*/, ''))
      return options
        .filter(option => !new RegExp(`(^|[\\s,])${option}(?![\\w-])`).test(text))
        .map(option => `${at}: podswap ${command} has no ${option}`)
    })
    expect(wrong).toEqual([])
  })

  it('names only files and scripts that there are', () => {
    const files = calls
      .flatMap(({ at, words }) => words.map(word => ({ at, word })))
      .filter(({ word }) => /^(\.\/)?(manifests|scripts|bench|test|docs|src|native)\/[\w./-]+$/.test(word))
    const missing = files
      .filter(({ word }) => !existsSync(join(repository, word)))
      .map(({ at, word }) => `${at}: ${word}`)
    expect(missing).toEqual([])
    const asked = calls.filter(({ words }) => words[0] === 'npm' && words[1] === 'run').map(({ words }) => words[2]!)
    expect(asked.filter(script => !(script in packageJson.scripts))).toEqual([])
  })

  it('has YAML that parses', () => {
    for (const { lines, line } of blocks.filter(({ language }) => ['yaml', 'yml'].includes(language))) {
      const text = lines.join('\n')
      expect(() => loadAll(text), `README.md:${line}`).not.toThrow()
    }
  })

  it('links only to files that there are', () => {
    const text = readFileSync(join(repository, 'README.md'), 'utf8')
    const targets = [...text.matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)[^)]*\)/g)].map(([, target]) => target!)
    expect(targets.filter(target => !existsSync(join(repository, target)))).toEqual([])
  })
})

describe('the manifests', () => {
  it('sync folders that there are', () => {
    const file = join(repository, 'manifests/dev.node.yml')
    const { dev } = load(readFileSync(file, 'utf8')) as { dev: Record<string, { sync: string[] }> }
    for (const { sync } of Object.values(dev)) {
      for (const folder of sync) expect(existsSync(join(repository, 'manifests', folder.split(':')[0]!))).toBe(true)
    }
  })
})

function blocksOf(markdown: string): Block[] {
  const found: Block[] = []
  let open: Block | undefined
  for (const [index, line] of markdown.split('\n').entries()) {
    const fence = /^\s*```(\w*)/.exec(line)
    if (fence && open) {
      found.push(open)
      open = undefined
    } else if (fence) open = { language: fence[1]!, line: index + 2, lines: [] }
    else open?.lines.push(line)
  }
  return found
}

/** Lines that end in a backslash go on in the next; each line keeps its place. */
function joinContinued(lines: string[]): string[] {
  const joined = [...lines]
  for (let i = joined.length - 2; i >= 0; i--) {
    if (!joined[i]!.endsWith('\\')) continue
    joined[i] = joined[i]!.slice(0, -1) + joined[i + 1]!
    joined[i + 1] = ''
  }
  return joined
}

/** Words of a shell command, without comments; quotes hold words together. */
function wordsOf(command: string): string[] {
  const withoutComment = command.replace(/(^|\s)#.*$/, '')
  return [...withoutComment.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(([, a, b, c]) => a ?? b ?? c!)
}
