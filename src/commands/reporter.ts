import { systemClock, systemTimers } from '../../syncer/base/clock.ts'
import type { Reporter } from '../ui/events.ts'
import { createJsonReporter } from '../ui/json-reporter.ts'
import { createLineReporter } from '../ui/line-reporter.ts'
import { digestProblems } from '../ui/problem-digest.ts'
import { createScreenReporter } from '../ui/screen-reporter.ts'
import { paintFor, wantsColour } from '../ui/style.ts'
import type { GlobalOptions, Io } from './io.ts'

/**
 * Lines of JSON where asked for, a screen where there is a terminal that can, plain lines elsewhere. With a `label`, of
 * one of several that print here, always lines.
 */
export function createReporter(io: Io, globals: GlobalOptions, label?: string): Reporter {
  if (globals.json) return createJsonReporter({ out: io.stdout, now: Date.now, dev: label })
  return digestProblems(forPeople(io, globals, label), systemTimers)
}

function forPeople(io: Io, globals: GlobalOptions, label: string | undefined): Reporter {
  const paint = paintFor(wantsColour(io.stdout, io.env, globals))
  const plain = { out: io.stdout, err: io.stderr, paint, now: systemClock.monotonic }
  if (label !== undefined) return createLineReporter({ ...plain, label })
  // Without colours we write no escapes at all, and a screen is made of them.
  if (!wantsColour(io.stdout, io.env, globals)) return createLineReporter(plain)
  const every = (ms: number, tick: () => void) => {
    const timer = setInterval(tick, ms)
    return () => clearInterval(timer)
  }
  return createScreenReporter({ out: io.stdout, paint, every })
}
