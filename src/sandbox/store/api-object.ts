import type { KubeObject, ObjectMeta } from '../../cluster/cluster.ts'

/** Any object of the API. What is stored is never changed: a new version is a new object. */
export type ApiObject = KubeObject & {
  metadata: ObjectMeta & { finalizers?: string[]; deletionGracePeriodSeconds?: number }
  // biome-ignore lint/suspicious/noExplicitAny: kinds without a spec keep their content beside it (data, endpoints, …)
  [field: string]: any
}

/** The name of one object among its kind; namespaces themselves have an empty namespace. */
export interface ObjectKey {
  namespace: string
  name: string
}

export function keyOf({ metadata }: ApiObject): ObjectKey {
  return { namespace: metadata.namespace ?? '', name: metadata.name ?? '' }
}

/** As the API writes times: whole seconds, UTC. */
export function timestampOf(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`
}

export function isOwnedBy(object: ApiObject, owner: ApiObject): boolean {
  return (object.metadata.ownerReferences ?? []).some(
    ({ controller, uid }) => controller === true && uid === owner.metadata.uid,
  )
}

/** The reference that makes `owner` the controller. */
export function controllerReference({ apiVersion = '', kind = '', metadata }: ApiObject) {
  const { name = '', uid = '' } = metadata
  return { apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true }
}
