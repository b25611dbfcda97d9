import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ProtocolError } from '../../../syncer/base/errors.ts'
import { parseOpenRequest } from '../../../syncer/wire/open-request.ts'
import type { OpenRequest } from '../../../syncer/wire/services.ts'

const good: OpenRequest[] = [
  { kind: 'sync', lane: 'bulk', folder: '/app', session: 's1', attempt: 3, fence: 1_700_000_000_000 },
  { kind: 'tcp', host: 'postgres', port: 5432 },
  {
    kind: 'exec',
    argv: ['sh', '-c', ''],
    cwd: '/',
    env: { A: '' },
    terminal: { columns: 80, rows: 24, term: 'xterm' },
  },
  { kind: 'exec', argv: ['true'] },
  { kind: 'terminal', columns: 1, rows: 65_535 },
  { kind: 'call', call: { method: 'start-command', argv: ['a'], env: {}, columns: 80, rows: 24 } },
  { kind: 'call', call: { method: 'command-state' } },
  { kind: 'call', call: { method: 'stop-command' } },
  { kind: 'call', call: { method: 'agent-state' } },
  { kind: 'call', call: { method: 'probe-tcp', host: 'localhost', port: 1, timeoutMs: 1 } },
]

describe('parseOpenRequest', () => {
  it.each(good.map(request => [JSON.stringify(request), request] as const))('takes %s', (_, request) => {
    expect(JSON.parse(JSON.stringify(parseOpenRequest(request)))).toEqual(JSON.parse(JSON.stringify(request)))
  })

  it('leaves out what it does not know', () => {
    expect(parseOpenRequest({ kind: 'tcp', host: 'a', port: 1, more: true })).toEqual({
      kind: 'tcp',
      host: 'a',
      port: 1,
    })
  })

  it('throws nothing but ProtocolError, whatever is put in place of a field', () => {
    const anything = fc.anything({ withBigInt: false })
    fc.assert(
      fc.property(fc.constantFrom(...good), fc.nat(20), anything, (request, which, value) => {
        const changed = structuredClone(request) as unknown as Record<string, unknown>
        const inner = (request.kind === 'call' ? changed.call : changed) as Record<string, unknown>
        const fields = Object.keys(inner)
        inner[fields[which % fields.length]!] = value
        try {
          parseOpenRequest(changed)
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError)
        }
      }),
      { numRuns: 2_000 },
    )
    fc.assert(
      fc.property(anything, value => {
        expect(() => parseOpenRequest(value)).toThrow(ProtocolError)
      }),
    )
  })

  it.each([
    ['an empty host', { kind: 'tcp', host: '', port: 1 }],
    ['port 0', { kind: 'tcp', host: 'a', port: 0 }],
    ['half a port', { kind: 'tcp', host: 'a', port: 1.5 }],
    ['no program', { kind: 'exec', argv: [''] }],
    ['an argument that is no text', { kind: 'exec', argv: ['a', 1] }],
    ['a variable without a name', { kind: 'exec', argv: ['a'], env: { '': 'x' } }],
    ['a variable with =', { kind: 'exec', argv: ['a'], env: { 'A=B': 'x' } }],
    ['a zero byte', { kind: 'exec', argv: ['a\0'] }],
    ['a relative folder', { kind: 'sync', lane: 'bulk', folder: 'app', session: 's', attempt: 0 }],
    ['no columns', { kind: 'terminal', columns: 0, rows: 24 }],
    ['endless patience', { kind: 'call', call: { method: 'probe-tcp', host: 'a', port: 1, timeoutMs: 1e9 } }],
  ])('refuses %s', (_, request) => {
    expect(() => parseOpenRequest(request)).toThrow(ProtocolError)
  })
})
