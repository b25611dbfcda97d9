import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type PodVolume, RuntimeRefusal, type VolumeFile } from '../pod-runtime.ts'
import type { ClaimFolders } from './claim-folders.ts'

/**
 * Makes the folders of a pod's volumes; answers them by name. Their own names are short: a socket's path may have
 * 104 bytes.
 * @throws RuntimeRefusal `FailedMount`
 */
export function makeVolumes(folder: string, volumes: PodVolume[], claims: ClaimFolders): Map<string, string> {
  return new Map(
    volumes.map(({ name, source }, index) => {
      if (source.type === 'claim') return [name, claims.folderOf(source.uid)]
      const place = join(folder, `v${index}`)
      mkdirSync(place)
      if (source.type === 'files') for (const file of source.files) writeVolumeFile(place, name, file)
      return [name, place]
    }),
  )
}

function writeVolumeFile(folder: string, volume: string, { path, content, mode }: VolumeFile): void {
  if (path.split('/').some(name => ['', '.', '..'].includes(name))) {
    throw new RuntimeRefusal('FailedMount', `volume ${volume}: ${path} leads out of it`)
  }
  const place = join(folder, path)
  mkdirSync(dirname(place), { recursive: true })
  writeFileSync(place, content, { mode })
}
