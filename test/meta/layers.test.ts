import { describe, expect, it } from 'vitest'
import { importsOf, reachableFrom, type SourceFile, sourceFiles } from './source-tree.ts'

const sources = [...sourceFiles('src'), ...sourceFiles('syncer')]
const byPath = new Map(sources.map(file => [file.path, file]))

/** What each room of the engine may import, besides itself. */
const engine: Record<string, string[]> = {
  base: [],
  core: ['base'],
  wire: ['base', 'core'],
  disk: ['base', 'core', 'wire'],
  endpoint: ['base', 'core', 'wire', 'disk'],
  engine: ['base', 'core', 'wire', 'disk', 'endpoint'],
  session: ['base', 'core', 'wire', 'disk', 'endpoint', 'engine'],
  pod: ['base'],
  agent: ['base', 'core', 'wire', 'disk', 'endpoint', 'session', 'pod'],
}

/** The same of the rooms in `syncer/engine/`. */
const conversation: Record<string, string[]> = {
  exchange: [],
  transfer: ['exchange'],
  offer: ['exchange', 'transfer'],
  notice: ['exchange', 'transfer', 'offer'],
  intake: ['exchange', 'transfer', 'offer'],
  contact: ['exchange', 'transfer', 'offer'],
}

/** Rooms that compute and do nothing else, as patterns of paths. */
const pureRooms = [
  /^syncer\/core\//,
  /^syncer\/wire\//,
  /^syncer\/session\/.*(machine|table)\.ts$/,
  /^src\/swap\/plan[^/]*\.ts$/,
  /^src\/session\/machine\.ts$/,
  /^src\/ui\/(?!screen-reporter|line-reporter|json-reporter)/,
]

/** Modules through which something outside the program is read or changed. */
const outside =
  /^(node:)?(fs|fs\/promises|net|tls|http|https|http2|dgram|dns|dns\/promises|child_process|worker_threads|cluster|readline|os|process)$|^(ws|@kubernetes\/client-node)$/

