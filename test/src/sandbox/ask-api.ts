import { request } from 'node:https'
import type { Question } from './api-questions.ts'

/** Where the questions are asked: tokens by name, as kubeconfigs have them. */
export interface AskedApi {
  server: string
  namespace: string
  authority: string
  tokens: Record<string, string>
}

/** Status and body with everything that is another each time replaced by a word. */
export interface KnownAnswer {
  status: number
  body: unknown
}

const secondsMax = 30

export async function ask(api: AskedApi, question: Question): Promise<KnownAnswer> {
  const untilMs = Date.now() + secondsMax * 1000
  for (;;) {
    const { status, text } = await send(api, question)
    if (!question.until || text.includes(question.until)) return { status, body: normal(api, text) }
    if (Date.now() > untilMs) throw new Error(`${question.name}: ${question.until} did not come: ${text}`)
    await new Promise(resolve => setTimeout(resolve, 100))
  }
}

function send(api: AskedApi, question: Question): Promise<{ status: number; text: string }> {
  const { as = 'admin', method = 'GET', body, contentType = 'application/json', accept = 'application/json' } = question
  const placed = (text: string) => text.replaceAll('{ns}', api.namespace)
  const sent = body === undefined ? undefined : placed(typeof body === 'string' ? body : JSON.stringify(body))
  const token = as === 'nobody' ? 'no-such-token' : api.tokens[as]
  const headers = {
    Accept: accept,
    'User-Agent': 'asker/1',
    ...(token && { Authorization: `Bearer ${token}` }),
    ...(sent !== undefined && { 'Content-Type': contentType, 'Content-Length': Buffer.byteLength(sent) }),
  }
  return new Promise((resolve, reject) => {
    const asked = request(new URL(placed(question.path), api.server), {
      method,
      headers,
      ca: api.authority,
      agent: false,
    })
    asked.once('error', reject)
    asked.once('response', async response => {
      let text = ''
      for await (const chunk of response) text += chunk
      resolve({ status: response.statusCode ?? 0, text })
    })
    asked.end(sent)
  })
}

function normal(api: AskedApi, text: string): unknown {
  const words = text
    .replaceAll(api.namespace, 'NAMESPACE')
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'UID')
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, 'TIME')
    .replace(/10\.96\.\d+\.\d+/g, 'ADDRESS')
    .replace(/"resourceVersion":"\d+"/g, '"resourceVersion":"VERSION"')
    .replace(/current: \d+/, 'current: VERSION')
    .replace(/too old resource version: 1 \(\d+\)/, 'too old resource version: 1 (VERSION)')
    .replace(/ResourceVersion in record \(\d+\)/, 'ResourceVersion in record (VERSION)')
  try {
    return sorted(JSON.parse(words))
  } catch {
    return words
  }
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(
    entries.map(([key, item]) => [key, key === 'managedFields' ? byManager(item) : sorted(item)]),
  )
}

/**
 * The server has them by time, and by name within one second: two that write within a second of each other change
 * places when the clock ticks between them.
 */
function byManager(fields: object[]): unknown[] {
  return fields.map(sorted).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
}
