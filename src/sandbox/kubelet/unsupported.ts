// biome-ignore-all lint/suspicious/noExplicitAny: looks for what is not known, in what a person wrote

const volumeTypes = ['configMap', 'downwardAPI', 'emptyDir', 'persistentVolumeClaim', 'projected', 'secret']
const projectedTypes = ['configMap', 'downwardAPI', 'secret']
const fieldNames = ['activeDeadlineSeconds', 'hostAliases', 'readinessGates']

/** What of a pod's spec this kubelet does not do, each with its path. */
export function unsupportedByKubelet(spec: any): string[] {
  const found = fieldNames.filter(name => spec[name] !== undefined).map(name => name)
  if (!['ClusterFirst', 'ClusterFirstWithHostNet'].includes(spec.dnsPolicy)) found.push(`dnsPolicy ${spec.dnsPolicy}`)
  for (const volume of spec.volumes ?? []) {
    const types = Object.keys(volume).filter(name => name !== 'name')
    found.push(...types.filter(type => !volumeTypes.includes(type)).map(type => `volumes[${volume.name}].${type}`))
    for (const source of volume.projected?.sources ?? []) {
      const other = Object.keys(source).filter(type => !projectedTypes.includes(type))
      found.push(...other.map(type => `volumes[${volume.name}].projected.${type}`))
    }
  }
  for (const container of [...(spec.initContainers ?? []), ...(spec.containers ?? [])]) {
    found.push(...inContainer(container).map(path => `containers[${container.name}].${path}`))
  }
  return found
}

function inContainer(container: any): string[] {
  const found: string[] = []
  if (container.lifecycle?.postStart) found.push('lifecycle.postStart')
  const { preStop } = container.lifecycle ?? {}
  if (preStop && !preStop.exec) found.push(`lifecycle.preStop.${Object.keys(preStop)[0]}`)
  for (const name of ['livenessProbe', 'readinessProbe', 'startupProbe']) {
    if (container[name]?.grpc) found.push(`${name}.grpc`)
  }
  for (const mount of container.volumeMounts ?? []) {
    if (mount.subPathExpr) found.push('volumeMounts.subPathExpr')
  }
  if ((container.env ?? []).some((variable: any) => variable.valueFrom?.resourceFieldRef)) {
    found.push('env.valueFrom.resourceFieldRef')
  }
  return found
}
