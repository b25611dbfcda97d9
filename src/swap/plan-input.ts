import type { KubeObject } from '../cluster/cluster.ts'
import type { Dev, Resources } from '../manifest/manifest.ts'
import type { SwapRecord } from './record.ts'

export interface PlanOptions {
  /** Node's image for the init container, from `agentImage()`. */
  agentImage: string
  /** Source for the init container's `node -e`. */
  startScript: string
  /** Fits a label value with its owner's tag: at most 54 characters of `A-Za-z0-9._-`. */
  sessionId: string
  /** `user@host`. */
  owner: string
  /** ISO 8601. */
  since: string
}

export interface PlanInput {
  workload: KubeObject
  dev: Dev
  options: PlanOptions
  /** Where `<name>-podswap` is something else's name. */
  cloneName?: string
  /** From a clone of this workload that is there already. */
  earlier?: SwapRecord
  /** What the namespace's LimitRange adds to the container; see `defaultsSeen`. */
  defaults?: Resources
  /** Name of the claim that keeps the dev's volumes; absent: nothing survives the pod. */
  claim?: string
  /** The API group `security.openshift.io` exists. */
  assignsUsers?: boolean
}
