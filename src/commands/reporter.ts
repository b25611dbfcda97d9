import type { Reporter } from '../ui/events.ts'
import { createJsonReporter } from '../ui/json-reporter.ts'
import { createLineReporter } from '../ui/line-reporter.ts'
import { createScreenReporter } from '../ui/screen-reporter.ts'
import { paintFor, wantsColour } from '../ui/style.ts'
import type { GlobalOptions, Io } from './io.ts'

/**
 * Lines of JSON where asked for, a screen where there is a terminal that can, plain lines elsewhere. With a `label`, of
 * one of several that print here, always lines.
 */
export function createReporter(io: Io, globals: GlobalOptions, label?: string): Reporter {
  if (globals.json) return createJsonReporter({ out: io.stdout, now: Date.now, dev: label })
  const paint = paintFor(wantsColour(io.stdout, io.env, globals))
  if (label !== undefined) return createLineReporter({ out: io.stdout, err: io.stderr, paint, label })
  // Without colours we write no escapes at all, and a screen is made of them.
  if (!wantsColour(io.stdout, io.env, globals)) return createLineReporter({ out: io.stdout, err: io.stderr, paint })
  const every = (ms: number, tick: () => void) => {
    const timer = setInterval(tick, ms)
    return () => clearInterval(timer)
  }
  return createScreenReporter({ out: io.stdout, paint, every })
}
