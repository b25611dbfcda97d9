import { UserError } from '../../syncer/base/errors.ts'
import { nodeCommand, podLayout } from '../../syncer/base/pod-layout.ts'
import { agentPartName } from '../agent/pod-parts.ts'
import type { Dev } from '../manifest/manifest.ts'
import type { Container, VolumeMount } from './container.ts'
import { outlivesPod, type Volume } from './pod-template.ts'

/** What the dev adds to the pod's volumes and to its container's mounts. */
export interface DevVolumes {
  volumes: Volume[]
  mounts: VolumeMount[]
  warnings: string[]
  /** Of the volume that is ours: each folder with the path at which the container has it. */
  own: { path: string; subPath: string }[]
}

/** Names of the volumes of ours in the dev pod. */
const volumesName = 'podswap-volumes'
const secretsName = 'podswap-secrets'

/**
 * The dev's `volumes` and `externalVolumes`. With a claim the `volumes` and the synced folders lie in it, each in a folder
 * named for its path: what one manifest leaves there is not seen by another that has other paths. Without one the
 * `volumes` are empty folders in an emptyDir, which everybody may write. Of the dev's `secrets` only the memory volume is
 * here: the agent is sent their content.
 */
export function devVolumes(original: Container, dev: Dev, claim: string | undefined): DevVolumes {
  const taken = new Map((original.volumeMounts ?? []).map(({ mountPath, name }) => [withoutSlash(mountPath), name]))
  const result: DevVolumes = { volumes: [], mounts: [], warnings: [], own: [] }
  const wanted = [
    ...(claim === undefined ? [] : dev.sync.map(({ remote }) => ({ path: remote, subPath: `sync${remote}` }))),
    ...(dev.volumes ?? []).map(({ path }) => ({ path, subPath: `volumes${path}` })),
  ]
  for (const { path, subPath } of wanted) {
    const theirs = taken.get(path)
    if (theirs === undefined) {
      result.mounts.push({ name: volumesName, mountPath: path, subPath })
      result.own.push({ path, subPath })
    } else result.warnings.push(`${path} stays what ${original.name} mounts there: the volume ${theirs}`)
  }
  if (result.mounts.length > 0) {
    const source = claim === undefined ? { emptyDir: {} } : { persistentVolumeClaim: { claimName: claim } }
    result.volumes.push({ name: volumesName, ...source })
  }
  if (dev.secrets) {
    result.volumes.push({ name: secretsName, emptyDir: { medium: 'Memory' } })
    result.mounts.push({ name: secretsName, mountPath: podLayout.secrets })
  }
  addExternal(original, dev, taken, result)
  return result
}

/**
 * An init container of the dev image that copies what the image has at the paths of our volume into it
 * (`syncer/pod/fill.ts`), as the container's own user; undefined where there is nothing to fill.
 */
export function fillContainer(dressed: Container, dev: Dev, own: DevVolumes['own']): Container | undefined {
  if (!dev.initFromImage || own.length === 0) return undefined
  const { image, imagePullPolicy, securityContext, resources } = dressed
  const folders = own.map(({ path, subPath }) => ({ from: path, to: subPath }))
  // Kubernetes expands $(NAME) and $$ in a command
  const text = JSON.stringify(folders).replaceAll('$', '\\u0024')
  return {
    name: volumesName,
    ...(image !== undefined && { image }),
    ...(imagePullPolicy !== undefined && { imagePullPolicy }),
    command: nodeCommand(podLayout.fill, podLayout.filled, text),
    workingDir: '/',
    ...(resources && { resources }),
    ...(securityContext && { securityContext }),
    volumeMounts: [
      { name: agentPartName, mountPath: podLayout.home },
      { name: volumesName, mountPath: podLayout.filled },
    ],
    terminationMessagePolicy: 'FallbackToLogsOnError',
  }
}

function addExternal(original: Container, dev: Dev, taken: Map<string, string>, { volumes, mounts }: DevVolumes): void {
  const names = new Map<string, string>()
  for (const { claim, path, subPath, at } of dev.externalVolumes ?? []) {
    const there = taken.get(path) ?? mounts.find(({ mountPath }) => mountPath === path)?.name
    if (there !== undefined) {
      throw new UserError(
        'unsupported',
        `${original.name} cannot mount ${claim} at ${path}: ${there} is mounted there`,
        {
          at,
          hint: 'mount it somewhere else',
        },
      )
    }
    const name = names.get(claim) ?? `podswap-external-${names.size + 1}`
    if (!names.has(claim)) volumes.push({ name, persistentVolumeClaim: { claimName: claim } })
    names.set(claim, name)
    mounts.push({ name, mountPath: path, ...(subPath !== undefined && { subPath }) })
  }
}

function withoutSlash(path: string): string {
  return path.length > 1 ? path.replace(/\/+$/, '') : path
}

/**
 * Fails with `unsupported` where a secret's place lies in a volume that outlives the dev pod: a link to what is gone by
 * then would stay there, in the place of what the original finds.
 */
export function refuseLastingSecrets(volumes: Volume[] = [], original: Container, dev: Dev): void {
  const lasting = (name: string) => {
    const volume = volumes.find(each => each.name === name)
    return !volume || outlivesPod(volume)
  }
  const mounts = [
    ...(original.volumeMounts ?? []).map(({ mountPath, name }) => ({
      path: mountPath,
      name,
      isLasting: lasting(name),
    })),
    ...(dev.externalVolumes ?? []).map(({ path, claim }) => ({ path, name: claim, isLasting: true })),
  ]
  for (const { remote, at } of dev.secrets ?? []) {
    const holding = mounts.filter(({ path }) => remote.startsWith(`${withoutSlash(path)}/`))
    const [innermost] = holding.sort((a, b) => withoutSlash(b.path).length - withoutSlash(a.path).length)
    if (!innermost?.isLasting) continue
    throw new UserError('unsupported', `${remote} lies in the volume ${innermost.name}, which outlives the dev pod`, {
      at,
      hint: 'a link to the secret would stay there: choose another place',
    })
  }
}
