import { readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import type { simulate } from '../simulation.ts'
import type { Subject } from '../subject.ts'
import type { Edit } from './bugs.ts'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const entry = `
export { engine } from './test/sim/engine-subject.ts'
export { simulate } from './test/sim/simulation.ts'
`

/** A simulation of its own, whose engine is not the product's. */
export interface Planted {
  engine: Subject<never>
  simulate: typeof simulate
}

/**
 * The engine with a bug in it, and the simulation around it.
 * @param into a folder for the built file
 * @param name of that file; what was loaded once is not loaded again
 * @throws where a text that is to be replaced is not there, or more than once
 */
export async function buildWith(edits: Edit[], into: string, name: string): Promise<Planted> {
  const left = new Map<string, Edit[]>()
  for (const edit of edits) left.set(edit.file, [...(left.get(edit.file) ?? []), edit])
  const outfile = join(into, name)
  await build({
    stdin: { contents: entry, resolveDir: root, loader: 'ts' },
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    logLevel: 'silent',
    plugins: [
      {
        name: 'plant',
        setup: ({ onLoad }) => {
          onLoad({ filter: /\.ts$/ }, async ({ path }) => {
            const file = relative(root, path).replaceAll('\\', '/')
            const wanted = left.get(file)
            if (wanted === undefined) return undefined
            left.delete(file)
            return { contents: wanted.reduce(plant, await readFile(path, 'utf8')), loader: 'ts' }
          })
        },
      },
    ],
  })
  if (left.size > 0) throw new Error(`not part of the engine: ${[...left.keys()].join(', ')}`)
  return import(pathToFileURL(outfile).href)
}

function plant(source: string, { file, text, bug }: Edit): string {
  const parts = source.split(text)
  if (parts.length !== 2) throw new Error(`${file} has this ${parts.length - 1} times, not once: ${text}`)
  return parts.join(bug)
}
