import type { Position } from '../../syncer/base/errors.ts'

/** A manifest as the rest of the program sees it, whichever form the file had. */
export interface Manifest {
  /** Absolute path of the file. */
  file: string
  namespace?: string
  context?: string
  devs: Dev[]
  warnings: Complaint[]
}

/** Something the reader has to say about a place in the file. */
export interface Complaint {
  at: Position
  message: string
  hint?: string
}

/** One workload to develop. Every field is checked and has its default. */
export interface Dev {
  name: string
  at: Position
  /** Replaces the look-up by name. */
  selector?: Record<string, string>
  /** The workload's container to replace; absent: its first. */
  container?: string
  /** absent: the container's own image. */
  image?: string
  imagePullPolicy?: 'Always' | 'IfNotPresent' | 'Never'
  /** The dev command, ready for exec; never empty. */
  command: string[]
  workdir?: string
  sync: SyncFolder[]
  forward: Forward[]
  reverse?: Reverse[]
  /** In the order of the file. */
  environment: { name: string; value: string }[]
  /** Address that local listeners bind; `localhost` unless said otherwise. */
  interface: string
  initContainer?: { image?: string; resources?: Resources }
  securityContext?: SecurityContext
  resources?: Resources
  scheduling?: Scheduling
  /** For the clone and its pods. */
  metadata?: { labels?: Record<string, string>; annotations?: Record<string, string> }
  /** A service without a command: it runs the original's own. */
  keepsCommand?: true
  /** More workloads with the same files; they go up and down with this one. */
  services?: Dev[]
  /** Where there is no such workload, one is made, with a Service. */
  autocreate?: true
  /** How long `up` waits for the dev pod to run; absent: as long as the person does. */
  podTimeoutMs?: number
  /** Which of the original's probes are kept; absent: none. */
  probes?: ('liveness' | 'readiness' | 'startup')[]
  /** Which of the original's hooks are kept; absent: none. */
  lifecycle?: ('postStart' | 'preStop')[]
  /** Hooks of the dev's own, in place of the original's: what runs in the container then. */
  hooks?: { postStart?: string[]; preStop?: string[] }
  /** Empty folders at the first start; with `persistentVolume` they keep what they hold. */
  volumes?: VolumePath[]
  /** What the image has at the volumes’ paths is copied into them at their first start. */
  initFromImage?: true
  externalVolumes?: ExternalVolume[]
  secrets?: SecretFile[]
  /** absent: off. */
  persistentVolume?: PersistentVolume
}

export interface VolumePath {
  /** Absolute path in the container, normalised, not `/`. */
  path: string
  at: Position
}

/** A file of the laptop that the container is to have, in memory. */
export interface SecretFile {
  /** Absolute path of a file on the laptop. */
  local: string
  /** Absolute path in the container, normalised, in no synced folder. */
  remote: string
  /** Permission bits. */
  mode: number
  at: Position
}

/** A claim of somebody else's that is mounted too. */
export interface ExternalVolume extends VolumePath {
  claim: string
  /** Folder within the claim, relative; absent: its root. */
  subPath?: string
}

/** A claim of our own, in which `volumes` and the synced folders survive `down`. */
export interface PersistentVolume {
  /** A quantity: `5Gi`. */
  size: string
  accessMode: 'ReadWriteOnce' | 'ReadWriteMany' | 'ReadWriteOncePod'
  /** absent: the cluster's default. */
  storageClass?: string
  labels?: Record<string, string>
  annotations?: Record<string, string>
  at: Position
}

export interface SyncFolder {
  /** Absolute path of an existing folder on the laptop. */
  local: string
  /** Absolute path in the container, normalised, not `/`. */
  remote: string
  /** Whose changes travel: both ends', the laptop's, or the pod's. */
  mode: 'two-way' | 'push' | 'pull'
  /** Whose version stays where both ends changed one file; absent: both are kept. Two-way only. */
  prefer?: 'local' | 'remote'
  /** Globs from the folder on for what is synced although an ignore file leaves it out. */
  include?: string[]
  initial: 'mirror' | 'keep'
  at: Position
}

export interface Forward {
  localPort: number
  /** Any name that resolves inside the pod; absent: the dev container itself. */
  host?: string
  /** Instead of a host: the Service, else the pods, that bear them. */
  labels?: Record<string, string>
  remotePort: number
  /** The file's, for whichever of its devs runs: where its local port is taken, it waits for it. */
  isShared?: true
  at: Position
}

/** A port of the pod that leads to the laptop. */
export interface Reverse {
  remotePort: number
  localPort: number
  at: Position
}

export interface Resources {
  requests?: Record<string, string>
  limits?: Record<string, string>
}

export interface SecurityContext {
  runAsUser?: number
  runAsGroup?: number
  fsGroup?: number
  runAsNonRoot?: boolean
  allowPrivilegeEscalation?: boolean
  readOnlyRootFilesystem?: boolean
  privileged?: boolean
  seccompProfile?: { type: 'RuntimeDefault' | 'Unconfined' | 'Localhost'; localhostProfile?: string }
  seLinuxOptions?: { user?: string; role?: string; type?: string; level?: string }
  capabilities?: { add?: string[]; drop?: string[] }
}

/** Where the dev pod runs and as whom, in Kubernetes' own terms. */
export interface Scheduling {
  /** Replaces the original's, as `affinity` does. */
  nodeSelector?: Record<string, string>
  affinity?: Affinity
  /** Beside the original's. */
  tolerations?: Toleration[]
  serviceAccount?: string
  priorityClassName?: string
}

export interface Affinity {
  nodeAffinity?: object
  podAffinity?: object
  podAntiAffinity?: object
}

export interface Toleration {
  key?: string
  operator?: 'Equal' | 'Exists'
  value?: string
  effect?: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute'
  tolerationSeconds?: number
}
