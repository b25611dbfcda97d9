import type { Position } from '../../syncer/base/errors.ts'

/** A value of a YAML file with its place. An alias is the node it names, with the alias's own position. */
export type YamlNode = YamlScalar | YamlList | YamlMap

export interface YamlScalar {
  kind: 'scalar'
  at: Position
  /** The decoded text, for a plain scalar as it is written: `0x10` stays `0x10`. */
  text: string
  /** Written without quotes, so that `true`, `12` and `null` are not text (YAML 1.2 core schema). */
  isPlain: boolean
  isNull: boolean
  /** Where the text lies in the source, quotes excluded. */
  range: { start: number; end: number }
  tag?: string
  isAnchored?: boolean
}

export interface YamlList {
  kind: 'list'
  at: Position
  items: YamlNode[]
  isAnchored?: boolean
}

export interface YamlMap {
  kind: 'map'
  at: Position
  pairs: YamlPair[]
  isAnchored?: boolean
}

export interface YamlPair {
  key: YamlNode
  value: YamlNode
}

/** A key and its value, after merge keys. */
export interface Entry {
  key: string
  keyAt: Position
  value: YamlNode
}

/** What a person would call the node. */
export function describeNode(node: YamlNode): string {
  if (node.kind === 'list') return 'a list'
  if (node.kind === 'map') return 'a map'
  return node.isNull ? 'nothing' : 'a single value'
}

/** Nothing, `false`, empty text, `{}`, `[]` or `{enabled: false}`: a field that asks for nothing. */
export function asksForNothing(node: YamlNode): boolean {
  if (node.kind === 'list') return node.items.length === 0
  if (node.kind === 'scalar') return node.isNull || node.text === '' || (node.isPlain && /^false$/i.test(node.text))
  const enabled = node.pairs.find(({ key }) => key.kind === 'scalar' && key.text === 'enabled')?.value
  return node.pairs.length === 0 || (enabled?.kind === 'scalar' && asksForNothing(enabled))
}

/** `- .: /app`, where `- .:/app` was meant: the map as the single value that it would be without the blank. */
export function joinedPair(node: YamlNode, fieldNames: readonly string[]): YamlScalar | undefined {
  const [pair, ...others] = node.kind === 'map' ? node.pairs : []
  if (pair?.key.kind !== 'scalar' || pair.value.kind !== 'scalar' || others.length > 0) return undefined
  const { key, value } = pair
  if (value.isNull || fieldNames.includes(key.text)) return undefined
  const text = `${key.text}:${value.text}`
  const range = { start: key.range.start, end: value.range.end }
  return { kind: 'scalar', at: node.at, text, isPlain: true, isNull: false, range }
}
