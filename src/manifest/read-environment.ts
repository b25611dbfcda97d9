import { resolve } from 'node:path'
import type { Position } from '../../syncer/base/errors.ts'
import { parseDotenv } from './dotenv.ts'
import { entriesOf } from './entries.ts'
import type { Fields } from './fields.ts'
import { ManifestError } from './manifest-error.ts'
import { quoteText } from './quote-text.ts'
import { asScalar } from './read-scalar.ts'
import type { Reading } from './reading.ts'
import { decodeSource, sourceBytesMax } from './source-text.ts'
import { describeNode, type YamlMap, type YamlNode, type YamlScalar } from './yaml-node.ts'

const namePattern = /^[-._a-zA-Z][-._a-zA-Z0-9]*$/

/**
 * `envFiles`, then `environment`, which wins; a name keeps the place where it came first. No message shows a value, nor
 * a name that is none, for that may be a value in the wrong place.
 */
export function readEnvironment(reading: Reading, fields: Fields): { name: string; value: string }[] {
  const values = new Map<string, string>()
  readEnvFiles(reading, fields, values)
  readPairs(reading, fields, 'environment', values)
  return [...values].map(([name, value]) => ({ name, value }))
}

/**
 * The root's `variables`, in the forms of `environment`: from here on they are filled in where nothing else sets them, in
 * those that follow too.
 */
export function readVariables(reading: Reading, fields: Fields): void {
  const values = new Map<string, string>()
  reading.define(values)
  readPairs(reading, fields, 'variables', values)
}

function readPairs(reading: Reading, fields: Fields, field: string, values: Map<string, string>): void {
  const node = fields.value(field)
  if (node?.kind === 'map') readMap(reading, node, values)
  else if (node?.kind === 'list') readList(reading, node.items, { field, values })
  else if (node !== undefined) {
    const hint = 'write NAME: value on lines of their own'
    reading.complaints.error(node.at, `\`${field}\` must be a map or a list`, hint)
  }
}

function readMap(reading: Reading, map: YamlMap, values: Map<string, string>): void {
  for (const { key, keyAt, value } of entriesOf(reading, map).values()) {
    if (!isName(reading, key, keyAt)) continue
    const text = readValue(reading, key, value)
    if (text !== undefined) values.set(key, text)
  }
}

function readValue(reading: Reading, name: string, node: YamlNode): string | undefined {
  if (node.kind !== 'scalar') {
    const message = `the variable ${name} must be a single value, not ${describeNode(node)}`
    reading.complaints.error(node.at, message, 'put a value that begins with [ or { in quotes')
    return undefined
  }
  const scalar = asScalar(reading, node, name)
  if (scalar === undefined) return undefined
  if (scalar.isNull) return ''
  return withoutNul(reading, scalar, reading.expand(scalar))
}

function readList(
  reading: Reading,
  items: YamlNode[],
  { field, values }: { field: string; values: Map<string, string> },
): void {
  const places = new Map<string, Position>()
  for (const item of items) {
    reading.spend(1, item.at)
    if (item.kind === 'map') {
      reading.complaints.warn(item.at, `an item of \`${field}\` is read as a map`, 'write NAME=value, or drop the "- "')
      readMap(reading, item, values)
      continue
    }
    const scalar = asScalar(reading, item, field)
    const read = scalar && readItem(reading, scalar)
    if (read === undefined) continue
    const first = places.get(read.name)
    if (first !== undefined) {
      const message = `the variable ${read.name} is set twice, first in line ${first.line}; the later one counts`
      reading.complaints.warn(item.at, message)
    }
    places.set(read.name, item.at)
    values.set(read.name, read.value)
  }
}

/** `K=V`, or a bare `K`, which takes the value that it has here. */
function readItem(reading: Reading, scalar: YamlScalar): { name: string; value: string } | undefined {
  const equals = scalar.text.indexOf('=')
  if (equals >= 0) {
    const name = scalar.text.slice(0, equals)
    if (!isName(reading, name, scalar.at)) return undefined
    const value = withoutNul(reading, scalar, reading.expand(scalar, equals + 1))
    return value === undefined ? undefined : { name, value }
  }
  const name = reading.expand(scalar)
  if (name === undefined || !isName(reading, name, scalar.at)) return undefined
  const value = reading.around.lookup(name)
  if (value !== undefined) return { name, value }
  reading.complaints.warn(scalar.at, `the variable ${name} is not set here; the container keeps its own`)
  return undefined
}

function isName(reading: Reading, name: string, at: Position): boolean {
  if (namePattern.test(name)) return true
  const hint = 'letters, digits, "_", "-" and "." with no blank around the "="'
  reading.complaints.error(at, 'this is not the name of a variable', hint)
  return false
}

function withoutNul(reading: Reading, scalar: YamlScalar, value: string | undefined): string | undefined {
  if (value?.includes('\0')) reading.complaints.error(scalar.at, 'a variable cannot hold a NUL character')
  return value
}

function readEnvFiles(reading: Reading, fields: Fields, values: Map<string, string>): void {
  const node = fields.value('envFiles')
  if (node === undefined) return
  for (const item of node.kind === 'list' ? node.items : [node]) {
    reading.spend(1, item.at)
    const scalar = asScalar(reading, item, 'envFiles')
    const path = scalar && reading.expandVital(scalar, scalar.text, 0, 'envFiles')
    if (scalar === undefined || path === undefined) continue
    const file = resolve(reading.around.baseFolder, path)
    const text = readEnvFile(reading, scalar, file)
    if (text !== undefined) addEnvFile(reading, file, text, values)
  }
}

function readEnvFile(reading: Reading, scalar: YamlScalar, file: string): string | undefined {
  const { complaints, around } = reading
  const shown = quoteText(scalar.text)
  const refuse = (message: string) => void complaints.error(scalar.at, message)
  try {
    const stat = around.files.stat(file)
    if (stat === null) return refuse(`there is no file ${shown}`)
    if (stat.kind !== 'file') return refuse(`${shown} is not a file`)
    if (stat.sizeBytes > sourceBytesMax) return refuse(`${shown} is larger than 1 MiB`)
    return decodeSource(around.files.readFile(file), file)
  } catch (error) {
    if (!(error instanceof ManifestError)) return refuse(`${shown} cannot be read`)
    for (const { at, message, hint } of error.complaints) complaints.error(at, message, hint)
    return undefined
  }
}

/** An empty value stands for the one that the variable has here; where it has none, it is left out. */
function addEnvFile(reading: Reading, file: string, text: string, values: Map<string, string>): void {
  reading.spend(text.length >> 4, { file, line: 1, column: 1 })
  const { entries, complaints } = parseDotenv(text, file, reading.around.lookup)
  for (const { at, message, hint } of complaints) reading.complaints.error(at, message, hint)
  for (const { name, value } of entries) {
    const chosen = value || reading.around.lookup(name)
    if (chosen) values.set(name, chosen)
  }
}
