import type { IncomingMessage } from 'node:http'
import type { Registry } from '../registry/registry.ts'
import { ApiError, badRequest, notServed } from '../store/api-error.ts'
import { groupVersionOf, typeOf } from '../store/resource-types.ts'
import { type Access, type Attempt, anonymous, type User } from './access.ts'
import { type ResourcePath, readResourcePath } from './api-path.ts'
import type { Answer, Call, Stream } from './call.ts'
import { discoveryAt } from './discovery.ts'
import { type PodRuns, podLog } from './pod-access.ts'
import { getObject, listObjects } from './read-objects.ts'
import { isReview, review } from './reviews.ts'
import { getScale, setScale } from './scale.ts'
import { type WatchTimes, watchObjects } from './watch-objects.ts'
import { createObject, deleteObject, patchObject, replaceObject, type Warn } from './write-objects.ts'

export interface RouteParts {
  registry: Registry
  access: Access
  runs: PodRuns
  watchTimes: WatchTimes
  warn: Warn
}

/** Answers one request of a user. Throws an {@link ApiError}; `PageNotFound` for a path that is none. */
export async function route(parts: RouteParts, request: IncomingMessage, user: User): Promise<Answer | Stream> {
  const url = new URL(request.url ?? '/', 'https://sandbox')
  const path = pathOf(url)
  if (!path) return discovery(parts.access, user, url.pathname, request.method ?? '')
  authorize(parts.access, user, attemptOf(path, url.searchParams, request.method ?? ''))
  if (isReview(path.group, path.version, path.plural)) {
    if (request.method !== 'POST' || path.name) throw notAllowed()
    return review(path.plural, request, user, parts.access)
  }
  return dispatch(parts, callOf(parts, request, user, url, path))
}

export class PageNotFound extends Error {}

/** A request for a kind that is served. Throws 501 for those that are not. */
export function callOf(
  parts: Pick<RouteParts, 'registry' | 'access'>,
  request: IncomingMessage,
  user: User,
  url: URL,
  path: ResourcePath,
): Call {
  const type = typeOf(path.group, path.version, path.plural)
  if (!type) throw notServed(`${groupVersionOf(path)} ${path.plural}`)
  return { request, user, path, type, query: url.searchParams, registry: parts.registry, access: parts.access }
}

export function pathOf(url: URL): ResourcePath | undefined {
  try {
    return readResourcePath(url.pathname)
  } catch {
    throw badRequest('the path is not well encoded')
  }
}

export function authorize(access: Access, user: User, attempt: Attempt): void {
  if (access.allowed(user, attempt) !== undefined) return
  const { verb, group, resource, subresource, name, namespace } = attempt
  const full = subresource ? `${resource}/${subresource}` : resource
  const qualified = `${resource}${group && `.${group}`}`
  const where = namespace ? `in the namespace ${JSON.stringify(namespace)}` : 'at the cluster scope'
  const said = `User ${JSON.stringify(user.name)} cannot ${verb} resource ${JSON.stringify(full)} in API group ${JSON.stringify(group)} ${where}`
  const what = name ? `${qualified} ${JSON.stringify(name)}` : qualified
  const details = { ...(name && { name }), ...(group && { group }), kind: resource }
  throw new ApiError(403, 'Forbidden', `${what} is forbidden: ${said}`, details)
}

export function attemptOf(path: ResourcePath, query: URLSearchParams, method: string): Attempt {
  const { group, plural, subresource, name, namespace } = path
  return {
    verb: verbOf(method, name !== '', ['true', '1'].includes(query.get('watch') ?? '')),
    group,
    resource: plural,
    ...(subresource && { subresource }),
    ...(name && { name }),
    ...(namespace && { namespace }),
  }
}

function verbOf(method: string, isNamed: boolean, isWatch: boolean): string {
  if (method === 'POST') return 'create'
  if (method === 'PUT') return 'update'
  if (method === 'PATCH') return 'patch'
  if (method === 'DELETE') return isNamed ? 'delete' : 'deletecollection'
  if (isNamed) return 'get'
  return isWatch ? 'watch' : 'list'
}

function discovery(access: Access, user: User, path: string, method: string): Answer {
  if (!access.mayRead(user, path)) {
    const said = `forbidden: User ${JSON.stringify(user.name)} cannot ${method.toLowerCase()} path ${JSON.stringify(path)}`
    throw new ApiError(403, 'Forbidden', said, {})
  }
  const body = discoveryAt(path)
  if (!body) throw new PageNotFound()
  if (method !== 'GET' && method !== 'HEAD') throw notAllowed()
  return { code: 200, body }
}

function dispatch(parts: RouteParts, call: Call): Promise<Answer> | Answer | Stream {
  const { path, query } = call
  const method = call.request.method ?? ''
  if (path.subresource !== '') return dispatchSubresource(parts, call, method)
  if (path.name === '') {
    if (method === 'GET')
      return query.get('watch') === 'true' || query.get('watch') === '1'
        ? watchObjects(call, parts.watchTimes)
        : listObjects(call)
    if (method === 'POST') return createObject(call, parts.warn)
    if (method === 'DELETE') throw notServed('the deletion of a whole collection')
    throw notAllowed()
  }
  if (method === 'GET') return getObject(call)
  if (method === 'PUT') return replaceObject(call, parts.warn)
  if (method === 'PATCH') return patchObject(call, parts.warn)
  if (method === 'DELETE') return deleteObject(call)
  throw notAllowed()
}

/** What the real one serves below a resource. */
const realSubresources: Record<string, string[]> = {
  Pod: ['attach', 'binding', 'ephemeralcontainers', 'eviction', 'proxy', 'resize', 'status'],
  Service: ['proxy', 'status'],
  Namespace: ['finalize', 'status'],
  Deployment: ['status'],
  ReplicaSet: ['status'],
  StatefulSet: ['status'],
  PersistentVolumeClaim: ['status'],
}

function dispatchSubresource(parts: RouteParts, call: Call, method: string): Promise<Answer> | Answer | Stream {
  const { type, path } = call
  const name = path.subresource
  if ((type.subresources as string[]).includes(name)) {
    if (name === 'scale' && method === 'GET') return getScale(call)
    if (name === 'scale' && (method === 'PUT' || method === 'PATCH')) return setScale(call)
    if (name === 'log' && method === 'GET') return podLog(call, parts.runs)
    if (name === 'portforward' || (name === 'exec' && method === 'GET')) throw badRequest('Upgrade request required')
    if (name === 'exec' && method === 'POST') throw notServed('exec over SPDY, only over WebSocket')
    throw notAllowed()
  }
  if (realSubresources[type.kind]?.includes(name.split('/')[0] ?? '')) throw notServed(`${type.plural}/${name}`)
  throw new ApiError(404, 'NotFound', 'the server could not find the requested resource', {})
}

function notAllowed(): ApiError {
  return new ApiError(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {})
}

/** Who asks: by bearer token. Throws 401 for a token that nobody has. */
export function authenticate(tokens: ReadonlyMap<string, User>, request: IncomingMessage): User {
  const header = request.headers.authorization
  if (header === undefined) return anonymous
  const user = tokens.get(/^Bearer (.+)$/i.exec(header)?.[1] ?? '')
  if (!user) throw new ApiError(401, 'Unauthorized', 'Unauthorized')
  return user
}
