import type { RemoveOptions } from '../registry/deletion.ts'
import type { WriteOptions } from '../registry/registry.ts'
import { ApiError, badRequest, conflict, invalid, notServed } from '../store/api-error.ts'
import type { ApiObject } from '../store/api-object.ts'
import { isRecord, JsonPatchError, type JsonPatchStep, jsonPatched, mergePatched } from '../store/json-merge.ts'
import { groupVersionOf, type ResourceType } from '../store/resource-types.ts'
import { type Answer, type Call, keyOfCall, managerOf } from './call.ts'
import { readDryRun } from './read-objects.ts'
import { mediaTypeOf, readBody, refuseOtherTypes } from './request-body.ts'

/** `Warning` headers for a write; the real one speaks of Pod Security through them. */
export type Warn = (type: ResourceType, object: ApiObject, isNew: boolean) => string[]

export async function createObject(call: Call, warn: Warn): Promise<Answer> {
  const { registry, type, query } = call
  const dryRun = readDryRun(query, 'CreateOptions')
  const object = registry.create(type, await readObject(call), { manager: managerOf(call), dryRun })
  return { code: 201, body: object, warnings: warn(type, object, true) }
}

export async function replaceObject(call: Call, warn: Warn): Promise<Answer> {
  const { registry, type, query } = call
  const options = { manager: managerOf(call), dryRun: readDryRun(query, 'UpdateOptions') }
  const sent = await readObject(call)
  const before = registry.store.get(type, keyOfCall(call))
  const { uid } = sent.metadata
  if (uid && uid !== before?.metadata.uid && (before || type.kind === 'Lease')) throw otherUid(call, uid, before)
  if (type.kind === 'Lease' && !before) return createByReplace(call, sent, options)
  if (type.kind === 'Lease' && !sent.metadata.resourceVersion) {
    const field = 'metadata.resourceVersion'
    const message = 'Invalid value: 0: must be specified for an update'
    const resource = { kind: type.plural, group: type.group }
    throw invalid(resource, sent.metadata.name ?? '', [{ reason: 'FieldValueInvalid', message, field }])
  }
  const object = registry.update(type, keyOfCall(call), () => sent, options)
  return { code: 200, body: object, warnings: warn(type, object, false) }
}

/** A PUT of a Lease that is not there makes it, whatever version was sent. */
function createByReplace({ registry, type }: Call, sent: ApiObject, options: WriteOptions): Answer {
  const { resourceVersion: _version, ...metadata } = sent.metadata
  return { code: 201, body: registry.create(type, { ...sent, metadata }, options) }
}

/** As the storage says it: where the object is not there, its uid is empty. */
function otherUid({ type, path }: Call, wanted: string, before: ApiObject | undefined): ApiError {
  const key = `/registry/${type.plural}/${path.namespace}/${path.name}`
  const uids = `UID in precondition: ${wanted}, UID in object meta: ${before?.metadata.uid ?? ''}`
  const why = `StorageError: invalid object, Code: 4, Key: ${key}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: ${uids}`
  return conflict(type, path.name, why)
}

export async function patchObject(call: Call, warn: Warn): Promise<Answer> {
  const { registry, type, query } = call
  const dryRun = readDryRun(query, 'PatchOptions')
  const patch = await readPatch(call)
  const change = (before: ApiObject) => checkedObject(type, patch(before))
  const object = registry.update(type, keyOfCall(call), change, { manager: managerOf(call), dryRun })
  return { code: 200, body: object, warnings: warn(type, object, false) }
}

export async function deleteObject(call: Call): Promise<Answer> {
  const { registry, type, path } = call
  const { object, isGone } = registry.remove(type, keyOfCall(call), await readDeleteOptions(call))
  // as the real one: a pod and what is still on its way out are told whole
  if (type.kind === 'Pod' || !isGone) return { code: 200, body: object }
  const { name, uid } = object.metadata
  const details = { name, ...(path.group && { group: path.group }), kind: type.plural, uid }
  return { code: 200, body: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details } }
}

