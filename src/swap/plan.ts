import { createHash } from 'node:crypto'
import { UserError } from '../../syncer/base/errors.ts'
import { agentParts, type KubeSecurityContext } from '../agent/pod-parts.ts'
import type { KubeObject, ManagedField } from '../cluster/cluster.ts'
import type { Dev, Resources } from '../manifest/manifest.ts'
import { cloneNames } from './clone-name.ts'
import { type Container, chooseContainer, containerWarnings, devContainer, withAgent } from './dev-container.ts'
import { ownersOf } from './field-owners.ts'
import {
  fieldManager,
  isRecordOf,
  marks,
  readUndo,
  type SwapRecord,
  sessionLabel,
  type Undo,
  undoLabel,
  type WorkloadKind,
} from './record.ts'

export interface PlanOptions {
  /** Node's image for the init container, from `agentImage()`. */
  agentImage: string
  /** Source for the init container's `node -e`. */
  startScript: string
  /** Fits a label value with its owner's tag: at most 54 characters of `A-Za-z0-9._-`. */
  sessionId: string
  /** `user@host`. */
  owner: string
  /** ISO 8601. */
  since: string
}

export interface PlanInput {
  workload: KubeObject
  dev: Dev
  options: PlanOptions
  /** Where `<name>-podswap` is something else's name. */
  cloneName?: string
  /** From a clone of this workload that is there already. */
  earlier?: SwapRecord
  /** What the namespace's LimitRange adds to the container; see `defaultsSeen`. */
  defaults?: Resources
  /** The API group `security.openshift.io` exists. */
  assignsUsers?: boolean
}

export interface SwapPlan {
  clone: KubeObject
  /** Scales the original to 0 and writes the undo record; checked by uid and resourceVersion. */
  scalePatch: object
  record: SwapRecord
  warnings: string[]
  /** The original's pod must be gone, not only terminating, before the clone may start. */
  waitOldGone: boolean
}

/** What to apply so that the dev's container takes the workload's place. Pure. Fails with `unsupported` or `not-found`. */
export function planSwap(input: PlanInput): SwapPlan {
  const { workload, dev } = input
  const kind = workloadKind(workload)
  const template = podTemplate(workload)
  const original = chooseContainer(template.spec.containers, dev, `${kind} ${workload.metadata.name}`)
  const record = planRecord(input, kind, original.name)
  const name = input.cloneName ?? cloneNames(kind, record.name)[0]
  const spec = cloneSpec(input, template, original, name)
  const clone: KubeObject = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name,
      ...(workload.metadata.namespace && { namespace: workload.metadata.namespace }),
      labels: { [marks.clone]: name },
      annotations: { [marks.record]: JSON.stringify(record), [marks.template]: hashOf(spec) },
      ownerReferences: [
        {
          apiVersion: 'apps/v1',
          kind,
          name: record.name,
          uid: record.uid,
          controller: false,
          blockOwnerDeletion: false,
        },
      ],
    },
    spec,
  }
  return {
    clone,
    scalePatch: scalePatch(workload, record),
    record,
    warnings: containerWarnings(original),
    waitOldGone: sharesWithOld(workload),
  }
}

/** What admission (a LimitRange) added to a container of a pod: requests and limits that its template lacks. */
export function defaultsSeen(template: PodTemplate, pod: KubeObject, container: string): Resources {
  const find = (containers: Container[]) => containers.find(({ name }) => name === container)?.resources ?? {}
  const written = find(template.spec.containers)
  const effective = find(pod.spec.containers)
  const added = (which: 'requests' | 'limits') =>
    Object.fromEntries(Object.entries(effective[which] ?? {}).filter(([name]) => !(name in (written[which] ?? {}))))
  return { requests: added('requests'), limits: added('limits') }
}

/**
 * Whether two pods of the workload must not run at once: a claim (even ReadWriteOnce lets in all pods of one node), a
 * port of the node, or a StatefulSet's identity.
 */
export function sharesWithOld(workload: KubeObject): boolean {
  const { spec } = podTemplate(workload)
  const containers = [...spec.containers, ...(spec.initContainers ?? [])]
  return (
    workload.kind === 'StatefulSet' ||
    (spec.volumes ?? []).some(volume => volume.persistentVolumeClaim) ||
    spec.hostNetwork === true ||
    containers.some(({ ports }) => ports?.some(({ hostPort }) => hostPort))
  )
}

