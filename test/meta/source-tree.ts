import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

export const repository = fileURLToPath(new URL('../../', import.meta.url))

export const packageJson: { version: string; scripts: Record<string, string> } = JSON.parse(
  readFileSync(join(repository, 'package.json'), 'utf8'),
)

export interface Import {
  /** As written. */
  specifier: string
  /** Path in the repository; undefined for a package or a Node module. */
  file: string | undefined
  /** Vanishes when types are stripped. */
  typeOnly: boolean
}

export interface SourceFile {
  /** Path in the repository, with `/`. */
  path: string
  text: string
  imports: Import[]
}

/** All TypeScript files below a folder of the repository. */
export function sourceFiles(folder: string): SourceFile[] {
  return readdirSync(join(repository, folder), { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.ts'))
    .map(name => join(folder, name).split(sep).join('/'))
    .map(path => {
      const text = readFileSync(join(repository, path), 'utf8')
      return { path, text, imports: importsOf(path, text) }
    })
}

const statement = /^\s*(?:import|export)\s+(type\s+)?(?:[^'"`;]*?\sfrom\s+)?['"]([^'"]+)['"]/gm
const dynamic = /\b(?:import|require)\(\s*['"]([^'"]+)['"]\s*\)/g

export function importsOf(path: string, text: string): Import[] {
  const found: Import[] = []
  const add = (specifier: string, typeOnly: boolean) => {
    const local = specifier.startsWith('.')
    const target = local ? relative(repository, normalize(join(repository, dirname(path), specifier))) : undefined
    found.push({ specifier, file: target?.split(sep).join('/'), typeOnly })
  }
  for (const [, type, specifier] of text.matchAll(statement)) add(specifier!, type !== undefined)
  for (const [, specifier] of text.matchAll(dynamic)) add(specifier!, false)
  return found
}

/**
 * Every file that is loaded when `start` is, itself included; imports of types alone load nothing, and count only with
 * `types`.
 */
export function reachableFrom(start: string, files: Map<string, SourceFile>, { types = false } = {}): Set<string> {
  const seen = new Set<string>()
  const queue = [start]
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    if (seen.has(path)) continue
    seen.add(path)
    for (const { file, typeOnly } of files.get(path)?.imports ?? []) if (file && (types || !typeOnly)) queue.push(file)
  }
  return seen
}
