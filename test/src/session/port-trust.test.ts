import { expect, test } from 'vitest'
import { PortTrust } from '../../../src/session/port-trust.ts'

function after(...stoodMs: number[]): boolean {
  const trust = new PortTrust()
  for (const ms of stoodMs) trust.cut(ms)
  return trust.isUsable
}

test('a port-forward is used until it was cut twice in a row soon after it stood', () => {
  expect(after()).toBe(true)
  expect(after(1_000)).toBe(true)
  expect(after(1_000, 150_000, 1_000)).toBe(true)
  expect(after(1_000, 1_000)).toBe(false)
})

test('or four times in all, however long it had stood', () => {
  expect(after(600_000, 600_000, 600_000)).toBe(true)
  expect(after(600_000, 600_000, 600_000, 600_000)).toBe(false)
})

test('one that never comes through is not used again', () => {
  const trust = new PortTrust()
  trust.failed()
  expect(trust.isUsable).toBe(false)
})
