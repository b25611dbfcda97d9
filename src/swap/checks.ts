import type { Dev } from '../manifest/manifest.ts'
import type { Container } from './container.ts'

const probeFields = { liveness: 'livenessProbe', readiness: 'readinessProbe', startup: 'startupProbe' } as const
type Probe = keyof typeof probeFields
const probeNames = Object.keys(probeFields) as Probe[]
const hookNames = ['postStart', 'preStop'] as const

type Wanted = Pick<Dev, 'probes' | 'lifecycle' | 'hooks'>

/** The container with those probes and hooks only that the dev keeps, and with the dev's own hooks. */
export function withKeptChecks(container: Container, { probes = [], lifecycle = [], hooks = {} }: Wanted): Container {
  const result = { ...container }
  for (const name of probeNames) if (!probes.includes(name)) delete result[probeFields[name]]
  const kept = Object.entries(hooksOf(container)).filter(([name]) => (lifecycle as string[]).includes(name))
  const own = Object.entries(hooks).map(([name, command]) => [name, { exec: { command } }])
  if (kept.length + own.length > 0) result.lifecycle = Object.fromEntries([...kept, ...own])
  else delete result.lifecycle
  return result
}

/** What a person should know of what is off, and of what is on. */
export function checkWarnings(container: Container, { probes = [], lifecycle = [], hooks = {} }: Wanted): string[] {
  const warnings: string[] = []
  const off = (name: Probe) => container[probeFields[name]] !== undefined && !probes.includes(name)
  if (off('readiness')) {
    warnings.push(`the probes of ${container.name} are off: Services send it traffic before the app listens`)
  } else if (probeNames.some(off)) warnings.push(`the probes of ${container.name} are off`)
  for (const name of ['liveness', 'startup'] as const) {
    if (container[probeFields[name]] === undefined || !probes.includes(name)) continue
    const what = `the ${name} probe of ${container.name} is kept`
    warnings.push(`${what}: while the dev command does not answer it, the cluster restarts the container`)
  }
  if (hookNames.some(name => hooksOf(container)[name] && !lifecycle.includes(name) && !hooks[name])) {
    warnings.push(`the lifecycle hooks of ${container.name} are off`)
  }
  return warnings
}

function hooksOf({ lifecycle }: Container): Record<string, unknown> {
  return (lifecycle ?? {}) as Record<string, unknown>
}
