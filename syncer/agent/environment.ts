import { readFileSync } from 'node:fs'
import { keptOptionsVariable } from '../pod/portable-files.ts'

/**
 * The environment that the container was given. The agent's own lacks `LD_*` and `NODE_*` (see `native/init.c`), so it
 * is read from the parent, `init boot`, whose `/proc` file still shows what it was started with.
 */
export function containerEnvironment(): Record<string, string> {
  const { [keptOptionsVariable]: options, ...environment } = readEnvironment()
  return options === undefined ? environment : { ...environment, NODE_OPTIONS: options }
}

function readEnvironment(): Record<string, string> {
  try {
    return parseEnvironment(readFileSync(`/proc/${process.ppid}/environ`))
  } catch {
    return Object.fromEntries(
      Object.entries(process.env).flatMap(([name, text]) => (text === undefined ? [] : [[name, text]])),
    )
  }
}

/** `NAME=text` entries, each ended by a zero byte; the first of a name counts, as for getenv. */
export function parseEnvironment(bytes: Buffer): Record<string, string> {
  const environment: Record<string, string> = Object.create(null)
  for (const entry of bytes.toString().split('\0')) {
    const at = entry.indexOf('=')
    if (at > 0) environment[entry.slice(0, at)] ??= entry.slice(at + 1)
  }
  return environment
}
