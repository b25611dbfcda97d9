/**
 * How the API server merges and owns the lists and maps of our kinds: the `x-kubernetes-list-type`, `-list-map-keys` and
 * `-map-type` of its OpenAPI. Names that are not here: lists are one value, maps are owned key by key.
 */
const keysOfLists = new Map<string, string[]>([
  ['conditions', ['type']],
  ['containers', ['name']],
  ['env', ['name']],
  ['ephemeralContainers', ['name']],
  ['hostAliases', ['ip']],
  ['imagePullSecrets', ['name']],
  ['initContainers', ['name']],
  ['ownerReferences', ['uid']],
  ['podIPs', ['ip']],
  ['topologySpreadConstraints', ['topologyKey', 'whenUnsatisfiable']],
  ['volumeDevices', ['devicePath']],
  ['volumeMounts', ['mountPath']],
  ['volumes', ['name']],
])

const atomicMaps = new Set([
  'configMapKeyRef',
  'fieldRef',
  'involvedObject',
  'nodeSelector',
  'resourceFieldRef',
  'secretKeyRef',
  'selector',
  'targetRef',
])

/** Go structs that are no pointers: they are there before anything is in them, so nobody owns them themselves. */
const alwaysThere = new Set([
  'metadata',
  'spec',
  'status',
  'spec/resources',
  'spec/strategy',
  'spec/updateStrategy',
  'spec/template',
  'spec/template/metadata',
  'spec/template/spec',
  'spec/template/spec/containers',
  'spec/containers',
])

/** What identifies an item of the list at this path (names from the root; items of lists count as `*`); null: one value. */
export function listKeys(path: readonly string[]): string[] | null {
  const name = path.at(-1) ?? ''
  if (name === 'ports') {
    if (path.at(-2) === '*') return ['containerPort', 'protocol']
    return path.join('/') === 'spec/ports' ? ['port', 'protocol'] : null
  }
  return keysOfLists.get(name) ?? null
}

export function isSet(path: readonly string[]): boolean {
  return path.join('/') === 'metadata/finalizers'
}

export function isAtomicMap(path: readonly string[]): boolean {
  return atomicMaps.has(path.at(-1) ?? '') || path.slice(-2).join('/') === 'ownerReferences/*'
}

export function isAlwaysThere(path: readonly string[]): boolean {
  return alwaysThere.has(path.join('/'))
}

/** `k:{"containerPort":80,"protocol":"TCP"}`, keys in their order; undefined where the item has not all of them. */
export function itemKey(keys: readonly string[], item: unknown): string | undefined {
  if (typeof item !== 'object' || item === null) return undefined
  const record = item as Record<string, unknown>
  const found: Record<string, unknown> = {}
  for (const key of [...keys].sort()) {
    const value = key === 'protocol' ? (record[key] ?? 'TCP') : record[key]
    if (value === undefined) return undefined
    found[key] = value
  }
  return `k:${JSON.stringify(found)}`
}
