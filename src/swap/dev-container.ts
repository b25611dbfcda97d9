import { UserError } from '../../syncer/base/errors.ts'
import { podLayout } from '../../syncer/base/pod-layout.ts'
import { type AgentParts, agentEphemeralStorageBytes, agentMemoryBytes } from '../agent/pod-parts.ts'
import type { Dev, Resources } from '../manifest/manifest.ts'
import { withKeptChecks } from './checks.ts'
import type { Container } from './container.ts'
import { addBytes } from './quantity.ts'

/** The container that the dev replaces. */
export function chooseContainer(containers: Container[], dev: Dev, workload: string): Container {
  const chosen = dev.container === undefined ? containers[0] : containers.find(({ name }) => name === dev.container)
  if (chosen) return chosen
  throw new UserError('not-found', `${workload} has no container ${dev.container}`, {
    at: dev.at,
    hint: `it has: ${containers.map(({ name }) => name).join(', ')}`,
  })
}

/** The container as the dev wants it, without the agent's parts: image, environment, limits, probes and hooks. */
export function devContainer(original: Container, dev: Dev, defaults: Resources): Container {
  const { args: _ofTheCommand, ...container } = withKeptChecks(original, dev)
  if (dev.image !== undefined) {
    container.image = dev.image
    // another image, another policy: the cluster's default for it
    delete container.imagePullPolicy
  }
  if (dev.imagePullPolicy) container.imagePullPolicy = dev.imagePullPolicy
  // the runtime would make a missing folder as root, and the agent could then not write to it; the dev command gets
  // its folder from the agent
  if (dev.image !== undefined && dev.workdir !== undefined) delete container.workingDir
  if (dev.environment.length > 0) container.env = mergeEnvironment(original.env ?? [], dev.environment)
  const security = devSecurity(original, dev)
  if (Object.keys(security).length > 0) container.securityContext = security
  const resources = devResources(original.resources ?? {}, dev.resources, defaults)
  if (Object.keys(resources).length > 0) container.resources = resources
  return container
}

/** What the manifest says of rights, on top of the original's; what cannot go with it is left out. */
function devSecurity(original: Container, dev: Dev): Record<string, unknown> {
  const { fsGroup: _ofThePod, ...wanted } = dev.securityContext ?? {}
  const security: Record<string, unknown> = { ...original.securityContext, ...wanted }
  if (wanted.privileged && wanted.allowPrivilegeEscalation === undefined) delete security.allowPrivilegeEscalation
  // also where it is the pod that says so
  if (wanted.runAsUser === 0 && wanted.runAsNonRoot === undefined) security.runAsNonRoot = false
  return security
}

/** The container with the agent as its first process. `lingers`: it ends only when no Service leads to it any more. */
export function withAgent(container: Container, parts: AgentParts, { lingers }: { lingers: boolean }): Container {
  const { volumeMounts = [], lifecycle } = container
  const home = `${podLayout.home}/`
  const taken = volumeMounts.find(({ mountPath }) => `${mountPath}/`.startsWith(home))
  if (taken) {
    throw new UserError('unsupported', `${container.name} mounts ${taken.name} at ${taken.mountPath}`, {
      hint: `podswap needs ${podLayout.home} for itself`,
    })
  }
  return {
    ...container,
    command: parts.command,
    volumeMounts: [...volumeMounts, parts.volumeMount],
    ...(lingers && { lifecycle: { preStop: { exec: { command: parts.linger } }, ...(lifecycle as object) } }),
  }
}

/** In place where the name is known, so that `$(NAME)` in later values still finds it; new ones at the end. */
function mergeEnvironment(env: NonNullable<Container['env']>, wanted: Dev['environment']): Container['env'] {
  const left = new Map(wanted.map(({ name, value }) => [name, value]))
  const overridden = new Set(left.keys())
  const merged: NonNullable<Container['env']> = []
  for (const entry of env) {
    const value = left.get(entry.name)
    if (!overridden.has(entry.name)) merged.push(entry)
    else if (value !== undefined) merged.push({ name: entry.name, value })
    left.delete(entry.name)
  }
  for (const [name, value] of left) merged.push({ name, value })
  return merged
}

/** What the agent takes on top, where there is a limit at all: with none there is nothing to run into. */
const agentShare: Record<string, number> = {
  memory: agentMemoryBytes,
  'ephemeral-storage': agentEphemeralStorageBytes,
}

/**
 * Requests stay; limits that the person did not write are raised by the agent's share. A LimitRange's `defaults` are
 * written out, for leaving a limit out would only have it filled in again: 50Mi of storage evict the pod.
 */
function devResources(own: Resources, wanted: Resources | undefined, defaults: Resources): Resources {
  const requests: Record<string, string> = { ...(wanted?.requests ?? own.requests) }
  const limits: Record<string, string> = { ...(wanted?.limits ?? own.limits) }
  for (const [name, bytes] of Object.entries(agentShare)) {
    const limit = limits[name] ?? defaults.limits?.[name]
    if (limit === undefined || wanted?.limits?.[name] !== undefined) continue
    limits[name] = addBytes(limit, bytes)
    // a missing request would become the raised limit
    requests[name] ??= defaults.requests?.[name] ?? limit
  }
  return {
    ...own,
    ...(Object.keys(requests).length > 0 && { requests }),
    ...(Object.keys(limits).length > 0 && { limits }),
  }
}
