import { nodeCommand, podLayout } from '../../syncer/base/pod-layout.ts'
import type { Resources } from '../manifest/manifest.ts'
import { parseQuantity } from '../swap/quantity.ts'

/** What the agent's memory adds to the dev container's own request and limit. */
export const agentMemoryBytes = 256 * 1024 * 1024
/** Least ephemeral storage on top of what is asked: Node's copy (104 MB and more) in the emptyDir counts as such. */
export const agentEphemeralStorageBytes = 512 * 1024 * 1024
/**
 * The least that the agent's heap may grow to: well below {@link agentMemoryBytes}. With 100,000 files a new agent in an
 * old pod needs more for a moment, with 300,000 always; one that may not have it dies at each start, and nothing is synced.
 */
const agentHeapMegabytes = { least: 160, most: 1024 }
/**
 * Up to here the heap may grow before all of it is looked through: while a first sync fills it, V8's own beginning has
 * that done some thirty times, a quarter of the agent's work.
 */
const agentHeapAtStartMegabytes = 96
/**
 * One thread beside the agent's own for V8's garbage and compiler. Its usual four stand in each other's way on few
 * processors: in a first sync they took a third of the agent's time.
 */
const collector = ['--v8-pool-size=1', '--max-semi-space-size=8']

/**
 * A node's kube-proxy leaves a pod that ends out of a Service's ways within a second by default (`iptables.minSyncPeriod`).
 * Until then it leads new connections there, and where nothing is any more they hang for seconds.
 */
const lingerMs = 1_500

/** Name of our init container and of our volume in the dev pod. */
export const agentPartName = 'podswap-agent'

/** A user that is nobody's: for a stock Node image, which is root, where `runAsNonRoot` holds and no uid is given. */
const unprivilegedUser = 65532

/** The fields of a Kubernetes security context (container's or pod's) that matter here; the rest is passed on. */
export interface KubeSecurityContext {
  runAsUser?: number
  runAsGroup?: number
  runAsNonRoot?: boolean
  seccompProfile?: object
  appArmorProfile?: object
  seLinuxOptions?: object
  [field: string]: unknown
}

export interface AgentPartsOptions {
  /** From `agentImage()`. */
  image: string
  imagePullPolicy?: 'Always' | 'IfNotPresent' | 'Never'
  /** Source for `node -e` in the init container: `readAgentFiles().startScript`. */
  startScript: string
  /** The dev container's, as it will be in the clone. */
  containerSecurityContext?: KubeSecurityContext
  /** The pod's, as it will be in the clone. */
  podSecurityContext?: KubeSecurityContext
  /** The dev container's, as they will be in the clone. */
  containerResources?: Resources
  /** The manifest's `initContainer.resources`; they win. */
  resources?: Resources
  /** The API group `security.openshift.io` exists: it assigns the uid, and refuses one that is given. */
  assignsUsers?: boolean
}

/** What a pod template needs so that the agent runs in one of its containers; plain Kubernetes objects. */
export interface AgentParts {
  /** Goes before the template's own init containers. */
  initContainer: Record<string, unknown>
  volume: { name: string; emptyDir: object }
  /** For the dev container. */
  volumeMount: { name: string; mountPath: string }
  /** Replaces the dev container's `command`; its `args` must be removed. */
  command: string[]
  /** For a `preStop` hook: holds the end of the container back, so that it still answers whom a Service sends there. */
  linger: string[]
}

/** The pieces of the dev pod that deliver the agent and run it as the first process. */
export function agentParts(options: AgentPartsOptions): AgentParts {
  const volumeMount = { name: agentPartName, mountPath: podLayout.home }
  return {
    initContainer: {
      name: agentPartName,
      image: options.image,
      ...(options.imagePullPolicy && { imagePullPolicy: options.imagePullPolicy }),
      command: ['node', '-e', options.startScript],
      workingDir: '/',
      env: cleanEnvironment,
      resources: initResources(options),
      securityContext: initSecurityContext(options),
      volumeMounts: [volumeMount],
      terminationMessagePolicy: 'FallbackToLogsOnError',
    },
    volume: { name: agentPartName, emptyDir: {} },
    volumeMount,
    command: bootCommand(options.containerResources?.limits?.memory),
    linger: nodeCommand('-e', `setTimeout(() => {}, ${lingerMs})`),
  }
}

/** An agent image of the user's own may carry these, which would keep its Node from starting plainly. */
const cleanEnvironment = [
  { name: 'NODE_OPTIONS', value: '' },
  { name: 'LD_PRELOAD', value: '' },
]

/**
 * The container's first process, which starts the agent and starts it again.
 * @param memoryLimit the container's
 */
function bootCommand(memoryLimit: string | undefined): string[] {
  const { init, loader, libraries, node, boot } = podLayout
  const most = heapMegabytesMax(memoryLimit)
  const heap = [`--max-old-space-size=${most}`, `--initial-old-space-size=${agentHeapAtStartMegabytes}`, ...collector]
  return [init, 'boot', loader, '--library-path', libraries, node, ...heap, boot]
}

/** Half of what the container may have: on cgroup v2 going beyond that kills all of it. */
function heapMegabytesMax(memoryLimit: string | undefined): number {
  const { least, most } = agentHeapMegabytes
  if (memoryLimit === undefined) return most
  const half = Math.floor((parseQuantity(memoryLimit) ?? 0) / 2 / 2 ** 20)
  return Math.min(most, Math.max(least, half))
}

/**
 * Passes every admission that the dev container passes: it has the container's user and profiles, and beyond that no
 * right at all, for it only copies files into a volume that everybody may write.
 */
function initSecurityContext(options: AgentPartsOptions): Record<string, unknown> {
  const container = options.containerSecurityContext ?? {}
  const pod = options.podSecurityContext ?? {}
  const nonRoot = container.runAsNonRoot ?? pod.runAsNonRoot
  const fallbackUser = nonRoot && !options.assignsUsers ? unprivilegedUser : undefined
  return withoutUndefined({
    runAsUser: container.runAsUser ?? pod.runAsUser ?? fallbackUser,
    runAsGroup: container.runAsGroup ?? pod.runAsGroup,
    runAsNonRoot: nonRoot,
    seccompProfile: container.seccompProfile,
    appArmorProfile: container.appArmorProfile,
    seLinuxOptions: container.seLinuxOptions,
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  })
}

/**
 * The manifest's figures, else the dev container's: a pod's are the larger of its init containers' and its containers'
 * sum, so asking the same costs nothing and fits every LimitRange that the dev container fits. A limit of memory is
 * written in any case. One of ephemeral storage never without the dev container's: the kubelet evicts a pod that holds
 * more than the larger of its init containers' and its containers' limits, also where only an init container has one.
 */
function initResources({ resources, containerResources }: AgentPartsOptions): Resources {
  const requests = pickCompute((resources ?? containerResources)?.requests)
  const limits = pickCompute((resources ?? containerResources)?.limits)
  // a limit of ours below a request of theirs would be refused
  if (!requests.memory) limits.memory ??= `${agentMemoryBytes}`
  return { requests, limits }
}

/** Not the devices (`nvidia.com/gpu`) and huge pages, which the init container has no use for. */
function pickCompute(amounts: Record<string, string> = {}): Record<string, string> {
  const compute = ['cpu', 'memory', 'ephemeral-storage']
  return Object.fromEntries(Object.entries(amounts).filter(([name]) => compute.includes(name)))
}

function withoutUndefined(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}