const surroundings =
  /\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(|\bperformance\.now\(|\bprocess\.(env|argv|cwd|exit|stdin|stdout|stderr|hrtime)\b|\bset(Timeout|Interval|Immediate)\(|\brandom(Bytes|UUID|Int)\(/

const roomOf = (path: string) => path.split('/')[1]!

function offences(files: SourceFile[], isWrong: (from: string, to: string) => boolean): string[] {
  return files.flatMap(({ path, imports }) =>
    imports.filter(({ file }) => file !== undefined && isWrong(path, file)).map(({ file }) => `${path} → ${file}`),
  )
}

describe('the house', () => {
  it('is looked at as a whole', () => {
    expect(sources.length).toBeGreaterThan(50)
    const unresolved = sources.flatMap(({ path, imports }) =>
      imports
        .filter(({ file }) => file?.endsWith('.ts') && !byPath.has(file))
        .map(({ specifier }) => `${path}: ${specifier}`),
    )
    expect(unresolved).toEqual([])
  })

  it('reads every form of import', () => {
    const text = [
      `import a from './a.ts'`,
      `import {\n  b,\n} from './b.ts'`,
      `import type { C } from './c.ts'`,
      `export { d } from './d.ts'`,
      `import './e.ts'`,
      `const f = await import('./f.ts')`,
      `import { g } from 'node:fs'`,
    ].join('\n')
    expect(importsOf('src/x/y.ts', text)).toEqual([
      { specifier: './a.ts', file: 'src/x/a.ts', typeOnly: false },
      { specifier: './b.ts', file: 'src/x/b.ts', typeOnly: false },
      { specifier: './c.ts', file: 'src/x/c.ts', typeOnly: true },
      { specifier: './d.ts', file: 'src/x/d.ts', typeOnly: false },
      { specifier: './e.ts', file: 'src/x/e.ts', typeOnly: false },
      { specifier: 'node:fs', file: undefined, typeOnly: false },
      { specifier: './f.ts', file: 'src/x/f.ts', typeOnly: false },
    ])
  })

  it('the engine knows nothing of Kubernetes or of the program around it', () => {
    const engineFiles = sources.filter(({ path }) => path.startsWith('syncer/'))
    expect(offences(engineFiles, (_from, to) => !to.startsWith('syncer/'))).toEqual([])
    const words = engineFiles.filter(({ imports }) => imports.some(({ specifier }) => /kubernetes/.test(specifier)))
    expect(words.map(({ path }) => path)).toEqual([])
  })

  it('the engine’s rooms only look down: base ← core, wire ← disk ← endpoint ← engine ← session ← agent', () => {
    const inRooms = sources.filter(({ path }) => /^syncer\/[^/]+\//.test(path))
    const unknown = [...new Set(inRooms.map(({ path }) => roomOf(path)))].filter(room => !(room in engine))
    expect(unknown).toEqual([])
    const wrong = (from: string, to: string) =>
      roomOf(from) !== roomOf(to) && !engine[roomOf(from)]!.includes(roomOf(to))
    expect(offences(inRooms, wrong)).toEqual([])
  })

  it('so do the rooms of a conversation: exchange ← transfer ← offer ← notice, intake, contact', () => {
    const innerRoomOf = (path: string) => /^syncer\/engine\/([^/]+)\//.exec(path)?.[1]
    const inRooms = sources.filter(({ path }) => innerRoomOf(path) !== undefined)
    expect([...new Set(inRooms.map(({ path }) => innerRoomOf(path)))].sort()).toEqual(Object.keys(conversation).sort())
    const wrong = (from: string, to: string) => {
      const [room, other] = [innerRoomOf(from)!, innerRoomOf(to)]
      return to.startsWith('syncer/engine/') && room !== other && !conversation[room]!.includes(other ?? '')
    }
    expect(offences(inRooms, wrong)).toEqual([])
  })

  it('has no circles: no file needs itself through others, not for a type either', () => {
    const circles = sources.filter(({ path, imports }) =>
      imports.some(({ file }) => file !== undefined && reachableFrom(file, byPath, { types: true }).has(path)),
    )
    expect(circles.map(({ path }) => path)).toEqual([])
  })

  it('only src/cluster speaks to the Kubernetes client', () => {
    const importers = sources.filter(({ imports }) =>
      imports.some(({ specifier }) => specifier.startsWith('@kubernetes/')),
    )
    expect(importers.length).toBeGreaterThan(0)
    expect(importers.map(({ path }) => path).filter(path => !path.startsWith('src/cluster/'))).toEqual([])
  })

  it('only main ends the process', () => {
    const enders = sources.filter(({ text }) => /\bprocess\.exit\(/.test(text)).map(({ path }) => path)
    expect(enders.filter(path => path.startsWith('src/'))).toEqual(['src/main.ts'])
  })

  it('no limit of time is one that garbage collection can take away', () => {
    const users = sources.filter(({ text }) => /\bAbortSignal\.timeout\(/.test(text)).map(({ path }) => path)
    expect(users).toEqual([])
  })

  it('keeps no state in modules', () => {
    const holders = sources.filter(({ text }) => /^(export )?(let|var) /m.test(text)).map(({ path }) => path)
    expect(holders).toEqual([])
  })
})

describe('pure rooms', () => {
  const pure = sources.filter(({ path }) => pureRooms.some(room => room.test(path)))

  it('are there', () => {
    for (const room of pureRooms.filter(({ source }) => !source.includes('table'))) {
      expect(
        pure.some(({ path }) => room.test(path)),
        String(room),
      ).toBe(true)
    }
  })

  it('load nothing that reaches outside, directly or through others', () => {
    const reaching = pure.flatMap(({ path }) =>
      [...reachableFrom(path, byPath)].flatMap(loaded =>
        (byPath.get(loaded)?.imports ?? [])
          .filter(({ specifier, typeOnly }) => !typeOnly && outside.test(specifier))
          .map(({ specifier }) => `${path}${loaded === path ? '' : ` → ${loaded}`} → ${specifier}`),
      ),
    )
    expect(reaching).toEqual([])
  })

  it('take time, chance and surroundings as parameters', () => {
    const impure = pure.filter(({ text }) => surroundings.test(text.replace(/^\s*(\*|\/\/|\/\*).*$/gm, '')))
    expect(impure.map(({ path, text }) => `${path}: ${surroundings.exec(text)?.[0]}`)).toEqual([])
  })
})
