import type { Timers } from '../../../syncer/base/clock.ts'
import type { Registry } from '../registry/registry.ts'
import { type ApiObject, keyOf } from '../store/api-object.ts'
import type { Change } from '../store/object-store.ts'
import { type ResourceType, resourceTypes } from '../store/resource-types.ts'
import { claimNamesOf, reconcileClaim } from './claims.ts'
import { ControlLoop, type Work } from './control-loop.ts'
import { ControllerContext } from './controller-context.ts'
import { deploymentController, reconcileDeployment } from './deployments.ts'
import { reconcileEndpoints } from './endpoints.ts'
import type { EventRecorder } from './event-recorder.ts'
import { collectGarbage, dependentsOf, emptyNamespace } from './garbage-collector.ts'
import { reconcileReplicaSet, replicaSetController } from './replica-sets.ts'
import { schedulePod } from './scheduler.ts'
import { reconcileStatefulSet, statefulSetController } from './stateful-sets.ts'

export interface ControllersParts {
  registry: Registry
  events: EventRecorder
  timers: Timers
  now: () => number
  /** A controller that failed tries again by itself; this is for who wants to know. */
  failed?: (work: Work, error: unknown) => void
}

const claimController = 'persistentvolume-binder'
const endpointController = 'endpoint-slice-controller'
const garbageCollector = 'garbage-collector'
const namespaceController = 'namespace-controller'
const scheduler = 'default-scheduler'

/** Everything that changes objects after objects: from workloads to pods to endpoints, and what is left over. */
export class Controllers {
  readonly #context: ControllerContext
  readonly #loop: ControlLoop
  readonly #unlisten: () => void

  constructor({ registry, events, timers, now, failed = () => {} }: ControllersParts) {
    this.#loop = new ControlLoop(timers, failed)
    this.#context = new ControllerContext({ registry, loop: this.#loop, events, now })
    const add = (name: string, reconcile: (context: ControllerContext, work: Work) => void) =>
      this.#loop.add(name, work => reconcile(this.#context, work))
    add(deploymentController, reconcileDeployment)
    add(replicaSetController, reconcileReplicaSet)
    add(statefulSetController, reconcileStatefulSet)
    add(claimController, reconcileClaim)
    add(endpointController, reconcileEndpoints)
    add(garbageCollector, collectGarbage)
    add(namespaceController, emptyNamespace)
    add(scheduler, schedulePod)
    this.#unlisten = registry.store.listen(change => this.#changed(change))
  }

  stop(): void {
    this.#unlisten()
    this.#loop.stop()
  }

  #changed({ kind, type, object }: Change): void {
    const { namespace, name } = keyOf(object)
    this.#collect(kind, type, object)
    if (kind === 'Deployment') this.#loop.enqueue(deploymentController, namespace, name)
    else if (kind === 'ReplicaSet') this.#workload(replicaSetController, deploymentController, object)
    else if (kind === 'StatefulSet') this.#loop.enqueue(statefulSetController, namespace, name)
    else if (kind === 'Pod') this.#podChanged(object)
    else if (kind === 'Service') this.#loop.enqueue(endpointController, namespace, name)
    else if (kind === 'PersistentVolumeClaim') {
      this.#loop.enqueue(claimController, namespace, name)
      this.#scheduleWaiting(namespace)
    } else if (kind === 'Namespace') this.#loop.enqueue(namespaceController, '', name)
    const place = this.#context.store.get(resourceTypes.Namespace, { namespace: '', name: namespace })
    if (place?.metadata.deletionTimestamp) this.#loop.enqueue(namespaceController, '', namespace)
  }

  /** Owners that go leave their dependents to the collector; so does an object that is born without its owner. */
  #collect(kind: string, change: Change['type'], object: ApiObject): void {
    const { namespace, name } = keyOf(object)
    const names = change === 'DELETED' ? dependentsOf(this.#context, object) : []
    if (change === 'ADDED' && object.metadata.ownerReferences?.length) names.push(`${kind}/${name}`)
    for (const each of names) this.#loop.enqueue(garbageCollector, namespace, each)
  }

  #workload(controller: string, ownerController: string, object: ApiObject): void {
    const { namespace, name } = keyOf(object)
    this.#loop.enqueue(controller, namespace, name)
    const owner = object.metadata.ownerReferences?.find(reference => reference.controller)
    if (owner) this.#loop.enqueue(ownerController, namespace, owner.name)
  }

  #podChanged(pod: ApiObject): void {
    const { namespace, name } = keyOf(pod)
    this.#loop.enqueue(scheduler, namespace, name)
    for (const claim of claimNamesOf(pod)) this.#loop.enqueue(claimController, namespace, claim)
    if (claimNamesOf(pod).length > 0) this.#scheduleWaiting(namespace)
    for (const service of this.#list(resourceTypes.Service, namespace)) {
      this.#loop.enqueue(endpointController, namespace, keyOf(service).name)
    }
    const owner = pod.metadata.ownerReferences?.find(reference => reference.controller)
    if (owner?.kind === 'StatefulSet') this.#loop.enqueue(statefulSetController, namespace, owner.name)
    if (owner?.kind !== 'ReplicaSet') return
    this.#loop.enqueue(replicaSetController, namespace, owner.name)
    // `Recreate` waits for the end of pods, which no ReplicaSet's status tells
    const set = this.#context.store.get(resourceTypes.ReplicaSet, { namespace, name: owner.name })
    const deployment = set?.metadata.ownerReferences?.find(reference => reference.controller)
    if (deployment) this.#loop.enqueue(deploymentController, namespace, deployment.name)
  }

  #scheduleWaiting(namespace: string): void {
    for (const pod of this.#list(resourceTypes.Pod, namespace)) {
      if (!pod.spec.nodeName) this.#loop.enqueue(scheduler, namespace, keyOf(pod).name)
    }
  }

  #list(type: ResourceType, namespace: string): ApiObject[] {
    return this.#context.store.list(type, namespace)
  }
}
