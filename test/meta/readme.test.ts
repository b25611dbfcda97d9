import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { loadAll } from 'js-yaml'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadManifest } from '../../src/manifest/load-manifest.ts'
import { planSwap } from '../../src/swap/plan.ts'
import { marks } from '../../src/swap/record.ts'
import { guidePaths } from '../guides/guide-paths.ts'
import { shownLinePattern, stepsOf } from '../guides/steps.ts'
import { mergePatched } from '../src/cluster/memory-cluster.ts'
import { dbStatefulSet, dev, planOptions, webDeployment } from '../src/swap/shapes.ts'
import { anchorsOf, blocksOf, commandsOf, inlineCodes, linksOf, shellCommands } from './markdown.ts'
import { packageJson, repository, sourceFiles } from './source-tree.ts'

const cli = join(repository, 'dist/podswap.cjs')
const read = (path: string) => readFileSync(join(repository, path), 'utf8')
const namesIn = (folder: string) => readdirSync(join(repository, folder), { recursive: true, encoding: 'utf8' })

const decisions = namesIn('docs/decisions').map(name => `docs/decisions/${name}`)
const documents = [...guidePaths(), 'ARCHITECTURE.md', 'CHANGELOG.md', ...decisions].map(path => ({
  path,
  text: read(path),
}))
const commandsPage = read('docs/commands.md')

/** Everything that a document calls: in blocks, and `podswap …` inside of lines. */
const calls = documents.flatMap(({ path, text }) => {
  const inline = inlineCodes(text).filter(({ code }) => /^(podswap|npm|kubectl) /.test(code))
  const all = [...commandsOf(text), ...inline.flatMap(({ code, line }) => shellCommands(code, line))]
  return all.map(({ words, line }) => ({ at: `${path}:${line}`, path, words }))
})
const ourCalls = calls.filter(({ words }) => words[0] === 'podswap')

function help(...command: string[]): string {
  const { stdout, status } = spawnSync(process.execPath, [cli, ...command, '--help'], { encoding: 'utf8' })
  return status === 0 ? stdout : ''
}

describe('reading documents', () => {
  it('finds what a person would type, and nothing of what is printed', () => {
    const text = ['```sh', "a 'b c' && d | e # f", 'g \\', '  h', '```', '```console', '$ i --j', 'k', '```'].join('\n')
    expect(commandsOf(text)).toEqual([
      { words: ['a', 'b c'], line: 2 },
      { words: ['d'], line: 2 },
      { words: ['e'], line: 2 },
      { words: ['g', 'h'], line: 3 },
      { words: ['i', '--j'], line: 7 },
    ])
  })

  it('finds code, links and anchors outside of blocks', () => {
    const text = ['# A `b`, c', '[d](e.md#f) [g](https://h) [i](#a-b-c)', '```', '`x` [y](z)', '```'].join('\n')
    expect(inlineCodes(text)).toEqual([{ code: 'b', line: 1 }])
    expect(linksOf(text).map(({ file, anchor }) => `${file}#${anchor}`)).toEqual(['e.md#f', '#a-b-c'])
    expect(anchorsOf(text)).toEqual(new Set(['a-b-c']))
  })
})