/** Reads the body as a patch; gives the function that applies it. */
export async function readPatch({ request }: Call): Promise<(before: ApiObject) => unknown> {
  const mediaType = mediaTypeOf(request)
  const isJsonPatch = mediaType === 'application/json-patch+json'
  if (!isJsonPatch && mediaType !== 'application/merge-patch+json') {
    const isKnown = ['application/strategic-merge-patch+json', 'application/apply-patch+yaml'].includes(mediaType)
    const which = isKnown ? `: the podswap sandbox does not serve ${mediaType}, only merge patch and JSON patch` : ''
    throw new ApiError(415, 'UnsupportedMediaType', `415: Unsupported Media Type${which}`, {})
  }
  const patch = parse(await readBody(request), 'error decoding patch')
  if (!isJsonPatch) return before => mergePatched(before, patch)
  if (!Array.isArray(patch)) {
    throw badRequest('error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp')
  }
  return before => {
    try {
      return jsonPatched(before, patch as JsonPatchStep[])
    } catch (error) {
      if (!(error instanceof JsonPatchError)) throw error
      throw new ApiError(422, 'Invalid', 'the server rejected our request due to an error in our request', {})
    }
  }
}

async function readObject(call: Call): Promise<ApiObject> {
  const { request, type, path } = call
  refuseOtherTypes(request)
  const place = `the object provided is unrecognized (must be of type ${type.kind}): couldn't get version/kind; json parse error`
  const object = checkedObject(type, parse(await readBody(request), place))
  const { kind = type.kind, apiVersion = groupVersionOf(type), metadata } = object
  if (kind !== type.kind || apiVersion !== groupVersionOf(type)) {
    const version = apiVersion.split('/').at(-1)
    const groupOf = (text: string) => (text.includes('/') ? text.split('/')[0] : 'core')
    const conversion = `converting (${version}.${kind}) to (${groupOf(groupVersionOf(type))}.${type.kind}): unknown conversion`
    throw badRequest(
      `${kind} in version ${JSON.stringify(apiVersion)} cannot be handled as a ${type.kind}: ${conversion}`,
    )
  }
  if (type.namespaced && metadata.namespace && metadata.namespace !== path.namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request')
  }
  const namespace = type.namespaced ? { namespace: path.namespace } : {}
  return { ...object, metadata: { ...metadata, ...namespace } }
}

/** Has what every object has, in the types that the code relies on. */
function checkedObject(type: ResourceType, value: unknown): ApiObject {
  const wrong = (what: string) =>
    badRequest(`${type.kind} in version ${JSON.stringify(type.version)} cannot be handled as a ${type.kind}: ${what}`)
  if (!isRecord(value)) throw wrong('it is no JSON object')
  const { metadata = {}, spec, status } = value
  if (!isRecord(metadata)) throw wrong('metadata is no JSON object')
  for (const [name, part] of Object.entries({
    spec,
    status,
    labels: metadata.labels,
    annotations: metadata.annotations,
  })) {
    if (part !== undefined && part !== null && !isRecord(part)) throw wrong(`${name} is no JSON object`)
  }
  if (isRecord(spec) && spec.replicas !== undefined && typeof spec.replicas !== 'number') {
    const field = `${type.kind}Spec.spec.replicas of type int32`
    throw wrong(`json: cannot unmarshal ${typeof spec.replicas} into Go struct field ${field}`)
  }
  return { ...value, metadata } as ApiObject
}

async function readDeleteOptions({ request, query }: Call): Promise<RemoveOptions> {
  const text = await readBody(request)
  const sent = text === '' ? {} : parse(text, 'error decoding DeleteOptions')
  const body = isRecord(sent) ? sent : {}
  const policy = body.propagationPolicy ?? query.get('propagationPolicy') ?? 'Background'
  if (body.orphanDependents !== undefined || query.get('orphanDependents')) throw notServed('orphanDependents')
  if (policy === 'Orphan' || policy === 'Foreground') throw notServed(`the propagation policy ${policy}`)
  if (policy !== 'Background') {
    const message = `Unsupported value: ${JSON.stringify(policy)}: supported values: "Foreground", "Background", "Orphan", "nil"`
    throw invalid({ kind: 'DeleteOptions', group: 'meta.k8s.io' }, '', [
      { reason: 'FieldValueNotSupported', message, field: 'propagationPolicy' },
    ])
  }
  const grace = body.gracePeriodSeconds ?? query.get('gracePeriodSeconds') ?? undefined
  const preconditions = isRecord(body.preconditions) ? body.preconditions : {}
  return {
    ...(typeof preconditions.uid === 'string' && { uid: preconditions.uid }),
    ...(typeof preconditions.resourceVersion === 'string' && { resourceVersion: preconditions.resourceVersion }),
    ...(grace !== undefined && { gracePeriodSeconds: Math.max(0, Number(grace) || 0) }),
    dryRun: readDryRun(query, 'DeleteOptions', body.dryRun),
  }
}

function parse(text: string, place: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw badRequest(`${place}: ${error instanceof Error ? error.message : String(error)}`)
  }
}
