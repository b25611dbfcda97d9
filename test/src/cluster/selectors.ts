import type { KubeObject } from '../../../src/cluster/cluster.ts'

/** Label and field selectors as the API's query has them, for objects in memory. */
export function matches(object: KubeObject, selectors: { labelSelector?: string; fieldSelector?: string }): boolean {
  const labels = object.metadata.labels ?? {}
  return (
    split(selectors.labelSelector).every(term => matchesLabel(labels, term)) &&
    split(selectors.fieldSelector).every(term => {
      const [path = '', wanted] = term.split('=')
      return (
        path.split('.').reduce((at, key) => (at as Record<string, never> | undefined)?.[key], object as unknown) ===
        wanted
      )
    })
  )
}

/** At commas that are not inside brackets. */
function split(selector = ''): string[] {
  return selector.split(/,(?![^(]*\))/).filter(term => term !== '')
}

function matchesLabel(labels: Record<string, string>, term: string): boolean {
  const set = /^(\S+) (in|notin) \((.*)\)$/.exec(term)
  if (set) {
    const [, key = '', operator, values = ''] = set
    const value = labels[key]
    const isIn = value !== undefined && values.split(',').includes(value)
    return operator === 'in' ? isIn : !isIn
  }
  if (term.startsWith('!')) return !(term.slice(1) in labels)
  const [key = '', wanted] = term.split('=')
  return wanted === undefined ? key in labels : labels[key] === wanted
}
