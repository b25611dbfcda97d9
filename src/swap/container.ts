import type { Resources } from '../manifest/manifest.ts'

export interface VolumeMount {
  name: string
  mountPath: string
  subPath?: string
  readOnly?: boolean
}

/** A container of a pod template; only what we touch is named. */
export interface Container {
  name: string
  image?: string
  command?: string[]
  args?: string[]
  workingDir?: string
  env?: { name: string; value?: string; valueFrom?: object }[]
  resources?: Resources
  securityContext?: Record<string, unknown>
  volumeMounts?: VolumeMount[]
  ports?: { hostPort?: number }[]
  [field: string]: unknown
}