/** A command in a document that does not run is worse than none. */
describe('commands in the documents', () => {
  const general = new Map<string, string>()

  beforeAll(() => {
    if (!existsSync(cli)) throw new Error('dist/podswap.cjs is missing: run `npm run build`')
  })

  const helpOf = (command: string) => {
    const known = general.get(command) ?? help(command)
    general.set(command, known)
    return known
  }

  it('are there', () => {
    const shown = new Set(ourCalls.filter(({ path }) => path === 'README.md').map(({ words }) => words[1]))
    for (const command of ['up', 'exec', 'down']) expect(shown).toContain(command)
  })

  it('of podswap exist, with the options that they are shown with', () => {
    const wrong = ourCalls.flatMap(({ at, words }) => {
      const own = words.slice(1, words.includes('--') ? words.indexOf('--') : undefined)
      const command = own.find(word => !word.startsWith('-')) ?? ''
      const text = helpOf(command)
      if (text === '') return [`${at}: podswap ${command}`]
      const options = own.filter(word => word.startsWith('-')).map(word => word.replace(/=.*/, ''))
      return options.filter(option => !hasOption(text, option)).map(option => `${at}: podswap ${command} ${option}`)
    })
    expect(wrong).toEqual([])
  })

  it('of npm exist', () => {
    const npms = calls.filter(({ words }) => words[0] === 'npm')
    const builtIn = ['ci', 'test', 'link']
    const wrong = npms.filter(({ words: [, verb, script] }) =>
      verb === 'run' ? !(script! in packageJson.scripts) : !builtIn.includes(verb!),
    )
    expect(wrong).toEqual([])
    expect(npms.length).toBeGreaterThan(4)
  })

  it('are all of those that podswap has, with every option of `up`', () => {
    const commands = [...help().matchAll(/^ {2}([a-z]+) /gm)].map(([, name]) => name!).filter(name => name !== 'help')
    expect(commands).toContain('up')
    const shown = new Set(ourCalls.filter(({ path }) => path === 'docs/commands.md').map(({ words }) => words[1]))
    expect(commands.filter(command => !shown.has(command) && command !== 'podswap')).toEqual([])
    const options = [...help('up').matchAll(/(--[a-z-]+)/g)].map(([, option]) => option!)
    const unsaid = [...new Set(options)].filter(option => !commandsPage.includes(option) && !aliases.has(option))
    expect(unsaid).toEqual([])
  })

  it('end with the exit codes that the help gives', () => {
    const codes = (text: string) => [...text.matchAll(/(?:^|·)\s*(\d+)\s/g)].map(([, code]) => Number(code))
    const said = codes(/Exit codes: (.*)/.exec(help())![1]!)
    expect(said).toEqual([0, 1, 2, 3, 130])
    expect(codes(/\*\*Exit codes:\*\*([\s\S]*?)\n\n/.exec(commandsPage)![1]!.replaceAll('\n', ' '))).toEqual(said)
  })
})

describe('blocks of commands', () => {
  const documented = documents.filter(({ path }) => !decisions.includes(path))

  it('say how they are tried, or why they are not', () => {
    const steps = documented.flatMap(({ path, text }) => stepsOf(path, text))
    expect(steps.filter(step => step.kind === 'run' && step.setting === 'sandbox').length).toBeGreaterThan(30)
  })

  it('are run on a real cluster where they say so', () => {
    const paths = documented
      .filter(({ path, text }) => stepsOf(path, text).some(step => step.kind === 'run' && step.setting === 'cluster'))
      .map(({ path }) => path)
    const tests = namesIn('test/e2e').filter(name => name.endsWith('.test.ts'))
    const readBy = (path: string) => tests.filter(name => read(`test/e2e/${name}`).includes(path))
    expect(paths.length).toBeGreaterThan(0)
    expect(paths.filter(path => readBy(path).length === 0)).toEqual([])
  })

  it('are refused without a word about it, and with one that nobody knows', () => {
    const block = (marker: string) => `${marker}\n\`\`\`sh\nls\n\`\`\`\n`
    expect(() => stepsOf('a.md', block(''))).toThrow('a.md:3: ')
    expect(() => stepsOf('a.md', block('<!-- runnable: moon -->'))).toThrow('moon')
    expect(() => stepsOf('a.md', block('<!-- runnable: sandbox; twice -->'))).toThrow('twice')
    expect(stepsOf('a.md', block('<!-- not runnable: why -->'))).toEqual([])
    expect(stepsOf('a.md', block('<!-- runnable: cluster; as ben; exit 3 -->'))).toEqual([
      {
        kind: 'run',
        at: 'a.md:3',
        as: 'ben',
        setting: 'cluster',
        exit: 3,
        isEventual: false,
        commands: [{ script: 'ls', output: [] }],
      },
    ])
  })

  it('know a shown line again by what does not vary', () => {
    const line = '  forward localhost:8080 → localhost:8080'
    expect('forward localhost:40123 → localhost:8080').toMatch(shownLinePattern(line))
    expect('forward localhost:40123 → localhost:9090').toMatch(shownLinePattern(line))
    expect('ready in 12 ms').toMatch(shownLinePattern('✓ ready in 3.5 s'))
    expect('ready').not.toMatch(shownLinePattern('✓ ready in 3.5 s'))
    expect('web is back, 1 replica ready').not.toMatch(shownLinePattern('web is back, 2 replicas ready'))
    expect('a b c').toMatch(shownLinePattern('a …'))
  })
})

