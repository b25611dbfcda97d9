import type { ResourceType } from './resource-types.ts'

/** What is wrong with one field, as `details.causes` names it. */
export interface FieldProblem {
  reason:
    | 'FieldValueForbidden'
    | 'FieldValueRequired'
    | 'FieldValueInvalid'
    | 'FieldValueNotFound'
    | 'FieldValueNotSupported'
    | 'FieldValueDuplicate'
  message: string
  field: string
}

export interface StatusDetails {
  name?: string
  group?: string
  kind?: string
  uid?: string
  causes?: { reason: string; message: string; field?: string }[]
  retryAfterSeconds?: number
}

/** A refusal as the API server puts it: a `Status` object with an HTTP code. */
export class ApiError extends Error {
  readonly code: number
  readonly reason: string
  readonly details: StatusDetails | undefined

  constructor(code: number, reason: string, message: string, details?: StatusDetails) {
    super(message)
    this.name = 'ApiError'
    this.code = code
    this.reason = reason
    this.details = details
  }

  status(): object {
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: this.message,
      ...(this.reason && { reason: this.reason }),
      ...(this.details && { details: this.details }),
      code: this.code,
    }
  }
}

/** `deployments.apps`, as messages name a resource. */
export function resourceName({ plural, group }: ResourceType): string {
  return group === '' ? plural : `${plural}.${group}`
}

export function kindName({ kind, group }: ResourceType): string {
  return group === '' ? kind : `${kind}.${group}`
}

function detailsOf(type: ResourceType, name: string, kind = type.plural): StatusDetails {
  return { ...(name && { name }), ...(type.group && { group: type.group }), kind }
}

export function notFound(type: ResourceType, name: string): ApiError {
  return new ApiError(404, 'NotFound', `${resourceName(type)} "${name}" not found`, detailsOf(type, name))
}

export function alreadyExists(type: ResourceType, name: string): ApiError {
  return new ApiError(409, 'AlreadyExists', `${resourceName(type)} "${name}" already exists`, detailsOf(type, name))
}

export function modified(type: ResourceType, name: string): ApiError {
  return conflict(
    type,
    name,
    'the object has been modified; please apply your changes to the latest version and try again',
  )
}

export function conflict(type: ResourceType, name: string, why: string): ApiError {
  const message = `Operation cannot be fulfilled on ${resourceName(type)} "${name}": ${why}`
  return new ApiError(409, 'Conflict', message, detailsOf(type, name))
}

/** A precondition of a delete that does not hold. */
export function preconditionFailed(type: ResourceType, name: string, why: string): ApiError {
  const message = `Operation cannot be fulfilled on ${kindName(type)} "${name}": ${why}`
  return new ApiError(409, 'Conflict', message, detailsOf(type, name, type.kind))
}

export function invalid(type: { kind: string; group: string }, name: string, problems: FieldProblem[]): ApiError {
  const texts = problems.map(({ field, message }) => `${field}: ${message}`)
  const unique = [...new Set(texts)]
  const said = unique.length === 1 ? unique[0] : `[${unique.join(', ')}]`
  const kind = type.group === '' ? type.kind : `${type.kind}.${type.group}`
  return new ApiError(422, 'Invalid', `${kind} "${name}" is invalid: ${said}`, {
    ...(name && { name }),
    ...(type.group && { group: type.group }),
    kind: type.kind,
    causes: problems,
  })
}

export function badRequest(message: string): ApiError {
  return new ApiError(400, 'BadRequest', message)
}

/** What a real API server does and this one does not. */
export function notServed(what: string): ApiError {
  return new ApiError(501, 'NotImplemented', `the podswap sandbox does not serve ${what}`)
}
