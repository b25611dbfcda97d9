import { type ApiObject, keyOf } from '../store/api-object.ts'
import { resourceTypes, servedKinds, typeOfKind } from '../store/resource-types.ts'
import type { Work } from './control-loop.ts'
import type { ControllerContext } from './controller-context.ts'

/** `name` is `Kind/name`: removes an object whose owners are all gone, as the garbage collector does in the background. */
export function collectGarbage(context: ControllerContext, { namespace, name }: Work): void {
  const [kind = '', objectName = ''] = name.split('/')
  const type = typeOfKind(kind)
  const object = type && context.store.get(type, { namespace, name: objectName })
  const owners = object?.metadata.ownerReferences ?? []
  if (!type || !object || owners.length === 0 || object.metadata.deletionTimestamp) return
  const alive = owners.filter(({ kind: ownerKind, name: ownerName, uid }) => {
    const ownerType = typeOfKind(ownerKind)
    // an owner of a kind that is not here cannot be looked up: the object stays
    if (!ownerType) return true
    const key = { namespace: ownerType.namespaced ? namespace : '', name: ownerName }
    return context.store.get(ownerType, key)?.metadata.uid === uid
  })
  if (alive.length === 0) context.remove(type, object)
  else if (alive.length < owners.length) {
    const withLiving = (before: ApiObject) => ({ ...before, metadata: { ...before.metadata, ownerReferences: alive } })
    context.update(type, object, withLiving)
  }
}

/** Everything in the namespace that names this owner, as `Kind/name`. */
export function dependentsOf(context: ControllerContext, owner: ApiObject): string[] {
  const { namespace = '', uid } = owner.metadata
  return servedKinds.flatMap(kind =>
    context.store
      .list(resourceTypes[kind], namespace)
      .filter(({ metadata }) => metadata.ownerReferences?.some(reference => reference.uid === uid))
      .map(object => `${kind}/${keyOf(object).name}`),
  )
}

/** A namespace that is being deleted: first everything in it, then itself. */
export function emptyNamespace(context: ControllerContext, { name }: Work): void {
  const namespace = context.store.get(resourceTypes.Namespace, { namespace: '', name })
  if (!namespace?.metadata.deletionTimestamp) return
  if (namespace.status?.phase !== 'Terminating') {
    context.setStatus(resourceTypes.Namespace, namespace, { phase: 'Terminating' })
  }
  let left = 0
  for (const kind of servedKinds.filter(each => each !== 'Namespace')) {
    for (const object of context.store.list(resourceTypes[kind], name)) {
      if (!object.metadata.deletionTimestamp) context.remove(resourceTypes[kind], object)
      left += context.store.get(resourceTypes[kind], keyOf(object)) ? 1 : 0
    }
  }
  if (left > 0) return
  context.update(resourceTypes.Namespace, namespace, before => ({
    ...before,
    spec: { ...before.spec, finalizers: [] },
  }))
}
