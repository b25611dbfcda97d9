import { preconditionFailed } from '../store/api-error.ts'
import { type ApiObject, timestampOf } from '../store/api-object.ts'
import type { ResourceType } from '../store/resource-types.ts'

export interface RemoveOptions {
  uid?: string
  resourceVersion?: string
  /** Pods only; 0 removes at once. */
  gracePeriodSeconds?: number
  dryRun?: boolean
}

/** The object marked as deleted, or undefined where it goes at once. Throws 409 where a precondition does not hold. */
export function deletionOf(
  type: ResourceType,
  before: ApiObject,
  options: RemoveOptions,
  nowMs: number,
): ApiObject | undefined {
  checkPreconditions(type, before, options)
  const seconds = graceSecondsOf(type, before, options)
  const isHeld = seconds > 0 || finalizersOf(type, before).length > 0
  if (!isHeld) return undefined
  const { deletionTimestamp, deletionGracePeriodSeconds = 0, generation } = before.metadata
  if (deletionTimestamp && seconds >= deletionGracePeriodSeconds) return before
  return {
    ...before,
    metadata: {
      ...before.metadata,
      deletionTimestamp: timestampOf(nowMs + seconds * 1000),
      deletionGracePeriodSeconds: seconds,
      ...(generation !== undefined && { generation: generation + (deletionTimestamp ? 0 : 1) }),
    },
  }
}

/** What keeps a deleted object; a namespace has it in its spec. */
export function finalizersOf(type: ResourceType, { metadata, spec }: ApiObject): string[] {
  return (type.kind === 'Namespace' ? spec?.finalizers : metadata.finalizers) ?? []
}

function graceSecondsOf(type: ResourceType, { spec, status }: ApiObject, options: RemoveOptions): number {
  if (type.kind !== 'Pod') return 0
  // nobody runs it: there is nothing to wait for
  if (!spec.nodeName || status?.phase === 'Succeeded' || status?.phase === 'Failed') return 0
  return options.gracePeriodSeconds ?? spec.terminationGracePeriodSeconds
}

function checkPreconditions(type: ResourceType, { metadata }: ApiObject, options: RemoveOptions): void {
  const { name = '', uid, resourceVersion } = metadata
  if (options.uid !== undefined && options.uid !== uid) {
    const why = `the UID in the precondition (${options.uid}) does not match the UID in record (${uid})`
    throw preconditionFailed(type, name, `${why}. The object might have been deleted and then recreated`)
  }
  if (options.resourceVersion !== undefined && options.resourceVersion !== resourceVersion) {
    const why = `the ResourceVersion in the precondition (${options.resourceVersion}) does not match the ResourceVersion in record (${resourceVersion})`
    throw preconditionFailed(type, name, `${why}. The object might have been modified`)
  }
}
