import { groupVersionOf, type ResourceType, resourceTypes } from '../store/resource-types.ts'

const types: ResourceType[] = Object.values(resourceTypes)
const objectVerbs = ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch']

/** Kinds that can be asked and are not kept. */
const reviews: Record<string, { name: string; kind: string }[]> = {
  'authorization.k8s.io': [
    { name: 'selfsubjectaccessreviews', kind: 'SelfSubjectAccessReview' },
    { name: 'selfsubjectrulesreviews', kind: 'SelfSubjectRulesReview' },
  ],
}

/** The document at a path that is no resource's, or undefined where there is none. */
export function discoveryAt(path: string): object | undefined {
  const clean = path.replace(/\/$/, '')
  if (clean === '/version') return version
  if (clean === '/api') return { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] }
  if (clean === '/apis') return { kind: 'APIGroupList', apiVersion: 'v1', groups: groups().map(group) }
  if (clean === '/api/v1') return resourceList('', 'v1')
  const [, name, wanted] = /^\/apis\/([^/]+)(?:\/([^/]+))?$/.exec(clean) ?? []
  if (name === undefined || !groups().includes(name)) return undefined
  if (wanted === undefined) return { kind: 'APIGroup', apiVersion: 'v1', ...group(name) }
  return wanted === versionOf(name) ? resourceList(name, wanted) : undefined
}

/** The minor version is the one whose answers were compared with. */
const version = {
  major: '1',
  minor: '34',
  gitVersion: 'v1.34.4+podswap.sandbox',
  gitCommit: '',
  gitTreeState: 'clean',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: 'none',
  compiler: 'none',
  platform: 'podswap/sandbox',
}

function groups(): string[] {
  const served = types.map(({ group }) => group).filter(name => name !== '')
  return [...new Set([...served, 'authorization.k8s.io'])]
}

/** Each group is served in one version. */
function versionOf(group: string): string {
  return types.find(type => type.group === group)?.version ?? 'v1'
}

function group(name: string): object {
  const served = versionOf(name)
  const preferredVersion = { groupVersion: `${name}/${served}`, version: served }
  return { name, versions: [preferredVersion], preferredVersion }
}

function resourceList(name: string, wanted: string): object {
  const own = types.filter(type => type.group === name && type.version === wanted)
  const resources = [
    ...own.flatMap(type => [entry(type), ...type.subresources.map(each => subresource(type, each))]),
    ...(reviews[name] ?? []).map(review => ({ ...review, singularName: '', namespaced: false, verbs: ['create'] })),
  ]
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: groupVersionOf({ group: name, version: wanted }),
    resources,
  }
}

function entry({ plural, singular, namespaced, kind, shortNames }: ResourceType): object {
  const names = shortNames.length > 0 ? { shortNames } : {}
  return { name: plural, singularName: singular, namespaced, kind, verbs: objectVerbs, ...names }
}

function subresource({ plural, kind, namespaced }: ResourceType, name: string): object {
  const base = { name: `${plural}/${name}`, singularName: '', namespaced }
  if (name === 'scale') {
    return { ...base, group: 'autoscaling', version: 'v1', kind: 'Scale', verbs: ['get', 'patch', 'update'] }
  }
  const connects: Record<string, string> = { exec: 'PodExecOptions', portforward: 'PodPortForwardOptions' }
  return { ...base, kind: connects[name] ?? kind, verbs: connects[name] ? ['create', 'get'] : ['get'] }
}
