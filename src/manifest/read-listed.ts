import { basename, dirname, resolve } from 'node:path'
import type { Fields } from './fields.ts'
import type { Dev, Manifest } from './manifest.ts'
import { ManifestError } from './manifest-error.ts'
import { quotePath } from './quote-text.ts'
import { asScalar } from './read-scalar.ts'
import type { Reading, Surroundings } from './reading.ts'
import { decodeSource, sourceBytesMax } from './source-text.ts'
import { describeNode, type YamlNode } from './yaml-node.ts'

const listedMax = 20

/** Reads the manifest in `text`: `readManifest`. */
export type ReadText = (text: string, around: Surroundings) => Manifest

/**
 * The devs of the manifests that the root's `devs` names, each read where it lies. What is wrong with one of them is said
 * with its own file, line and column. One that lists others in turn is an error, and so is one that is meant for another
 * namespace or context.
 */
export function readListed(
  reading: Reading,
  fields: Fields,
  { read, scope }: { read: ReadText; scope: { namespace?: string; context?: string } },
): Dev[] {
  const node = fields.value('devs')
  if (node === undefined) return []
  if (node.kind !== 'list') {
    reading.complaints.error(
      node.at,
      `\`devs\` must be a list, not ${describeNode(node)}`,
      'such as devs: [api/dev.yml]',
    )
    return []
  }
  const extra = node.items[listedMax]
  if (extra !== undefined) reading.complaints.error(extra.at, `more than ${listedMax} manifests`)
  const seen = new Set([reading.around.file])
  return node.items.slice(0, listedMax).flatMap(item => readOne(reading, item, { read, scope, seen }))
}

function readOne(
  reading: Reading,
  item: YamlNode,
  { read, scope, seen }: { read: ReadText; scope: { namespace?: string; context?: string }; seen: Set<string> },
): Dev[] {
  const { complaints, around } = reading
  const scalar = asScalar(reading, item, 'devs')
  const path = scalar && reading.expandVital(scalar, scalar.text, 0, 'devs')
  if (scalar === undefined || path === undefined) return []
  const file = resolve(around.ownFolder, path)
  if (seen.has(file)) {
    complaints.error(item.at, `${quotePath(path)} is read already`, 'take it out')
    return []
  }
  seen.add(file)
  const text = readText(reading, scalar.at, { file, shown: path })
  if (text === undefined) return []
  const ownFolder = dirname(file)
  const baseFolder = basename(ownFolder) === '.okteto' ? dirname(ownFolder) : ownFolder
  try {
    const { devs, warnings, namespace, context } = read(text, { ...around, file, ownFolder, baseFolder })
    for (const { at, message, hint } of warnings) complaints.warn(at, message, hint)
    const other = Object.entries({ namespace, context }).find(
      ([name, value]) => value !== undefined && value !== scope[name as keyof typeof scope],
    )
    if (other === undefined) return devs
    const [name] = other
    complaints.error(scalar.at, `${quotePath(path)} is for another \`${name}\``, `write the same \`${name}\` in both`)
  } catch (error) {
    if (!(error instanceof ManifestError)) throw error
    for (const { at, message, hint } of error.complaints) complaints.error(at, message, hint)
  }
  return []
}

function readText(
  { complaints, around: { files } }: Reading,
  at: YamlNode['at'],
  { file, shown }: { file: string; shown: string },
): string | undefined {
  const name = quotePath(shown)
  const refuse = (message: string, hint?: string) => void complaints.error(at, message, hint)
  try {
    const stat = files.stat(file)
    if (stat === null) return refuse(`there is no file ${name}`, 'a path is relative to this manifest')
    if (stat.kind !== 'file') return refuse(`${name} is not a file`, 'name the manifest in it')
    if (stat.sizeBytes > sourceBytesMax) return refuse(`${name} is larger than 1 MiB: this is no manifest`)
    return decodeSource(files.readFile(file), file)
  } catch (error) {
    if (error instanceof ManifestError) throw error
    return refuse(`${name} cannot be read`)
  }
}