/** Shown on the page of commands under their short names. */
const aliases = new Set(['--file', '--namespace', '--help', '--version'])

function hasOption(text: string, option: string): boolean {
  return new RegExp(`(^|[\\s,])${option}(?![\\w-])`).test(text)
}

describe('names in the documents', () => {
  const roots = '\\.ci|bench|dist|docs|manifests|native|scripts|src|syncer|test'
  const pathPattern = new RegExp(`(?:^|[\\s"'(=])((?:\\./)?(?:${roots})/[\\w./*-]*)`, 'g')
  const codes = documents.flatMap(({ path, text }) => [
    ...inlineCodes(text).map(({ code, line }) => ({ at: `${path}:${line}`, text: code })),
    ...commandsOf(text).map(({ words, line }) => ({ at: `${path}:${line}`, text: words.join(' ') })),
  ])

  it('of files and folders are those of the repository', () => {
    const named = codes.flatMap(({ at, text }) =>
      [...text.matchAll(pathPattern)].map(([, path]) => ({ at, path: path! })),
    )
    expect(named.length).toBeGreaterThan(60)
    expect(named.filter(({ path }) => !isThere(path)).map(({ at, path }) => `${at}: ${path}`)).toEqual([])
  })

  it('of source files without their folder are of one that exists', () => {
    const known = new Set(['src', 'syncer', 'native', 'scripts', 'test', 'bench'].flatMap(namesIn).map(baseName))
    const bare = codes.filter(({ text }) => /^[\w-]+\.(ts|c|mjs)$/.test(text))
    expect(bare.length).toBeGreaterThan(15)
    expect(bare.filter(({ text }) => !known.has(text))).toEqual([])
  })

  it('of environment variables are those that are read, and all of them are on the page of commands', () => {
    const inSources = new Set(
      [...sourceFiles('src'), ...sourceFiles('test'), ...sourceFiles('bench')]
        .flatMap(({ text }) => text.match(/\bPODSWAP_[A-Z0-9_]+/g) ?? [])
        .concat(read('scripts/cluster-env.sh').match(/\bPODSWAP_[A-Z0-9_]+/g) ?? []),
    )
    const said = documents.flatMap(({ text }) => text.match(/\bPODSWAP_[A-Z0-9_]+/g) ?? [])
    expect(said.filter(name => !inSources.has(name))).toEqual([])
    const ofThePerson = sourceFiles('src').flatMap(
      ({ text }) => text.match(/\benv(?:ironment)?\.([A-Z][A-Z0-9_]+)/g) ?? [],
    )
    const names = new Set(
      ofThePerson.map(text => text.split('.')[1]!).filter(name => /^(PODSWAP|KUBECONFIG|NO_)/.test(name)),
    )
    expect(names).toContain('PODSWAP_HOME')
    expect([...names].filter(name => !commandsPage.includes(name))).toEqual([])
  })

  it('of marks on objects are those that podswap writes', () => {
    const known = new Set<string>(Object.values(marks))
    const said = documents.flatMap(({ text }) => text.match(/\bpodswap\.dev\/[a-z]+/g) ?? [])
    expect(said.length).toBeGreaterThan(5)
    expect(said.filter(mark => !known.has(mark))).toEqual([])
  })

  it('lead somewhere, where they are links', () => {
    const broken = documents.flatMap(({ path, text }) =>
      linksOf(text)
        .filter(({ file, anchor }) => {
          const target = file === '' ? path : join(dirname(path), file)
          if (!existsSync(join(repository, target))) return true
          return anchor !== '' && !anchorsOf(read(target)).has(anchor)
        })
        .map(({ file, anchor, line }) => `${path}:${line}: ${file}#${anchor}`),
    )
    expect(broken).toEqual([])
  })
})

