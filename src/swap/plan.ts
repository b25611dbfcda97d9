import { createHash } from 'node:crypto'
import { UserError } from '../../syncer/base/errors.ts'
import type { KubeObject, ManagedField } from '../cluster/cluster.ts'
import { checkWarnings } from './checks.ts'
import { cloneNames } from './clone-name.ts'
import { chooseContainer } from './dev-container.ts'
import { devVolumes, refuseLastingSecrets } from './dev-volumes.ts'
import { ownersOf } from './field-owners.ts'
import { cloneSpec } from './plan-clone.ts'
import type { PlanInput } from './plan-input.ts'
import { podTemplate, sharesWithOld } from './pod-template.ts'
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
import { schedulingWarnings } from './scheduling.ts'

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
  refuseLastingSecrets(template.spec.volumes, original, dev)
  const record = planRecord(input, kind, original.name)
  const name = input.cloneName ?? cloneNames(kind, record.name)[0]
  const spec = cloneSpec(input, template, original, name)
  const clone: KubeObject = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name,
      ...(workload.metadata.namespace && { namespace: workload.metadata.namespace }),
      labels: { ...dev.metadata?.labels, [marks.clone]: name },
      annotations: {
        ...dev.metadata?.annotations,
        [marks.record]: JSON.stringify(record),
        [marks.template]: hashOf(spec),
      },
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
    warnings: [
      ...checkWarnings(original, dev),
      ...devVolumes(original, dev, input.claim).warnings,
      ...schedulingWarnings(template, dev),
    ],
    waitOldGone: sharesWithOld(workload),
  }
}

export function workloadKind(workload: KubeObject): WorkloadKind {
  const { kind } = workload
  if (kind === 'Deployment' || kind === 'StatefulSet') return kind
  throw new UserError('unsupported', `podswap swaps Deployments and StatefulSets, not a ${kind}`)
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
    ...(input.claim !== undefined && { claim: input.claim }),
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
