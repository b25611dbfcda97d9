import type { IncomingMessage } from 'node:http'
import { badRequest, notServed } from '../store/api-error.ts'
import { isRecord } from '../store/json-merge.ts'
import type { Access, User } from './access.ts'
import type { Answer } from './call.ts'
import { readBody, refuseOtherTypes } from './request-body.ts'

const group = 'authorization.k8s.io'

/** SelfSubjectAccessReview and SelfSubjectRulesReview: what may I do? */
export async function review(kind: string, request: IncomingMessage, user: User, access: Access): Promise<Answer> {
  refuseOtherTypes(request)
  const spec = readSpec(await readBody(request))
  const identity = { kind: kindOf(kind), apiVersion: `${group}/v1`, metadata: {} }
  if (kind === 'selfsubjectrulesreviews') {
    if (typeof spec.namespace !== 'string' || spec.namespace === '') throw badRequest('no namespace on request')
    const status = {
      resourceRules: access.rulesOf(user, spec.namespace),
      nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/api', '/api/*', '/apis', '/apis/*', '/version'] }],
      incomplete: false,
    }
    return { code: 201, body: { ...identity, spec: {}, status } }
  }
  const { resourceAttributes } = spec
  if (!isRecord(resourceAttributes)) throw notServed('access reviews without resourceAttributes')
  const text = (name: string) => String(resourceAttributes[name] ?? '')
  const reason = access.allowed(user, {
    verb: text('verb'),
    group: text('group'),
    resource: text('resource'),
    ...(text('subresource') && { subresource: text('subresource') }),
    ...(text('name') && { name: text('name') }),
    ...(text('namespace') && { namespace: text('namespace') }),
  })
  const named = Object.entries(resourceAttributes).filter(([, value]) => value !== '')
  const asked = { ...spec, resourceAttributes: Object.fromEntries(named) }
  const status = reason === undefined ? { allowed: false } : { allowed: true, ...(reason && { reason }) }
  return { code: 201, body: { ...identity, spec: asked, status } }
}

export function isReview(reviewGroup: string, version: string, plural: string): boolean {
  return (
    reviewGroup === group &&
    version === 'v1' &&
    ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'].includes(plural)
  )
}

function kindOf(plural: string): string {
  return plural === 'selfsubjectrulesreviews' ? 'SelfSubjectRulesReview' : 'SelfSubjectAccessReview'
}

function readSpec(body: string): Record<string, unknown> {
  try {
    const sent: unknown = JSON.parse(body)
    if (isRecord(sent) && isRecord(sent.spec)) return sent.spec
  } catch {
    // said below
  }
  throw badRequest('the object provided is no review with a spec')
}