export interface PodTemplate {
  metadata?: { labels?: Record<string, string>; annotations?: Record<string, string> }
  spec: {
    containers: Container[]
    initContainers?: Container[]
    volumes?: { name: string; persistentVolumeClaim?: { claimName: string }; [source: string]: unknown }[]
    securityContext?: Record<string, unknown>
    hostNetwork?: boolean
    [field: string]: unknown
  }
}

export function podTemplate(workload: KubeObject): PodTemplate {
  return workload.spec.template
}

export function workloadKind(workload: KubeObject): WorkloadKind {
  const { kind } = workload
  if (kind === 'Deployment' || kind === 'StatefulSet') return kind
  throw new UserError('unsupported', `podswap swaps Deployments and StatefulSets, not a ${kind}`)
}

/** Name of the StatefulSet's first pod, whose place the clone takes. */
export function firstPodName(statefulSet: KubeObject): string {
  return `${statefulSet.metadata.name}-${statefulSet.spec.ordinals?.start ?? 0}`
}

function planRecord(input: PlanInput, kind: WorkloadKind, container: string): SwapRecord {
  const { workload, dev, options, earlier, defaults = {} } = input
  const isResumed = earlier?.owner === options.owner
  // at 0 the owners are those of our own patch
  const owners = workload.spec.replicas === 0 && earlier ? (earlier.owners ?? []) : ownersOf(workload).filter(isTheirs)
  const hasDefaults = Object.keys({ ...defaults.requests, ...defaults.limits }).length > 0
  return {
    version: 1,
    kind,
    name: workload.metadata.name ?? '',
    uid: workload.metadata.uid ?? '',
    dev: dev.name,
    container,
    ...planUndo(workload, earlier),
    session: options.sessionId,
    owner: options.owner,
    since: isResumed ? earlier.since : options.since,
    ...(owners.length > 0 && { owners }),
    ...(hasDefaults && { defaults }),
  }
}

function isTheirs({ manager }: ManagedField): boolean {
  return manager !== fieldManager
}

/** A value other than 0 is what somebody wants now; at 0 it is our doing, and the record knows what was before. */
function planUndo(workload: KubeObject, earlier: SwapRecord | undefined): Undo {
  const known = readUndo(workload) ?? (isRecordOf(earlier, workload) ? earlier : undefined)
  const replicas: number = workload.spec.replicas ?? 1
  const deletes = whenScaled(workload) === 'Delete' || known?.whenScaled === 'Delete'
  return {
    replicas: replicas > 0 ? replicas : (known?.replicas ?? 0),
    ...(deletes && { whenScaled: 'Delete' as const }),
  }
}

function whenScaled(workload: KubeObject): string | undefined {
  return workload.spec.persistentVolumeClaimRetentionPolicy?.whenScaled
}

function scalePatch(workload: KubeObject, record: SwapRecord): object {
  const { uid, resourceVersion } = workload.metadata
  return {
    metadata: {
      uid,
      resourceVersion,
      labels: {
        [marks.undo]: undoLabel(record),
        [marks.session]: sessionLabel(record.session, record.owner),
      },
    },
    spec: {
      replicas: 0,
      // scaling down would delete the claims
      ...(whenScaled(workload) === 'Delete' && { persistentVolumeClaimRetentionPolicy: { whenScaled: 'Retain' } }),
    },
  }
}

function cloneSpec(input: PlanInput, template: PodTemplate, original: Container, name: string): object {
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
  const dress = (each: Container) => (each.name === original.name ? withAgent(container, parts) : each)
  const { labels, annotations } = template.metadata ?? {}
  const claims = new Set(identity?.volumes.map(volume => volume.name))
  const volumes = (template.spec.volumes ?? []).filter(volume => !claims.has(volume.name))
  return {
    metadata: { labels: { ...labels, ...identity?.labels, ...mark }, ...(annotations && { annotations }) },
    spec: {
      ...template.spec,
      ...identity?.spec,
      ...(Object.keys(podSecurity).length > 0 && { securityContext: podSecurity }),
      // ours first: where it cannot run, none of theirs (migrations, …) has had an effect
      initContainers: [parts.initContainer as Container, ...(template.spec.initContainers ?? [])],
      containers: template.spec.containers.map(dress),
      volumes: [...volumes, ...(identity?.volumes ?? []), parts.volume],
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

/** Of a value whose order of keys does not matter. */
function hashOf(value: unknown): string {
  return createHash('sha256').update(canonical(value)).digest('hex')
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const entries = Object.entries(value).filter(([, item]) => item !== undefined)
  entries.sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonical(item)}`).join(',')}}`
}
