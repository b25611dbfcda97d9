import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { repository } from '../meta/source-tree.ts'

/** The documents that tell a person what to type. */
export function guidePaths(): string[] {
  const docs = readdirSync(join(repository, 'docs')).filter(name => name.endsWith('.md'))
  return ['README.md', ...docs.sort().map(name => `docs/${name}`)]
}
