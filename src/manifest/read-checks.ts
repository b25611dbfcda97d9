import { Fields } from './fields.ts'
import type { Dev } from './manifest.ts'
import { readBoolean } from './read-scalar.ts'
import type { Reading } from './reading.ts'

const probeNames = ['liveness', 'readiness', 'startup'] as const
const hookNames = ['postStart', 'preStop'] as const

/**
 * `probes`, one truth value for all or a map with one for each; undefined: none is kept. `healthchecks`, its name in v1
 * files, counts where `probes` is missing.
 */
export function readProbes(reading: Reading, fields: Fields): Dev['probes'] {
  const name = fields.value('probes') === undefined ? 'healthchecks' : 'probes'
  if (name === 'probes' && fields.value('healthchecks') !== undefined) {
    reading.complaints.warn(fields.entry('healthchecks')!.keyAt, 'has no effect here: healthchecks, beside `probes`')
  }
  return readFlags(reading, fields, name, probeNames)
}

/** `lifecycle`, which of the original's hooks are kept: one truth value for both, or a map; undefined: none. */
export function readLifecycle(reading: Reading, fields: Fields): Dev['lifecycle'] {
  return readFlags(reading, fields, 'lifecycle', hookNames)
}

/** Those that are true; undefined where none is. */
function readFlags<Name extends string>(
  reading: Reading,
  fields: Fields,
  name: string,
  known: readonly Name[],
): Name[] | undefined {
  const node = fields.value(name)
  if (node === undefined) return undefined
  let wanted: Name[]
  if (node.kind === 'map') {
    const parts = new Fields(reading, node)
    parts.complainAboutRest(Object.fromEntries(known.map(each => [each, 'read' as const])), `${name}.`)
    wanted = known.filter(each => readBoolean(reading, parts, each) === true)
  } else wanted = readBoolean(reading, fields, name) === true ? [...known] : []
  return wanted.length > 0 ? wanted : undefined
}
