import type { Container } from './container.ts'
import type { PodTemplate } from './pod-template.ts'

/** What is different in a workload's new pod template, in a few words each: `env RELEASE of app`, `image of side`. */
export function templateChanges(before: PodTemplate, after: PodTemplate): string[] {
  const { containers: _c, initContainers: _i, ...ofPod } = before.spec
  const { containers: _c2, initContainers: _i2, ...ofPodNow } = after.spec
  return [
    ...containerChanges(before.spec.containers, after.spec.containers, 'container'),
    ...containerChanges(before.spec.initContainers ?? [], after.spec.initContainers ?? [], 'init container'),
    ...changedKeys(ofPod, ofPodNow),
    ...changedKeys(before.metadata?.labels ?? {}, after.metadata?.labels ?? {}).map(key => `label ${key}`),
    ...changedKeys(before.metadata?.annotations ?? {}, after.metadata?.annotations ?? {}).map(
      key => `annotation ${key}`,
    ),
  ]
}

function containerChanges(before: Container[], after: Container[], what: string): string[] {
  const names = [...new Set([...before, ...after].map(({ name }) => name))]
  return names.flatMap(name => {
    const was = before.find(each => each.name === name)
    const is = after.find(each => each.name === name)
    if (!was) return [`a new ${what} ${name}`]
    if (!is) return [`no ${what} ${name} any more`]
    const { env: wasEnv = [], ...rest } = was
    const { env: isEnv = [], ...restNow } = is
    return [...envChanges(wasEnv, isEnv), ...changedKeys(rest, restNow)].map(change => `${change} of ${name}`)
  })
}

function envChanges(before: NonNullable<Container['env']>, after: NonNullable<Container['env']>): string[] {
  const byName = (env: typeof before) => Object.fromEntries(env.map(entry => [entry.name, entry]))
  return changedKeys(byName(before), byName(after)).map(name => `env ${name}`)
}

function changedKeys(before: object, after: object): string[] {
  const was = before as Record<string, unknown>
  const is = after as Record<string, unknown>
  const keys = [...new Set([...Object.keys(was), ...Object.keys(is)])]
  return keys.filter(key => JSON.stringify(was[key]) !== JSON.stringify(is[key]))
}