function isThere(path: string): boolean {
  if (!path.includes('*')) return existsSync(join(repository, path))
  const pattern = new RegExp(`^${baseName(path).replaceAll('.', '\\.').replaceAll('*', '.*')}$`)
  return readdirSync(join(repository, dirname(path))).some(name => pattern.test(name))
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

describe('the architecture page', () => {
  const page = read('ARCHITECTURE.md')

  it('names every folder of the sources and every decision', () => {
    const folders = ['src', 'syncer'].flatMap(root =>
      readdirSync(join(repository, root), { withFileTypes: true })
        .filter(entry => entry.isDirectory())
        .map(entry => `\`${root}/${entry.name}/\``),
    )
    expect(folders.length).toBeGreaterThan(12)
    expect(folders.filter(folder => !page.includes(folder))).toEqual([])
    expect(decisions.filter(path => !page.includes(`(${path})`))).toEqual([])
  })
})

describe('manifests in the documents', () => {
  let folder: string

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'podswap-readme-'))
  })

  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  const yamls = documents.flatMap(({ path, text }) =>
    blocksOf(text)
      .filter(({ language }) => language === 'yaml' || language === 'yml')
      .map(({ lines, line }) => ({ at: `${path}:${line}`, text: lines.join('\n') })),
  )

  // the guide shows these warnings
  const okteto = yamls.find(({ at }) => at.startsWith('docs/okteto.md:'))!
  const said = new Map([[okteto.at, /^not acted on yet: (build|deploy)$/]])

  it('can be read as they are, without a warning', () => {
    const whole = yamls.filter(({ text }) => /^dev:/m.test(text))
    expect(whole.length).toBeGreaterThan(1)
    for (const { at, text } of whole) {
      writeFileSync(join(folder, 'dev.yml'), text)
      const { devs, warnings } = loadManifest({ file: 'dev.yml', cwd: folder, env: {}, home: tmpdir() })
      const unexpected = warnings.filter(({ message }) => !said.get(at)?.test(message))
      expect({ at, devs: devs.length > 0, unexpected }).toEqual({ at, devs: true, unexpected: [] })
    }
    for (const { at, text } of yamls) expect(() => loadAll(text), at).not.toThrow()
  })

  it('and the one of the repository too', () => {
    const { devs, warnings } = loadManifest({
      file: 'manifests/dev.node.yml',
      cwd: repository,
      env: {},
      home: tmpdir(),
    })
    expect(devs.map(({ name }) => name)).toEqual(['web'])
    expect(warnings).toEqual([])
  })
})

/** The way back without podswap is the last one that a person has. */
describe('the way back by hand', () => {
  const patches = calls
    .filter(({ path, words }) => path === 'docs/by-hand.md' && words[0] === 'kubectl' && words.includes('patch'))
    .map(({ words }) => ({
      kind: words[words.indexOf('patch') + 1]!,
      patch: JSON.parse(words[words.indexOf('-p') + 1]!),
    }))
  const patchOf = (kind: string) => patches.find(each => each.kind === kind)!.patch

  it('takes back all that the patch of `up` writes', () => {
    const original = webDeployment()
    const { scalePatch } = planSwap({ workload: original, dev: dev(), options: planOptions })
    const swapped = mergePatched(original, scalePatch) as typeof original
    expect(swapped.spec.replicas).toBe(0)
    expect(Object.keys(swapped.metadata.labels!)).toContain(marks.undo)
    expect(mergePatched(swapped, patchOf('deployment'))).toEqual(original)
  })

  it('gives a StatefulSet its policy for claims back', () => {
    const spec = { persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Delete' } }
    const original = dbStatefulSet({ spec })
    const { scalePatch } = planSwap({ workload: original, dev: dev({ name: 'db' }), options: planOptions })
    const swapped = mergePatched(original, scalePatch) as typeof original
    expect(swapped.spec.persistentVolumeClaimRetentionPolicy.whenScaled).toBe('Retain')
    expect(mergePatched(swapped, patchOf('statefulset'))).toEqual(original)
  })

  it('deletes the clone by the name that it has', () => {
    const { clone } = planSwap({ workload: webDeployment(), dev: dev(), options: planOptions })
    const deleted = calls.find(({ path, words }) => path === 'docs/by-hand.md' && words.includes('delete'))!
    expect(deleted.words.at(-1)).toBe(clone.metadata.name)
  })
})
