import type { Position } from '../../syncer/base/errors.ts'
import { Complaints } from './complaints.ts'
import { ManifestError } from './manifest-error.ts'
import type { ManifestFiles } from './manifest-files.ts'
import { Lines } from './source-text.ts'
import { expandVariables, type Lookup } from './variables.ts'
import type { Entry, YamlPair, YamlScalar } from './yaml-node.ts'

/** What a manifest is read against: the place it lies in and the person's own environment. */
export interface Surroundings {
  /** Absolute path of the manifest. */
  file: string
  /** Folder that `sync` is relative to: the manifest's own. */
  ownFolder: string
  /** Folder that `envFiles` are relative to: the manifest's own, or the parent of `.okteto/`. */
  baseFolder: string
  home: string
  lookup: Lookup
  files: ManifestFiles
  /** A local folder that is not there is no fault: it was moved away, and what it was synced with is still wanted. */
  foldersMayBeGone?: boolean
}

const oktetosOwn = 'Okteto’s command line sets it: set it yourself, or in .env'

/** A few times what any file without aliases can hold; a file whose aliases multiply stops here. */
const stepsMax = 500_000

/** One pass over one manifest: where complaints go, and what bounds the pass. */
export class Reading {
  #around: Surroundings
  readonly complaints = new Complaints()
  /** Effective entries of maps that were read already, by their pairs: an alias shares them. */
  readonly entriesCache = new WeakMap<YamlPair[], Map<string, Entry>>()
  private readonly text: string
  private readonly lines: Lines
  private steps = 0

  constructor(text: string, around: Surroundings) {
    this.text = text
    this.lines = new Lines(text, around.file)
    this.#around = around
  }

  get around(): Surroundings {
    return this.#around
  }

  /** Variables of the file itself: they stand for what is set nowhere else. */
  define(variables: Map<string, string>): void {
    const { lookup } = this.#around
    this.#around = { ...this.#around, lookup: name => lookup(name) ?? variables.get(name) }
  }

  /** Counts work that aliases could multiply. Throws {@link ManifestError} where it is out of all proportion. */
  spend(steps: number, at: Position): void {
    this.steps += steps
    if (this.steps <= stepsMax) return
    throw new ManifestError([{ at, message: 'the aliases of this file multiply to more than a manifest can hold' }])
  }

  /**
   * The scalar's text, from index `from` on, with its variables filled in. A variable that is not set gives a warning
   * and empty text, with `hint`; what is no reference gives an error and undefined.
   */
  expand(node: YamlScalar, from = 0, hint?: string): string | undefined {
    const expansion = this.expandText(node, node.text.slice(from), from)
    if (expansion === undefined) return undefined
    for (const { name, at } of expansion.unset) {
      const more = hint ?? (name.startsWith('OKTETO_') ? oktetosOwn : undefined)
      this.complaints.warn(at, `the variable ${name} is not set; it stands for nothing here`, more)
    }
    return expansion.value
  }

  /**
   * Fills in `text`, which begins at index `from` of the scalar's text, for a field that decides what is touched: a
   * variable that is not set is an error there, for `${DIR}/src` would become `/src`.
   */
  expandVital(node: YamlScalar, text: string, from: number, name: string): string | undefined {
    const expansion = this.expandText(node, text, from)
    for (const variable of expansion?.unset ?? []) {
      const message = `the variable ${variable.name} is not set, and \`${name}\` depends on it`
      this.complaints.error(variable.at, message, `set it, or give it a default: \${${variable.name}:-default}`)
    }
    return expansion?.unset.length === 0 ? expansion.value : undefined
  }

  /** Fills in `text`, which begins at index `from` of the scalar's; the caller judges the unset variables. */
  private expandText(
    node: YamlScalar,
    text: string,
    from: number,
  ): { value: string; unset: { name: string; at: Position }[] } | undefined {
    const { value, unset, problem } = expandVariables(text, this.around.lookup)
    this.spend(value.length >> 6, node.at)
    if (problem !== undefined) {
      const hint = 'write $$ where a plain $ is meant'
      this.complaints.error(this.positionIn(node, from + problem.index), problem.message, hint)
      return undefined
    }
    return { value, unset: unset.map(({ name, index }) => ({ name, at: this.positionIn(node, from + index) })) }
  }

  /** Place of the `$` at `index` of the scalar's text: the same one, counted, in the source. */
  private positionIn(node: YamlScalar, index: number): Position {
    const nth = node.text.slice(0, index).split('$').length
    let offset = node.range.start - 1
    for (let i = 0; i < nth; i++) {
      offset = this.text.indexOf('$', offset + 1)
      // An escape such as \x24 made the sign.
      if (offset < 0 || offset >= node.range.end) return node.at
    }
    return this.lines.at(offset)
  }
}
