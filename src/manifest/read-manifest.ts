import type { DevSource } from './dev-source.ts'
import { entriesOf } from './entries.ts'
import { devFields, rootFields } from './field-names.ts'
import { Fields } from './fields.ts'
import type { Complaint, Dev, Manifest } from './manifest.ts'
import { ManifestError } from './manifest-error.ts'
import { quoteText } from './quote-text.ts'
import { readDev } from './read-dev.ts'
import { readVariables } from './read-environment.ts'
import { readForwards } from './read-forward.ts'
import { type ReadText, readListed } from './read-listed.ts'
import { readVital } from './read-scalar.ts'
import { refuseTwins } from './read-services.ts'
import { Reading, type Surroundings } from './reading.ts'
import { refuseForeignForm, rootForm } from './root-form.ts'
import { describeNode, type Entry, type YamlMap } from './yaml-node.ts'
import { parseYaml } from './yaml-tree.ts'

const example = 'dev: {WORKLOAD: {image: node:22, command: bash, sync: [".:/app"]}}'
const devsMax = 100

/**
 * The manifest in `text`, whichever form it has. Throws {@link ManifestError} with all that is wrong with it; the disk
 * is asked only about local folders and `envFiles`.
 */
export function readManifest(text: string, around: Surroundings): Manifest {
  return readText(text, around, (text, around) => readText(text, around, null))
}

/** `readOther` reads a manifest that this one lists; null where it is such a one itself. */
function readText(text: string, around: Surroundings, readOther: ReadText | null): Manifest {
  const reading = new Reading(text, around)
  const root = rootOf(reading, text)
  const fields = new Fields(reading, root)
  const form = rootForm(fields)
  if (form !== 'v1' && form !== 'v2') {
    reading.complaints.throwIfAny()
    refuseForeignForm(fields, form)
  }
  if (form === 'v2') readVariables(reading, fields)
  const scope = readScope(reading, fields)
  const leftOut: LeftOut[] = []
  const devs = form === 'v2' ? readV2(reading, fields, { scope, leftOut, readOther }) : readV1(reading, fields, leftOut)
  refuseTwins(reading, devs)
  for (const { complaint, name } of leftOut) {
    const { at, message, hint } = complaint
    // Where nothing else is left to develop, what leaves a dev out is the error.
    if (devs.length === 0) reading.complaints.error(at, message, hint)
    else reading.complaints.warn(at, `${message}; ${name} is left out`, hint)
  }
  reading.complaints.throwIfAny()
  return { file: around.file, ...scope, devs, warnings: reading.complaints.allWarnings() }
}

function rootOf(reading: Reading, text: string): YamlMap {
  const { file } = reading.around
  const [root, second] = parseYaml(text, file)
  const top = { file, line: 1, column: 1 }
  if (root === undefined)
    throw new ManifestError([{ at: top, message: 'the file is empty', hint: `such as ${example}` }])
  if (second !== undefined) {
    const message = 'a second document begins here; it is passed over'
    reading.complaints.warn(second.at, message, 'a manifest is one document: put it in a file of its own')
  }
  if (root.kind === 'map') return root
  const message = `a manifest must be a map, not ${describeNode(root)}`
  throw new ManifestError([{ at: root.at, message, hint: `such as ${example}` }])
}

/** A dev that nothing is wrong with and that cannot be used yet. */
interface LeftOut {
  complaint: Complaint
  name: string
}

function readV1(reading: Reading, fields: Fields, leftOut: LeftOut[]): Dev[] {
  const leaveOut: DevSource['leaveOut'] = (complaint, name) => leftOut.push({ complaint, name })
  const dev = readDev(reading, { fields, devNames: new Set(), leaveOut })
  return dev === undefined ? [] : [dev]
}

function readV2(
  reading: Reading,
  fields: Fields,
  { scope, leftOut, readOther }: { scope: Scope; leftOut: LeftOut[]; readOther: ReadText | null },
): Dev[] {
  fields.complainAboutRest(rootFields, '', Object.keys(devFields))
  const devs: Dev[] = []
  const isListing = fields.value('devs') !== undefined
  const entries = devEntries(reading, fields, isListing)
  const devNames = new Set(entries.map(({ key }) => key))
  for (const entry of entries) {
    const source = devSource(reading, entry, leftOut)
    if (source === undefined) continue
    readOwnScope(reading, source.fields, scope, fields)
    const dev = readDev(reading, { ...source, devNames })
    if (dev !== undefined) devs.push(dev)
  }
  if (readOther) devs.push(...readListed(reading, fields, { read: readOther, scope }))
  else if (isListing) {
    const hint = 'list it in the first manifest too'
    reading.complaints.error(fields.entry('devs')!.keyAt, 'a manifest that is listed cannot list others', hint)
  }
  addRootForwards(reading, fields, devs)
  return devs
}

