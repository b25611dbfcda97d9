import {
  type AliasEvent,
  EVENT_ID,
  type Event,
  getScalarValue,
  type MappingEvent,
  parseEvents,
  SCALAR_STYLE,
  type ScalarEvent,
  type SequenceEvent,
  YAMLException,
} from 'js-yaml'
import type { Position } from '../../syncer/base/errors.ts'
import { explainSyntax } from './explain-syntax.ts'
import { ManifestError } from './manifest-error.ts'
import { Lines } from './source-text.ts'
import type { YamlNode, YamlScalar } from './yaml-node.ts'

const absent = -1
const nullTexts = new Set(['', '~', 'null', 'Null', 'NULL'])

/**
 * The documents of a YAML 1.2 text as trees with positions; empty documents are left out. Merge keys and repeated keys
 * are left in the tree for its reader, so that a section which nobody reads can harm nobody.
 * Throws {@link ManifestError} at the first place that is not YAML.
 */
export function parseYaml(text: string, file: string): YamlNode[] {
  const builder = new TreeBuilder(text, new Lines(text, file))
  for (const event of eventsOf(text, file)) builder.add(event)
  return builder.documents
}

function eventsOf(text: string, file: string): Event[] {
  try {
    return parseEvents(text, {})
  } catch (error) {
    // The exception itself quotes the lines around, where a secret may stand: only its reason goes on.
    if (!(error instanceof YAMLException) || error.mark === undefined) throw error
    const { offset, message, hint } = explainSyntax(text, error.mark.position, error.reason)
    const at = new Lines(text, file).at(offset)
    throw new ManifestError([hint === undefined ? { at, message } : { at, message, hint }])
  }
}

/** A collection, or the document itself, that still takes values. */
interface Open {
  /** absent: the document. */
  node?: YamlNode
  key?: YamlNode
}

class TreeBuilder {
  readonly documents: YamlNode[] = []
  private readonly text: string
  private readonly lines: Lines
  private readonly open: Open[] = []
  private anchors = new Map<string, YamlNode>()
  /** End of the last token that has a place; what has none is looked for from here. */
  private cursor = 0

  constructor(text: string, lines: Lines) {
    this.text = text
    this.lines = lines
  }

  add(event: Event): void {
    switch (event.type) {
      case EVENT_ID.DOCUMENT:
        this.anchors = new Map()
        this.open.push({})
        break
      case EVENT_ID.SCALAR:
        this.addScalar(event)
        break
      case EVENT_ID.ALIAS:
        this.addAlias(event)
        break
      case EVENT_ID.POP:
        this.open.pop()
        break
      default:
        this.addCollection(event)
    }
  }

  private addScalar(event: ScalarEvent): void {
    const anchor = this.anchorOf(event)
    this.cursor = Math.max(this.cursor, event.anchorEnd, event.tagEnd)
    const at = this.scalarAt(event)
    const text = getScalarValue(this.text, event)
    const tag = event.tagStart === absent ? undefined : this.text.slice(event.tagStart, event.tagEnd)
    const isPlain = event.style === SCALAR_STYLE.PLAIN && tag !== '!!str' && tag !== '!'
    const range = { start: Math.max(event.valueStart, 0), end: Math.max(event.valueEnd, 0) }
    const isNull = isPlain && nullTexts.has(text)
    const node: YamlScalar = { kind: 'scalar', at, text, isPlain, isNull, range }
    if (tag !== undefined) node.tag = tag
    if (event.valueStart !== absent) this.cursor = event.valueEnd + (isQuoted(event) ? 1 : 0)
    this.put(node, anchor)
  }

  private addCollection(event: SequenceEvent | MappingEvent): void {
    const at = this.lines.at(event.start)
    const anchor = this.anchorOf(event)
    const node: YamlNode =
      event.type === EVENT_ID.SEQUENCE ? { kind: 'list', at, items: [] } : { kind: 'map', at, pairs: [] }
    this.cursor = Math.max(this.cursor, event.start)
    this.put(node, anchor)
    this.open.push({ node })
  }

  private addAlias(event: AliasEvent): void {
    const name = this.text.slice(event.anchorStart, event.anchorEnd)
    const at = this.lines.at(event.anchorStart - 1)
    this.cursor = event.anchorEnd
    const named = this.anchors.get(name)
    // Neither says the name: a password may start with *.
    if (named === undefined) {
      const hint = 'a value that starts with * needs quotes; otherwise define &NAME before *NAME'
      throw new ManifestError([{ at, message: 'this alias refers to an anchor that is not there', hint }])
    }
    if (this.open.some(({ node }) => node === named)) {
      throw new ManifestError([{ at, message: 'this alias lies inside the value that it stands for' }])
    }
    this.put({ ...named, at, isAnchored: false }, undefined)
  }

  private put(node: YamlNode, anchor: string | undefined): void {
    if (anchor !== undefined) {
      node.isAnchored = true
      this.anchors.set(anchor, node)
    }
    const parent = this.open.at(-1)!
    if (parent.node === undefined) {
      if (node.kind !== 'scalar' || !node.isNull) this.documents.push(node)
    } else if (parent.node.kind === 'list') {
      parent.node.items.push(node)
    } else if (parent.node.kind === 'map') {
      if (parent.key === undefined) parent.key = node
      else {
        parent.node.pairs.push({ key: parent.key, value: node })
        delete parent.key
      }
    }
  }

  private anchorOf(event: ScalarEvent | SequenceEvent | MappingEvent): string | undefined {
    return event.anchorStart === absent ? undefined : this.text.slice(event.anchorStart, event.anchorEnd)
  }

  /** Where a person would point: the quote, the `|`, the first letter; for what is not written, its key or its dash. */
  private scalarAt(event: ScalarEvent): Position {
    if (event.style === SCALAR_STYLE.LITERAL_BLOCK || event.style === SCALAR_STYLE.FOLDED_BLOCK) {
      return this.lines.at(this.find('[|>]'))
    }
    if (event.valueStart !== absent) return this.lines.at(event.valueStart - (isQuoted(event) ? 1 : 0))
    if (event.tagStart !== absent) return this.lines.at(event.tagStart)
    if (event.anchorStart !== absent) return this.lines.at(event.anchorStart - 1)
    const { node, key } = this.open.at(-1)!
    if (key !== undefined) return key.at
    if (node === undefined) return this.lines.at(this.cursor)
    const sign = this.find(node.kind === 'list' ? '-' : ':')
    if (node.kind === 'list') this.cursor = sign + 1
    return this.lines.at(sign)
  }

  /** The next such character that is not part of a comment; only blanks and punctuation can lie before it. */
  private find(sign: string): number {
    const scan = new RegExp(`(?<=^|\\s)#.*|(${sign})`, 'gm')
    scan.lastIndex = this.cursor
    for (let match = scan.exec(this.text); match !== null; match = scan.exec(this.text)) {
      if (match[1] !== undefined) return match.index
    }
    return Math.min(this.cursor, this.text.length)
  }
}

function isQuoted(event: ScalarEvent): boolean {
  return event.style === SCALAR_STYLE.SINGLE_QUOTED || event.style === SCALAR_STYLE.DOUBLE_QUOTED
}
