// biome-ignore-all lint/suspicious/noExplicitAny: pod specs come from people; what is not looked at here passes through

/** What the API server fills into a pod spec, in a template as in a pod. */
export function defaultedPodSpec(spec: any): any {
  return {
    ...spec,
    ...(spec.volumes && { volumes: spec.volumes.map(defaultedVolume) }),
    ...(spec.initContainers && { initContainers: spec.initContainers.map(defaultedContainer) }),
    ...(spec.containers && { containers: spec.containers.map(defaultedContainer) }),
    restartPolicy: spec.restartPolicy ?? 'Always',
    terminationGracePeriodSeconds: spec.terminationGracePeriodSeconds ?? 30,
    dnsPolicy: spec.dnsPolicy ?? 'ClusterFirst',
    securityContext: spec.securityContext ?? {},
    schedulerName: spec.schedulerName ?? 'default-scheduler',
  }
}

/** What admission adds where a pod is made. */
export function admittedPodSpec(spec: any): any {
  return {
    ...spec,
    ...(spec.initContainers && { initContainers: spec.initContainers.map(withRequests) }),
    containers: spec.containers?.map(withRequests) ?? [],
    serviceAccountName: spec.serviceAccountName ?? 'default',
    serviceAccount: spec.serviceAccountName ?? 'default',
    tolerations: spec.tolerations ?? [outOf('not-ready'), outOf('unreachable')],
    priority: 0,
    preemptionPolicy: 'PreemptLowerPriority',
  }
}

function outOf(state: string): object {
  return { key: `node.kubernetes.io/${state}`, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 }
}

function defaultedContainer(container: any): any {
  const probes = ['livenessProbe', 'readinessProbe', 'startupProbe'].filter(name => container[name])
  return {
    ...container,
    ...(container.ports && {
      ports: container.ports.map((port: any) => ({ ...port, protocol: port.protocol ?? 'TCP' })),
    }),
    ...(container.env && { env: container.env.map(defaultedVariable) }),
    resources: container.resources ?? {},
    ...Object.fromEntries(probes.map(name => [name, defaultedProbe(container[name])])),
    terminationMessagePath: container.terminationMessagePath ?? '/dev/termination-log',
    terminationMessagePolicy: container.terminationMessagePolicy ?? 'File',
    imagePullPolicy: container.imagePullPolicy ?? (isLatest(container.image ?? '') ? 'Always' : 'IfNotPresent'),
  }
}

/** No tag and no digest means `latest`. A colon before a slash is a registry's port. */
function isLatest(image: string): boolean {
  if (image.includes('@')) return false
  const tag = /:([^/:]+)$/.exec(image)?.[1]
  return tag === undefined || tag === 'latest'
}

function defaultedVariable(variable: any): any {
  const field = variable.valueFrom?.fieldRef
  if (!field || field.apiVersion) return variable
  return { ...variable, valueFrom: { ...variable.valueFrom, fieldRef: { apiVersion: 'v1', ...field } } }
}

function defaultedProbe(probe: any): any {
  return {
    ...probe,
    ...(probe.httpGet && { httpGet: { path: '/', scheme: 'HTTP', ...probe.httpGet } }),
    timeoutSeconds: probe.timeoutSeconds ?? 1,
    periodSeconds: probe.periodSeconds ?? 10,
    successThreshold: probe.successThreshold ?? 1,
    failureThreshold: probe.failureThreshold ?? 3,
  }
}

function defaultedVolume(volume: any): any {
  const moded = ['configMap', 'secret', 'downwardAPI', 'projected'].find(name => volume[name])
  if (moded) return { ...volume, [moded]: { ...volume[moded], defaultMode: volume[moded].defaultMode ?? 0o644 } }
  return Object.keys(volume).length > 1 ? volume : { ...volume, emptyDir: {} }
}

/** A limit without a request is the request too. */
function withRequests(container: any): any {
  const { limits, requests } = container.resources
  if (!limits) return container
  return { ...container, resources: { ...container.resources, requests: { ...limits, ...requests } } }
}

/** `Guaranteed`, `Burstable` or `BestEffort`, after cpu and memory. */
export function qosClassOf(spec: any): string {
  const containers: any[] = [...(spec.containers ?? []), ...(spec.initContainers ?? [])]
  const names = ['cpu', 'memory']
  const asks = (container: any) =>
    names.some(name => container.resources?.limits?.[name] ?? container.resources?.requests?.[name])
  if (!containers.some(asks)) return 'BestEffort'
  const isExact = ({ resources: { limits = {}, requests = {} } = {} as any }: any) =>
    names.every(name => limits[name] !== undefined && String(limits[name]) === String(requests[name] ?? limits[name]))
  return containers.every(isExact) ? 'Guaranteed' : 'Burstable'
}
