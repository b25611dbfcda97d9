import { didYouMean } from './did-you-mean.ts'
import { devFields } from './field-names.ts'
import type { Fields } from './fields.ts'
import { ManifestError } from './manifest-error.ts'

/** v2 has its devs below `dev`; v1 is one dev at the root; the others are files of other tools. */
export type RootForm = 'v2' | 'v1' | 'compose' | 'kubernetes' | 'unknown'

const v2Only = ['dev', 'devs', 'build', 'deploy', 'destroy', 'dependencies', 'external', 'test']
/** Fields of a v1 dev that a v2 root does not have; `forward`, `name`, `namespace` and `context` occur in both. */
const v1Only = Object.keys(devFields).filter(name => !['forward', 'name', 'namespace', 'context'].includes(name))

/** Which form a file has, by the fields of its root. */
export function rootForm(fields: Fields): RootForm {
  if (fields.has('apiVersion') ? fields.has('kind') : fields.has('metadata') && fields.has('spec')) return 'kubernetes'
  if (v2Only.some(name => fields.has(name))) return 'v2'
  if (fields.entry('services')?.value.kind === 'map' || fields.has('version')) return 'compose'
  const isV1 = [...v1Only, 'name'].some(name => fields.has(name))
  if (isV1) return 'v1'
  if (fields.has('forward')) return 'v2'
  const names = [...fields.all()].slice(0, 100).map(({ key }) => key)
  if (names.some(name => didYouMean(name, ['dev']) !== undefined)) return 'v2'
  return names.some(name => didYouMean(name, [...v1Only, 'name']) !== undefined) ? 'v1' : 'unknown'
}

/** A dev manifest for the first service of a Compose file that has a folder of the laptop. */
function suggestion(compose: Fields): string {
  const services = compose.entry('services')?.value
  const named = services?.kind === 'map' ? services.pairs.slice(0, 100) : []
  for (const { key, value } of named) {
    if (key.kind !== 'scalar' || !/^[a-z0-9][a-z0-9-]{0,62}$/.test(key.text) || value.kind !== 'map') continue
    const volumes = value.pairs.find(pair => pair.key.kind === 'scalar' && pair.key.text === 'volumes')?.value
    for (const item of volumes?.kind === 'list' ? volumes.items : []) {
      const folder =
        item.kind === 'scalar' ? /^(\.[\w./-]{0,100}:\/[\w./-]{1,100})(?::\w+)?$/.exec(item.text)?.[1] : undefined
      if (folder !== undefined) return `dev: {${key.text}: {sync: ["${folder}"]}}`
    }
  }
  return 'dev: {WORKLOAD: {sync: [".:/app"]}}'
}

/** Says what the file is instead, and what to do. Throws {@link ManifestError}. */
export function refuseForeignForm(fields: Fields, form: 'compose' | 'kubernetes' | 'unknown'): never {
  const { at } = fields
  if (form === 'compose') {
    const hint = `what runs in the cluster stays as it is; say in a dev.yml what you develop: ${suggestion(fields)}`
    throw new ManifestError([{ at, message: 'this is a Compose file, not a dev manifest', hint }])
  }
  if (form === 'unknown') {
    const hint = 'it needs dev: {WORKLOAD: {image: …, sync: [".:/app"]}}'
    throw new ManifestError([{ at, message: 'this is not a dev manifest: it has no `dev`', hint }])
  }
  const kind = fields.value('kind')
  const named = kind?.kind === 'scalar' && /^[A-Za-z]{1,60}$/.test(kind.text) ? ` (${kind.text})` : ''
  const hint = 'a dev manifest names the workload: dev: {WORKLOAD: {image: …, sync: [".:/app"]}}'
  throw new ManifestError([{ at, message: `this is a Kubernetes object${named}, not a dev manifest`, hint }])
}
