import type { KubeObject } from '../../cluster/cluster.ts'

/** A part of a pod's spec, as it came. */
// biome-ignore lint/suspicious/noExplicitAny: an object of the API, of which only what is refused is read
type Part = any

type Rule = { path: string; isAsked: (part: Part) => boolean; why: string }

const noIsolation = 'a pod here is processes of this machine, without isolation'

const podRules: Rule[] = [
  ...['hostNetwork', 'hostPID', 'hostIPC', 'shareProcessNamespace'].map(path => rule(path, isTrue, noIsolation)),
  rule('hostUsers', part => part === false, noIsolation),
  rule('runtimeClassName', isSet, noIsolation),
  rule('securityContext.sysctls', isFilled, 'the kernel is the machine’s own'),
  rule('securityContext.windowsOptions', isSet, 'pods here are not Windows’'),
  rule('os.name', part => part === 'windows', 'pods here are not Windows’'),
  rule('dnsConfig', isSet, 'names are resolved by the cluster, then by the machine'),
  rule('setHostnameAsFQDN', isTrue, 'a pod’s hostname is its short name'),
  rule('ephemeralContainers', isFilled, 'they are not built here'),
  rule('resourceClaims', isFilled, 'there are no devices to claim'),
]

const containerRules: Rule[] = [
  rule('securityContext.privileged', isTrue, noIsolation),
  rule('securityContext.capabilities.add', isFilled, 'no process gets more than the person has'),
  rule('securityContext.procMount', part => isSet(part) && part !== 'Default', noIsolation),
  rule('securityContext.windowsOptions', isSet, 'pods here are not Windows’'),
  rule('tty', isTrue, 'a container’s first process has no terminal here'),
  rule('stdin', isTrue, 'a container’s first process has no stdin here'),
  rule('volumeDevices', isFilled, 'there are no block devices'),
]

/** What volumes can be; the rest is somebody else's storage, or the machine's. */
const volumeTypes = ['emptyDir', 'persistentVolumeClaim', 'configMap', 'secret', 'downwardAPI', 'projected', 'name']
const computeResources = /^(cpu|memory|ephemeral-storage)$/

/**
 * What of a pod's spec cannot be had here: what asks for isolation that is not there, or for more rights, or for what
 * is the machine's. Paths with a reason.
 */
export function unsupported(spec: KubeObject['spec']): string[] {
  return [
    ...check(podRules, spec, ''),
    ...list(spec?.volumes).flatMap((volume, index) => checkVolume(volume, `volumes[${index}]`)),
    ...containersOf(spec).flatMap(({ path, container }) => [
      ...check(containerRules, container, `${path}.`),
      ...checkContainer(container, path),
    ]),
  ]
}

/** What is accepted and means nothing here, as names of fields, each once: worth a warning. */
export function unenforced(spec: KubeObject['spec']): string[] {
  const fields = ['runAsUser', 'runAsGroup', 'runAsNonRoot', 'fsGroup', 'readOnlyRootFilesystem', 'seccompProfile']
  const security = (part: Part) => [
    ...fields.filter(field => isSet(part?.[field])).map(field => `securityContext.${field}`),
    ...(isFilled(part?.capabilities?.drop) ? ['securityContext.capabilities.drop'] : []),
  ]
  const found = [
    ...security(spec?.securityContext),
    ...containersOf(spec).flatMap(({ container }) => [
      ...security(container.securityContext),
      ...(isFilled(Object.keys(container.resources?.limits ?? {})) ? ['resources.limits'] : []),
      ...(list(container.volumeMounts).some(mount => isTrue(mount.readOnly)) ? ['volumeMounts.readOnly'] : []),
    ]),
  ]
  return [...new Set(found)]
}

function checkVolume(volume: Part, path: string): string[] {
  return Object.keys(volume)
    .filter(type => !volumeTypes.includes(type) && isSet(volume[type]))
    .map(type => `${path}.${type}: volumes here are emptyDir, claims, config maps, secrets and the downward API`)
}

function checkContainer(container: Part, path: string): string[] {
  const asked = Object.keys({ ...container.resources?.limits, ...container.resources?.requests })
  return [
    ...list(container.ports).flatMap((port, index) =>
      port.hostPort ? [`${path}.ports[${index}].hostPort: pods here do not take the machine’s ports`] : [],
    ),
    ...list(container.volumeMounts).flatMap((mount, index) =>
      isSet(mount.mountPropagation) && mount.mountPropagation !== 'None'
        ? [`${path}.volumeMounts[${index}].mountPropagation: nothing is really mounted here`]
        : [],
    ),
    ...asked.filter(name => !computeResources.test(name)).map(name => `${path}.resources: there is no ${name} here`),
  ]
}

function containersOf(spec: Part): { path: string; container: Part }[] {
  return ['initContainers', 'containers'].flatMap(field =>
    list(spec?.[field]).map((container, index) => ({ path: `${field}[${index}]`, container })),
  )
}

function check(rules: Rule[], part: Part, prefix: string): string[] {
  return rules
    .filter(({ path, isAsked }) => isAsked(path.split('.').reduce((at: Part, name) => at?.[name], part)))
    .map(({ path, why }) => `${prefix}${path}: ${why}`)
}

function rule(path: string, isAsked: Rule['isAsked'], why: string): Rule {
  return { path, isAsked, why }
}

function list(part: Part): Part[] {
  return Array.isArray(part) ? part : []
}

function isSet(part: Part): boolean {
  return part !== undefined && part !== null
}

function isTrue(part: Part): boolean {
  return part === true
}

function isFilled(part: Part): boolean {
  return Array.isArray(part) && part.length > 0
}
