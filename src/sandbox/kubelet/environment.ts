import type { ApiObject } from '../store/api-object.ts'
import type { ObjectStore } from '../store/object-store.ts'
import { resourceTypes } from '../store/resource-types.ts'

/** What a container asks for is not there (yet); in the real kubelet's words. */
export class ConfigError extends Error {}

/** The pod as its containers see it. */
export interface PodScene {
  pod: ApiObject
  ip: string
  hostIp: string
}

interface Reference {
  name: string
  key: string
  optional?: boolean
}

interface Variable {
  name: string
  value?: string
  valueFrom?: {
    fieldRef?: { fieldPath: string }
    configMapKeyRef?: Reference
    secretKeyRef?: Reference
  }
}

/** All variables of a container: Service addresses, `envFrom`, `env` with its `$(NAME)` replaced. Throws {@link ConfigError}. */
export function environmentOf(
  store: ObjectStore,
  scene: PodScene,
  container: ApiObject['spec'],
): Record<string, string> {
  const { pod } = scene
  const { namespace = '', name = '' } = pod.metadata
  const env: Record<string, string> = { HOSTNAME: pod.spec.hostname ?? name }
  if (pod.spec.enableServiceLinks) Object.assign(env, serviceVariables(store, namespace))
  for (const { prefix = '', configMapRef, secretRef } of container.envFrom ?? []) {
    const type = configMapRef ? resourceTypes.ConfigMap : resourceTypes.Secret
    const { name: source, optional = false } = configMapRef ?? secretRef
    const data = dataOf(store, type, namespace, source)
    if (!data && !optional) throw new ConfigError(`${type.singular} ${JSON.stringify(source)} not found`)
    for (const [key, value] of Object.entries(data ?? {})) env[prefix + key] = value.toString('utf8')
  }
  for (const variable of (container.env ?? []) as Variable[]) {
    const value = variable.valueFrom ? referred(store, scene, variable.valueFrom) : expanded(variable.value ?? '', env)
    if (value !== undefined) env[variable.name] = value
  }
  return env
}

/** `$(NAME)` by its value where it has one; `$$(NAME)` stands for `$(NAME)`. */
export function expanded(text: string, env: Record<string, string>): string {
  return text.replace(/\$\$|\$\(([^()]+)\)/g, (whole, name?: string) => {
    if (name === undefined) return '$'
    return Object.hasOwn(env, name) ? env[name]! : whole
  })
}

function referred(store: ObjectStore, scene: PodScene, from: NonNullable<Variable['valueFrom']>): string | undefined {
  if (from.fieldRef) return fieldOf(scene, from.fieldRef.fieldPath)
  const type = from.configMapKeyRef ? resourceTypes.ConfigMap : resourceTypes.Secret
  const { name, key, optional = false } = (from.configMapKeyRef ?? from.secretKeyRef) as Reference
  const namespace = scene.pod.metadata.namespace ?? ''
  const data = dataOf(store, type, namespace, name)
  if (data && Object.hasOwn(data, key)) return data[key]!.toString('utf8')
  if (optional) return undefined
  if (!data) throw new ConfigError(`${type.singular} ${JSON.stringify(name)} not found`)
  throw new ConfigError(`couldn't find key ${key} in ${type.kind} ${namespace}/${name}`)
}

/** Content of a config map or secret; undefined where it is not there. */
export function dataOf(
  store: ObjectStore,
  type: (typeof resourceTypes)['ConfigMap' | 'Secret'],
  namespace: string,
  name: string,
): Record<string, Buffer> | undefined {
  const object = store.get(type, { namespace, name })
  if (!object) return undefined
  const text = Object.entries((object.data ?? {}) as Record<string, string>)
  const binary = Object.entries((object.binaryData ?? {}) as Record<string, string>)
  const encoding = type.kind === 'Secret' ? 'base64' : 'utf8'
  return Object.fromEntries([
    ...text.map(([key, value]) => [key, Buffer.from(value, encoding)] as const),
    ...binary.map(([key, value]) => [key, Buffer.from(value, 'base64')] as const),
  ])
}

/** Fields of the pod that a container can be told (downward API). Throws {@link ConfigError} for others. */
export function fieldOf({ pod, ip, hostIp }: PodScene, path: string): string {
  const { metadata, spec } = pod
  const [, map, key] = /^metadata\.(labels|annotations)\['(.*)'\]$/.exec(path) ?? []
  if (map !== undefined && key !== undefined) return metadata[map as 'labels' | 'annotations']?.[key] ?? ''
  const fields: Record<string, string> = {
    'metadata.name': metadata.name ?? '',
    'metadata.namespace': metadata.namespace ?? '',
    'metadata.uid': metadata.uid ?? '',
    'metadata.labels': lines(metadata.labels),
    'metadata.annotations': lines(metadata.annotations),
    'spec.nodeName': spec.nodeName ?? '',
    'spec.serviceAccountName': spec.serviceAccountName ?? '',
    'status.hostIP': hostIp,
    'status.hostIPs': hostIp,
    'status.podIP': ip,
    'status.podIPs': ip,
  }
  if (!Object.hasOwn(fields, path)) throw new ConfigError(`unsupported fieldPath: ${path}`)
  return fields[path]!
}

function lines(map: Record<string, string> = {}): string {
  return Object.entries(map)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}\n`)
    .join('')
}

/** As Docker's links had them, for Services that are there when the container starts. */
function serviceVariables(store: ObjectStore, namespace: string): Record<string, string> {
  const env: Record<string, string> = {}
  for (const { metadata, spec } of store.list(resourceTypes.Service, namespace)) {
    if (!spec.clusterIP || spec.clusterIP === 'None' || !spec.ports?.length) continue
    const prefix = (metadata.name ?? '').toUpperCase().replaceAll('-', '_')
    const address = spec.clusterIP
    const first = spec.ports[0].port
    env[`${prefix}_SERVICE_HOST`] = address
    env[`${prefix}_SERVICE_PORT`] = String(first)
    env[`${prefix}_PORT`] = `tcp://${address}:${first}`
    for (const { name, port } of spec.ports as { name?: string; port: number }[]) {
      if (name) env[`${prefix}_SERVICE_PORT_${name.toUpperCase().replaceAll('-', '_')}`] = String(port)
      const base = `${prefix}_PORT_${port}_TCP`
      Object.assign(env, { [base]: `tcp://${address}:${port}`, [`${base}_PROTO`]: 'tcp' })
      Object.assign(env, { [`${base}_PORT`]: String(port), [`${base}_ADDR`]: address })
    }
  }
  return env
}
