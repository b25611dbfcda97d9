import { expect, test } from 'vitest'
import { SilenceTeller } from '../../../src/commands/tell-silence.ts'
import type { UiEvent } from '../../../src/ui/events.ts'

test('what a command is at is told once nothing was told for 2 s, and not after it is over', () => {
  let due: { delayMs: number; action: () => void } | undefined
  const after = (delayMs: number, action: () => void) => {
    due = { delayMs, action }
    return () => {
      due = undefined
    }
  }
  const told: UiEvent[] = []
  {
    using silence = new SilenceTeller({ report: event => void told.push(event) }, { after })
    silence.at('asking')
    silence.at('waiting')
    expect(due?.delayMs).toBe(2_000)
    due?.action()
    silence.at('leaving')
  }
  expect(due).toBeUndefined()
  expect(told).toEqual([{ type: 'waiting', message: 'waiting' }])
})
