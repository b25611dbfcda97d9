import { Fields } from './fields.ts'
import type { Dev } from './manifest.ts'
import { readCommand } from './read-command.ts'
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

/**
 * `lifecycle`: one truth value for both of the original's hooks, or a map with a truth value or `{enabled, command}` for
 * each. What has a command is a hook of the dev's own. undefined: none.
 */
export function readLifecycle(reading: Reading, fields: Fields): Pick<Dev, 'lifecycle' | 'hooks'> {
  const node = fields.value('lifecycle')
  if (node?.kind !== 'map') {
    const lifecycle = readFlags(reading, fields, 'lifecycle', hookNames)
    return lifecycle === undefined ? {} : { lifecycle }
  }
  const parts = new Fields(reading, node)
  parts.complainAboutRest({ postStart: 'read', preStop: 'read', postStop: 'read' }, 'lifecycle.')
  const older = parts.value('postStop')
  if (older !== undefined && parts.value('preStop') !== undefined) {
    const message = '`lifecycle.postStop` is left alone: it is an older name of `preStop`, which is there too'
    reading.complaints.warn(older.at, message, 'write what is to run in `preStop`')
  }
  const lifecycle: NonNullable<Dev['lifecycle']> = []
  const hooks: NonNullable<Dev['hooks']> = {}
  for (const name of hookNames) {
    // Okteto 2 called it so
    const written = name === 'preStop' && parts.value(name) === undefined ? 'postStop' : name
    const wanted = readHook(reading, parts, written)
    if (wanted === true) lifecycle.push(name)
    else if (wanted) hooks[name] = wanted
  }
  return { ...(lifecycle.length > 0 && { lifecycle }), ...(Object.keys(hooks).length > 0 && { hooks }) }
}

/** The command of the hook, or whether the original's is kept. */
function readHook(reading: Reading, fields: Fields, name: string): boolean | string[] {
  const node = fields.value(name)
  if (node?.kind !== 'map') return readBoolean(reading, fields, name) === true
  const parts = new Fields(reading, node)
  parts.complainAboutRest({ enabled: 'read', command: 'read' }, `lifecycle.${name}.`)
  const hasCommand = parts.value('command') !== undefined
  const isOn = readBoolean(reading, parts, 'enabled') ?? hasCommand
  const command = readCommand(reading, parts)
  return isOn && hasCommand ? command : isOn
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
