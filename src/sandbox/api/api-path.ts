/** What a path of the API is about; see "API concepts" of the Kubernetes documentation. */
export interface ResourcePath {
  group: string
  version: string
  /** Empty for cluster-wide resources and lists over all namespaces. */
  namespace: string
  plural: string
  /** Empty: the collection. */
  name: string
  subresource: string
}

/** undefined: no resource's path (`/version`, `/apis/apps`). */
export function readResourcePath(path: string): ResourcePath | undefined {
  const parts = path
    .split('/')
    .filter(part => part !== '')
    .map(decodeURIComponent)
  const isCore = parts[0] === 'api'
  if (!isCore && parts[0] !== 'apis') return undefined
  const [group = '', version = '', ...rest] = isCore ? ['', ...parts.slice(1)] : parts.slice(1)
  if (rest.length === 0) return undefined
  if (rest[0] !== 'namespaces') return resource(group, version, '', rest)
  // a namespace is both a resource and the place of others
  if (rest.length <= 2 || (rest.length === 3 && ['status', 'finalize'].includes(rest[2]!))) {
    return { ...resource(group, version, '', rest), namespace: rest[1] ?? '' }
  }
  return resource(group, version, rest[1]!, rest.slice(2))
}

function resource(group: string, version: string, namespace: string, parts: string[]): ResourcePath {
  const [plural = '', name = '', ...subresource] = parts
  return { group, version, namespace, plural, name, subresource: subresource.join('/') }
}
