import { type ErrorCode, errnoOf, UserError } from '../../syncer/base/errors.ts'
import { ClusterError } from './cluster.ts'

/** What was asked, in the words of a Role's rules. */
export interface Asked {
  verb: string
  group: string
  /** Plural, with its subresource: `pods/exec`. */
  resource: string
  name?: string
}

/** Where it was asked. */
export interface Where {
  server: string
  context: string
  namespace: string
}

const messageLengthMax = 1_000

/** An API server's refusal as an error for a person; `body` is its Status object where it sent one. */
export function refusalOf(status: number, body: string, asked: Asked, where: Where): UserError {
  const { reason, message } = readStatus(body)
  const cause = new ClusterError(status, reason, message || `HTTP ${status}`)
  const code = codeOf(status)
  return new UserError(code, messageOf(code, cause.message, asked, where), { cause, ...hintOf(code, asked, where) })
}

/** A 403 that is no missing right: admission (quota, LimitRange, Pod Security, a webhook) refused the object. */
export function admissionRefusal(refusal: UserError): UserError {
  const cause = refusal.cause as ClusterError
  return new UserError('rejected', cause.message, { cause })
}

/** No answer, or none in time. `connected` says whether the API server took the connection. */
export function silenceOf(error: unknown, connected: boolean, timedOut: boolean, where: Where): UserError {
  const reason = timedOut ? 'no answer in time' : networkReason(error)
  const cause = new ClusterError(0, errnoOf(error) ?? 'Network', reason, { cause: error })
  const at = `the API server ${where.server} (context ${where.context})`
  if (timedOut && connected) {
    return new UserError('timeout', `${at} did not answer in time`, { cause, hint: 'it may be overloaded: try again' })
  }
  return new UserError('unreachable', `cannot reach ${at}: ${reason}`, { cause, hint: unreachableHint(error, where) })
}

/** The refusal's own account: HTTP status and `reason`, where the error has one. */
export function clusterErrorOf(error: unknown): ClusterError | undefined {
  return error instanceof UserError && error.cause instanceof ClusterError ? error.cause : undefined
}

function readStatus(body: string): { reason: string; message: string } {
  try {
    const status = JSON.parse(body) as { kind?: unknown; reason?: unknown; message?: unknown }
    const text = (value: unknown) => (typeof value === 'string' ? value : '')
    return { reason: text(status.reason), message: shortened(text(status.message)) }
  } catch {
    return { reason: '', message: shortened(body.trim()) }
  }
}

/** The API server may put the whole object into its message. */
function shortened(text: string): string {
  return text.length <= messageLengthMax ? text : `${text.slice(0, messageLengthMax)}…`
}

function codeOf(status: number): ErrorCode {
  if (status === 401) return 'unauthorized'
  if (status === 403) return 'forbidden'
  if (status === 404) return 'not-found'
  if (status === 409) return 'conflict'
  if (status === 429 || status >= 500) return 'unreachable'
  return 'rejected'
}

function messageOf(code: ErrorCode, said: string, asked: Asked, where: Where): string {
  if (code === 'unauthorized')
    return `the API server ${where.server} does not know you (context ${where.context}): ${said}`
  if (code === 'unreachable') return `the API server ${where.server} cannot ${asked.verb} ${asked.resource}: ${said}`
  return said
}

function hintOf(code: ErrorCode, asked: Asked, where: Where): { hint?: string } {
  if (code === 'unauthorized') return { hint: 'log in again; `kubectl auth whoami` shows who you are to the cluster' }
  if (code !== 'forbidden') return {}
  const rule = `{apiGroups: ["${asked.group}"], resources: ["${asked.resource}"], verbs: ["${asked.verb}"]}`
  return {
    hint: `a Role in the namespace ${where.namespace} must hold ${rule}; manifests/rbac.yml has all that podswap needs`,
  }
}

function networkReason(error: unknown): string {
  // with several addresses Node wraps the failures and leaves the message empty
  const first = error instanceof AggregateError ? error.errors[0] : error
  const message = first instanceof Error ? first.message : String(first)
  return message || errnoOf(error) || 'the connection failed'
}

const certificateErrors = new Set([
  'CERT_HAS_EXPIRED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
])

function unreachableHint(error: unknown, where: Where): string {
  const code = errnoOf(error) ?? ''
  if (certificateErrors.has(code)) return `the certificate is not the one that context ${where.context} expects`
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'the name does not resolve: is a VPN off?'
  return `is the cluster up, and a VPN on if it needs one? \`kubectl --context ${where.context} version\` asks the same`
}
