import { badRequest, modified } from '../store/api-error.ts'
import type { ApiObject } from '../store/api-object.ts'
import { isRecord } from '../store/json-merge.ts'
import { type Answer, type Call, keyOfCall, managerOf } from './call.ts'
import { readDryRun } from './read-objects.ts'
import { readBody } from './request-body.ts'
import { readPatch } from './write-objects.ts'

export function getScale(call: Call): Answer {
  return { code: 200, body: scaleOf(call.registry.get(call.type, keyOfCall(call))) }
}

/** A PUT or a PATCH of `autoscaling/v1 Scale`. */
export async function setScale(call: Call): Promise<Answer> {
  const { registry, type, query, request } = call
  const dryRun = readDryRun(query, request.method === 'PUT' ? 'UpdateOptions' : 'PatchOptions')
  const change = request.method === 'PUT' ? await readScale(call) : await readPatch(call)
  const scaled = (before: ApiObject) => {
    const scale = change(scaleOf(before)) as ApiObject
    const { resourceVersion } = scale.metadata ?? {}
    if (resourceVersion && resourceVersion !== before.metadata.resourceVersion)
      throw modified(type, before.metadata.name!)
    return { ...before, spec: { ...before.spec, replicas: scale.spec?.replicas ?? 0 } }
  }
  const object = registry.update(type, keyOfCall(call), scaled, {
    manager: managerOf(call),
    dryRun,
    subresource: 'scale',
  })
  return { code: 200, body: scaleOf(object) }
}

async function readScale({ request }: Call): Promise<() => unknown> {
  const text = await readBody(request)
  try {
    const scale: unknown = JSON.parse(text)
    if (isRecord(scale) && isRecord(scale.spec)) return () => scale
  } catch {
    // said below
  }
  throw badRequest('the object provided is unrecognized (must be of type Scale)')
}

function scaleOf({ metadata, spec, status }: ApiObject): ApiObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = metadata
  const { matchLabels = {}, matchExpressions = [] } = spec.selector
  const labels = Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`)
  const expressions = (matchExpressions as { key: string; operator: string; values?: string[] }[]).map(
    ({ key, operator, values = [] }) => {
      if (operator === 'Exists') return key
      return operator === 'DoesNotExist'
        ? `!${key}`
        : `${key} ${operator.toLowerCase()} (${[...values].sort().join(',')})`
    },
  )
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: spec.replicas > 0 ? { replicas: spec.replicas } : {},
    status: { replicas: status?.replicas ?? 0, selector: [...labels.sort(), ...expressions].join(',') },
  }
}
