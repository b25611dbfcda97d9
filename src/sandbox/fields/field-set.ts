/** Paths of owned fields, each joined by NUL: `f:spec\0f:replicas`. */
export type FieldSet = ReadonlySet<string>

interface FieldTree {
  [element: string]: FieldTree
}

const separator = '\0'

export function joined(elements: readonly string[]): string {
  return elements.join(separator)
}

export function split(path: string): string[] {
  return path.split(separator)
}

/** The `fieldsV1` form: a node's own membership is a leaf, or `.` beside what is below it. */
export function toFieldsV1(set: FieldSet): FieldTree {
  const root: FieldTree = {}
  for (const path of [...set].sort()) {
    let at = root
    for (const element of split(path)) {
      at[element] ??= {}
      at = at[element]
    }
  }
  for (const path of set) {
    let at = root
    for (const element of split(path)) at = at[element] as FieldTree
    if (Object.keys(at).length > 0) at['.'] = {}
  }
  return sorted(root)
}

function sorted(tree: FieldTree): FieldTree {
  const entries = Object.entries(tree).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([element, below]) => [element, sorted(below)]))
}

/** Anything that is not such a tree counts as empty. */
export function fromFieldsV1(tree: unknown): FieldSet {
  const found = new Set<string>()
  const walk = (at: unknown, path: string[]) => {
    if (typeof at !== 'object' || at === null) return
    const names = Object.keys(at)
    if (path.length > 0 && (names.length === 0 || names.includes('.'))) found.add(joined(path))
    for (const name of names) {
      if (name !== '.') walk((at as FieldTree)[name], [...path, name])
    }
  }
  walk(tree, [])
  return found
}

export function union(...sets: FieldSet[]): Set<string> {
  return new Set(sets.flatMap(set => [...set]))
}

export function difference(set: FieldSet, ...others: FieldSet[]): Set<string> {
  return new Set([...set].filter(path => !others.some(other => other.has(path))))
}

export function intersection(a: FieldSet, b: FieldSet): Set<string> {
  return new Set([...a].filter(path => b.has(path)))
}

/** `.spec.replicas`, `.spec.template.spec.containers[name="app"].image`, as a conflict names a field. */
export function readable(path: string): string {
  const parts = split(path).map(element => {
    if (element.startsWith('f:')) return `.${element.slice(2)}`
    if (!element.startsWith('k:')) return `[${element.slice(2)}]`
    const keys = Object.entries(JSON.parse(element.slice(2)) as Record<string, unknown>)
    return `[${keys.map(([key, value]) => `${key}=${JSON.stringify(value)}`).join(',')}]`
  })
  return parts.join('')
}
