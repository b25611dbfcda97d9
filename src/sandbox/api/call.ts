import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Registry } from '../registry/registry.ts'
import type { ObjectKey } from '../store/api-object.ts'
import type { ResourceType } from '../store/resource-types.ts'
import type { Access, User } from './access.ts'
import type { ResourcePath } from './api-path.ts'

/** One request for a resource that is served, by somebody who may. */
export interface Call {
  request: IncomingMessage
  user: User
  path: ResourcePath
  type: ResourceType
  query: URLSearchParams
  registry: Registry
  access: Access
}

export interface Answer {
  code: number
  body: object
  warnings?: string[]
}

/** An answer that writes itself (watch, log), until it is over or the connection is gone. */
export type Stream = (response: ServerResponse) => void

export function keyOfCall({ path, type }: Call): ObjectKey {
  return { namespace: type.namespaced ? path.namespace : '', name: path.name }
}

/** Who stands in `managedFields`: the parameter, else the program's name. */
export function managerOf({ query, request }: Call): string {
  const agent = request.headers['user-agent'] ?? ''
  return query.get('fieldManager') || agent.split('/')[0] || 'unknown'
}
