import { badRequest } from './api-error.ts'
import type { ApiObject } from './api-object.ts'
import type { ResourceType } from './resource-types.ts'

export type Matcher = (object: ApiObject) => boolean

/** `key`, `!key`, `=`, `==`, `!=`, `in`, `notin`, joined by commas. Throws 400 for anything else. */
export function labelMatcher(selector: string): Matcher {
  const terms = split(selector).map(readLabelTerm)
  return ({ metadata }) => terms.every(term => term(metadata.labels ?? {}))
}

type LabelTerm = (labels: Record<string, string>) => boolean

const key = `[A-Za-z0-9](?:[-A-Za-z0-9_./]*[A-Za-z0-9])?`
const value = `(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?)?`
const setTerm = new RegExp(String.raw`^(${key})\s+(in|notin)\s*\(([^()]*)\)$`)
const equalTerm = new RegExp(String.raw`^(${key})\s*(==|=|!=)\s*(${value})$`)
const existsTerm = new RegExp(String.raw`^(!?)\s*(${key})$`)

function readLabelTerm(text: string): LabelTerm {
  const set = setTerm.exec(text)
  if (set) {
    const values = new Set((set[3] ?? '').split(',').map(item => item.trim()))
    return labels => (Object.hasOwn(labels, set[1]!) && values.has(labels[set[1]!]!)) === (set[2] === 'in')
  }
  const equal = equalTerm.exec(text)
  if (equal) return labels => (labels[equal[1]!] === equal[3]) === (equal[2] !== '!=')
  const exists = existsTerm.exec(text)
  if (exists) return labels => Object.hasOwn(labels, exists[2]!) === (exists[1] === '')
  throw badRequest(`unable to parse requirement: ${JSON.stringify(text)} is no requirement`)
}

/** At commas that are not inside brackets. */
function split(selector: string): string[] {
  if (selector.trim() === '') return []
  return selector.split(/,(?![^(]*\))/).map(term => term.trim())
}

/** A LabelSelector of a spec: `matchLabels` and `matchExpressions`. An empty one matches everything. */
export function specMatcher(selector: {
  matchLabels?: Record<string, string>
  matchExpressions?: { key: string; operator: string; values?: string[] }[]
}): Matcher {
  const { matchLabels = {}, matchExpressions = [] } = selector
  return ({ metadata: { labels = {} } }) =>
    Object.entries(matchLabels).every(([name, wanted]) => labels[name] === wanted) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      const has = Object.hasOwn(labels, key)
      if (operator === 'In') return has && values.includes(labels[key]!)
      if (operator === 'NotIn') return !has || !values.includes(labels[key]!)
      return operator === 'Exists' ? has : !has
    })
}

const common = ['metadata.name', 'metadata.namespace']
const fieldsOf: Record<string, string[]> = {
  Pod: [
    'spec.nodeName',
    'spec.restartPolicy',
    'spec.schedulerName',
    'spec.serviceAccountName',
    'status.phase',
    'status.podIP',
  ],
  Event: [
    ...['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'].map(
      field => `involvedObject.${field}`,
    ),
    'reason',
    'reportingComponent',
    'source',
    'type',
  ],
  ReplicaSet: ['status.replicas'],
  Namespace: ['status.phase'],
  Secret: ['type'],
  Service: ['spec.clusterIP', 'spec.type'],
}

/** `path=value`, `path==value`, `path!=value`. Throws 400 for a field that the kind cannot be selected by. */
export function fieldMatcher(type: ResourceType, selector: string): Matcher {
  const terms = split(selector).map(text => {
    const term = /^([^=!]+)(==|=|!=)(.*)$/.exec(text)
    if (!term) throw badRequest(`invalid selector: '${selector}'; can't understand '${text}'`)
    const [, path = '', operator, wanted = ''] = term
    refuseUnknown(type, path)
    return { path: path.split('.'), isEqual: operator !== '!=', wanted }
  })
  return object =>
    terms.every(({ path, isEqual, wanted }) => (String(valueAt(object, path) ?? '') === wanted) === isEqual)
}

function refuseUnknown(type: ResourceType, path: string): void {
  const special = fieldsOf[type.kind]
  if (common.includes(path) || special?.includes(path)) return
  throw badRequest(
    special
      ? `field label not supported: ${path}`
      : `"${path}" is not a known field selector: only ${common.map(name => `"${name}"`).join(', ')}`,
  )
}

function valueAt(object: unknown, path: string[]): unknown {
  return path.reduce((at, name) => (at as Record<string, unknown> | undefined)?.[name], object)
}