/** The root's `forward` is each dev's: the first that runs opens them. */
function addRootForwards(reading: Reading, fields: Fields, devs: Dev[]): void {
  for (const forward of readForwards(reading, fields)) {
    const twin = devs.flatMap(dev => dev.forward).find(each => !each.isShared && each.localPort === forward.localPort)
    if (twin !== undefined) {
      const message = `the local port ${forward.localPort} is used twice, first in line ${twin.at.line}`
      reading.complaints.error(forward.at, message, 'choose another port before the first colon')
    }
    for (const dev of devs) {
      // a manifest that is listed may have it too
      const isThere = dev.forward.some(each => each.localPort === forward.localPort)
      if (!isThere) dev.forward.push({ ...forward, isShared: true })
    }
  }
}

function devEntries(reading: Reading, fields: Fields, isListing: boolean): Entry[] {
  const section = fields.value('dev')
  if (section !== undefined && section.kind !== 'map') {
    const message = `\`dev\` must be a map, not ${describeNode(section)}`
    reading.complaints.error(section.at, message, `such as ${example}`)
    return []
  }
  const entries = section === undefined ? [] : [...entriesOf(reading, section).values()]
  const extra = entries[devsMax]
  if (extra !== undefined) reading.complaints.error(extra.keyAt, `more than ${devsMax} devs`)
  // A `dev` that is misspelt has been complained about already.
  if (entries.length === 0 && !isListing && reading.complaints.errorCount === 0) {
    const at = fields.entry('dev')?.keyAt ?? fields.at
    reading.complaints.error(at, 'there is no dev in this manifest', `such as ${example}`)
  }
  return entries.slice(0, devsMax)
}

function devSource(
  reading: Reading,
  { key, keyAt, value }: Entry,
  leftOut: LeftOut[],
): Omit<DevSource, 'devNames'> | undefined {
  const isEmpty = value.kind === 'scalar' && value.isNull
  if (value.kind !== 'map' && !isEmpty) {
    reading.complaints.error(value.at, `the dev ${quoteText(key)} must be a map, not ${describeNode(value)}`)
    return undefined
  }
  const map: YamlMap = value.kind === 'map' ? value : { kind: 'map', at: keyAt, pairs: [] }
  const leaveOut: DevSource['leaveOut'] = (complaint, name) => leftOut.push({ complaint, name })
  return { fields: new Fields(reading, map), key: { text: key, at: keyAt }, leaveOut }
}

interface Scope {
  namespace?: string
  context?: string
}

const scopeNames = ['namespace', 'context'] as const

function readScope(reading: Reading, fields: Fields): Scope {
  const scope: Scope = {}
  for (const name of scopeNames) {
    const value = readVital(reading, fields, name)
    if (value === undefined) continue
    scope[name] = name === 'context' ? readContext(reading, fields.entry(name)!, value) : value
  }
  return scope
}

/** Okteto's command line takes an address too, and writes a context of the kubeconfig that is named for its host. */
function readContext(reading: Reading, { value: node }: Entry, value: string): string {
  const host = /^https?:\/\/([^/]+)/.exec(value)?.[1]
  if (host === undefined) return value
  const context = host.replace(/[^A-Za-z0-9]+/g, '_')
  reading.complaints.warn(node.at, `this address is read as the context ${context}`, 'write the name of a context')
  return context
}

/** A dev's own namespace or context counts for the file where it is the only dev; otherwise it must be the root's. */
function readOwnScope(reading: Reading, fields: Fields, scope: Scope, root: Fields): void {
  const own = readScope(reading, fields)
  const section = root.value('dev')
  const isOnly = section?.kind === 'map' && entriesOf(reading, section).size === 1
  for (const name of scopeNames) {
    if (own[name] === undefined || own[name] === scope[name]) continue
    if (isOnly && !root.has(name)) scope[name] = own[name]
    else {
      const at = fields.entry(name)!.value.at
      reading.complaints.error(at, `all devs of a file share one \`${name}\``, 'write it at the root of the file')
    }
  }
}
