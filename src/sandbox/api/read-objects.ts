import { ApiError, badRequest, invalid, notServed } from '../store/api-error.ts'
import type { ApiObject } from '../store/api-object.ts'
import { groupVersionOf, type ResourceType } from '../store/resource-types.ts'
import { fieldMatcher, labelMatcher, type Matcher } from '../store/selectors.ts'
import { type Answer, type Call, keyOfCall } from './call.ts'

export function getObject(call: Call): Answer {
  return { code: 200, body: call.registry.get(call.type, keyOfCall(call)) }
}

/**
 * Always the whole list: `limit` is a wish, and a server "may choose not to support" it (ListOptions). So there is no
 * token to continue with either.
 */
export function listObjects(call: Call): Answer {
  const { type, registry, path, query } = call
  const matches = matcherOf(type, query)
  checkVersion(query, registry.store.version)
  refuseParameters(query, ['resourceVersionMatch'])
  if (query.get('continue')) throw badRequest('invalid continue token: no list of this server goes on')
  const limit = query.get('limit')
  if (limit && !/^\d+$/.test(limit))
    throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(limit)}: invalid syntax`)
  const items = registry.store
    .list(type, type.namespaced ? path.namespace : '')
    .filter(matches)
    .map(withoutKind)
  const identity = { kind: `${type.kind}List`, apiVersion: groupVersionOf(type) }
  return { code: 200, body: { ...identity, metadata: { resourceVersion: String(registry.store.version) }, items } }
}

/** Both selectors of a list or a watch. */
export function matcherOf(type: ResourceType, query: URLSearchParams): Matcher {
  const labels = labelMatcher(query.get('labelSelector') ?? '')
  const fields = fieldMatcher(type, query.get('fieldSelector') ?? '')
  return object => labels(object) && fields(object)
}

export function refuseParameters(query: URLSearchParams, names: string[]): void {
  const found = names.find(name => query.get(name))
  if (found) throw notServed(`the parameter ${found}`)
}

/** undefined where none was asked for. */
export function readVersion(query: URLSearchParams): number | undefined {
  const text = query.get('resourceVersion')
  if (!text) return undefined
  if (!/^\d+$/.test(text)) {
    const why = `resourceVersion: Invalid value: ${JSON.stringify(text)}: strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`
    throw badRequest(`invalid resource version: ${why}`)
  }
  return Number(text)
}

function checkVersion(query: URLSearchParams, current: number): void {
  const version = readVersion(query) ?? 0
  if (version <= current) return
  const causes = [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }]
  const message = `Timeout: Too large resource version: ${version}, current: ${current}`
  throw new ApiError(504, 'Timeout', message, { causes, retryAfterSeconds: 1 })
}

/** A list's items come without their kind. */
function withoutKind({ kind: _kind, apiVersion: _version, ...rest }: ApiObject): object {
  return rest
}

/** `All`, or nothing. Throws 422 for another value. */
export function readDryRun(query: URLSearchParams, options: string, fromBody: unknown = undefined): boolean {
  const values = Array.isArray(fromBody) ? fromBody : query.getAll('dryRun')
  if (values.length === 0) return false
  if (values.length === 1 && values[0] === 'All') return true
  const message = `Unsupported value: ${JSON.stringify(values)}: supported values: "All"`
  throw invalid({ kind: options, group: 'meta.k8s.io' }, '', [
    { reason: 'FieldValueNotSupported', message, field: 'dryRun' },
  ])
}
