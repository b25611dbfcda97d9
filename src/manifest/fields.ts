import type { Position } from '../../syncer/base/errors.ts'
import { didYouMean } from './did-you-mean.ts'
import { entriesOf } from './entries.ts'
import { type FieldUse, vitalFields } from './field-names.ts'
import type { Reading } from './reading.ts'
import { asksForNothing, type Entry, type YamlMap, type YamlNode } from './yaml-node.ts'

/** Beyond so many the file is something else. */
const unknownMax = 200

/** The fields of one map of the file, each asked for by name; what was not foreseen is complained about. */
export class Fields {
  readonly at: Position
  private readonly reading: Reading
  private readonly entries: Map<string, Entry>

  constructor(reading: Reading, map: YamlMap) {
    this.reading = reading
    this.at = map.at
    this.entries = entriesOf(reading, map)
  }

  has(name: string): boolean {
    return this.entries.has(name)
  }

  /** The field with its key; undefined where it is missing. */
  entry(name: string): Entry | undefined {
    return this.entries.get(name)
  }

  /** The field's value; undefined where it is missing or says nothing (`image:`). */
  value(name: string): YamlNode | undefined {
    const value = this.entries.get(name)?.value
    return value === undefined || (value.kind === 'scalar' && value.isNull) ? undefined : value
  }

  all(): Iterable<Entry> {
    return this.entries.values()
  }

  /**
   * Warns of every field that is not acted on or not known. `path` goes before its name: `sync.`; `misplaced` are names
   * that belong below `dev.<name>`.
   */
  complainAboutRest(uses: Readonly<Record<string, FieldUse>>, path = '', misplaced: readonly string[] = []): void {
    let unknown = 0
    for (const entry of this.entries.values()) {
      const use = Object.hasOwn(uses, entry.key) ? uses[entry.key] : undefined
      if (use === undefined) {
        unknown += 1
        if (unknown <= unknownMax) this.complainAboutUnknown(entry, Object.keys(uses), misplaced.includes(entry.key))
        else if (!isForAnchors(entry)) {
          this.reading.complaints.error(entry.keyAt, `more than ${unknownMax} unknown fields`)
          return
        }
      } else if (use !== 'read' && !asksForNothing(entry.value)) {
        const verdict = use === 'later' ? 'not acted on yet' : 'has no effect here'
        this.reading.complaints.warn(entry.keyAt, `${verdict}: ${path}${entry.key}`)
      }
    }
  }

  private complainAboutUnknown(entry: Entry, known: string[], isMisplaced: boolean): void {
    const { key, keyAt } = entry
    const meant = isMisplaced ? key : didYouMean(key, known)
    if (meant === undefined && isForAnchors(entry)) return
    const name = /^[\w./-]{1,60}$/.test(key) ? `unknown field \`${key}\`` : 'unknown field'
    const message = isMisplaced ? `\`${key}\` stands outside of any dev` : name
    const suggestion = meant === undefined ? undefined : `did you mean \`${meant}\`?`
    const hint = isMisplaced ? 'indent it, so that it stands below the name of the dev' : suggestion
    if (meant !== undefined && vitalFields.includes(meant) && (isMisplaced || !this.has(meant))) {
      this.reading.complaints.error(keyAt, message, hint)
    } else {
      this.reading.complaints.warn(keyAt, `${message}; it is passed over`, hint)
    }
  }
}

/** A place where people keep what they refer to with aliases. */
function isForAnchors({ key, value }: Entry): boolean {
  return key.startsWith('x-') || value.isAnchored === true
}
