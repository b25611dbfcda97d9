// biome-ignore-all lint/suspicious/noExplicitAny: volume sources have a shape each; what is not known here is refused
import type { PodVolume, VolumeFile, VolumeSource } from '../pod-runtime.ts'
import type { ObjectStore } from '../store/object-store.ts'
import { resourceTypes } from '../store/resource-types.ts'
import { ConfigError, dataOf, fieldOf, type PodScene } from './environment.ts'

/** Every volume of the pod, with its content where it has one. Throws {@link ConfigError} for what is not there. */
export function volumesOf(store: ObjectStore, scene: PodScene): PodVolume[] {
  return ((scene.pod.spec.volumes ?? []) as any[]).map(volume => ({
    name: volume.name,
    source: sourceOf(store, scene, volume),
  }))
}

function sourceOf(store: ObjectStore, scene: PodScene, volume: any): VolumeSource {
  if (volume.persistentVolumeClaim) {
    const { claimName, readOnly = false } = volume.persistentVolumeClaim
    const namespace = scene.pod.metadata.namespace ?? ''
    const claim = store.get(resourceTypes.PersistentVolumeClaim, { namespace, name: claimName })
    if (!claim) throw new ConfigError(`persistentvolumeclaim ${JSON.stringify(claimName)} not found`)
    return { type: 'claim', uid: claim.metadata.uid ?? '', claimName, readOnly }
  }
  const files = filesOf(store, scene, volume)
  return files ? { type: 'files', files } : { type: 'emptyDir' }
}

function filesOf(store: ObjectStore, scene: PodScene, source: any, inherited?: number): VolumeFile[] | undefined {
  if (source.projected) {
    const mode = source.projected.defaultMode
    return (source.projected.sources as any[]).flatMap(each => filesOf(store, scene, each, mode) ?? [])
  }
  if (source.downwardAPI) {
    const mode = inherited ?? source.downwardAPI.defaultMode
    return (source.downwardAPI.items ?? []).map((item: any) => ({
      path: item.path,
      content: Buffer.from(fieldOf(scene, item.fieldRef.fieldPath)),
      mode: item.mode ?? mode,
    }))
  }
  const { configMap, secret } = source
  if (!configMap && !secret) return undefined
  const type = configMap ? resourceTypes.ConfigMap : resourceTypes.Secret
  const wanted = configMap ?? secret
  const name = wanted.name ?? wanted.secretName
  const data = dataOf(store, type, scene.pod.metadata.namespace ?? '', name)
  if (!data && !wanted.optional) throw new ConfigError(`${type.singular} ${JSON.stringify(name)} not found`)
  return keyedFiles(data ?? {}, wanted, inherited ?? wanted.defaultMode)
}

function keyedFiles(data: Record<string, Buffer>, wanted: any, mode: number): VolumeFile[] {
  if (!wanted.items) return Object.entries(data).map(([path, content]) => ({ path, content, mode }))
  return (wanted.items as { key: string; path: string; mode?: number }[]).flatMap(({ key, path, mode: own }) => {
    const content = Object.hasOwn(data, key) ? data[key] : undefined
    if (!content && !wanted.optional) throw new ConfigError(`references non-existent config key: ${key}`)
    return content ? [{ path, content, mode: own ?? mode }] : []
  })
}
