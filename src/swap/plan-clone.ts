import { agentParts, type KubeSecurityContext } from '../agent/pod-parts.ts'
import type { KubeObject } from '../cluster/cluster.ts'
import type { Container } from './container.ts'
import { devContainer, withAgent } from './dev-container.ts'
import { devVolumes, fillContainer } from './dev-volumes.ts'
import type { PlanInput } from './plan-input.ts'
import { firstPodName, type PodTemplate, sharesWithOld } from './pod-template.ts'
import { marks } from './record.ts'
import { podMarks, scheduled } from './scheduling.ts'

/** The clone's spec: the original's pod with `original`, its container, as the dev wants it. */
export function cloneSpec(input: PlanInput, template: PodTemplate, original: Container, name: string): object {
  const { selector } = input.workload.spec
  const mark = { [marks.clone]: name }
  return {
    replicas: 1,
    revisionHistoryLimit: 0,
    strategy: { type: 'Recreate' },
    selector: { ...selector, matchLabels: { ...selector.matchLabels, ...mark } },
    template: cloneTemplate(input, template, original, mark),
  }
}

function cloneTemplate(
  input: PlanInput,
  template: PodTemplate,
  original: Container,
  mark: Record<string, string>,
): PodTemplate {
  const { dev, options, workload } = input
  const identity = workload.kind === 'StatefulSet' ? statefulIdentity(workload) : undefined
  const container = devContainer(original, dev, input.defaults ?? {})
  const fsGroup = dev.securityContext?.fsGroup
  const podSecurity = { ...template.spec.securityContext, ...(fsGroup !== undefined && { fsGroup }) }
  const parts = agentParts({
    image: options.agentImage,
    startScript: options.startScript,
    containerSecurityContext: (container.securityContext ?? {}) as KubeSecurityContext,
    podSecurityContext: podSecurity as KubeSecurityContext,
    ...(container.resources && { containerResources: container.resources }),
    ...(dev.initContainer?.resources && { resources: dev.initContainer.resources }),
    ...(input.assignsUsers && { assignsUsers: true }),
  })
  const { mounts, volumes: devOwn, own } = devVolumes(original, dev, input.claim)
  const filling = fillContainer(container, dev, own)
  const mounted =
    mounts.length > 0 ? { ...container, volumeMounts: [...(container.volumeMounts ?? []), ...mounts] } : container
  // where both share something the original waits for its end
  const lingers = !sharesWithOld(workload)
  const dress = (each: Container) => (each.name === original.name ? withAgent(mounted, parts, { lingers }) : each)
  const { labels, annotations } = podMarks(template, dev)
  const claims = new Set(identity?.volumes.map(volume => volume.name))
  const volumes = (template.spec.volumes ?? []).filter(volume => !claims.has(volume.name))
  return {
    metadata: {
      labels: { ...labels, ...identity?.labels, ...mark },
      ...(Object.keys(annotations).length > 0 && { annotations }),
    },
    spec: {
      ...scheduled(template.spec, dev.scheduling),
      ...identity?.spec,
      ...(Object.keys(podSecurity).length > 0 && { securityContext: podSecurity }),
      // ours first: where it cannot run, none of theirs (migrations, …) has had an effect
      initContainers: [
        parts.initContainer as Container,
        ...(filling ? [filling] : []),
        ...(template.spec.initContainers ?? []),
      ],
      containers: template.spec.containers.map(dress),
      volumes: [...volumes, ...(identity?.volumes ?? []), ...devOwn, parts.volume],
    },
  }
}

/** What makes a pod the StatefulSet's first one, for Services, DNS and its claims. */
function statefulIdentity(workload: KubeObject) {
  const hostname = firstPodName(workload)
  const claims: { metadata: { name: string } }[] = workload.spec.volumeClaimTemplates ?? []
  return {
    labels: {
      'statefulset.kubernetes.io/pod-name': hostname,
      'apps.kubernetes.io/pod-index': String(workload.spec.ordinals?.start ?? 0),
    },
    spec: { hostname, ...(workload.spec.serviceName && { subdomain: workload.spec.serviceName }) },
    volumes: claims.map(({ metadata: { name } }) => ({
      name,
      persistentVolumeClaim: { claimName: `${name}-${hostname}` },
    })),
  }
}
