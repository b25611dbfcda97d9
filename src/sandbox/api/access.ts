import type { KubeObject } from '../../cluster/cluster.ts'

export interface User {
  name: string
  groups: string[]
}

export interface Rule {
  verbs: string[]
  apiGroups?: string[]
  resources?: string[]
  resourceNames?: string[]
}

/** A Role in a namespace and who holds it. */
export interface Grant {
  namespace: string
  binding: string
  role: string
  rules: Rule[]
  subjects: { kind: string; name: string }[]
}

/** What somebody wants to do, in the words of a Role. */
export interface Attempt {
  verb: string
  group: string
  /** Without its subresource. */
  resource: string
  subresource?: string
  name?: string
  /** Absent: cluster-wide. */
  namespace?: string
}

/** Members may do everything. */
export const adminGroup = 'system:masters'
export const anonymous: User = { name: 'system:anonymous', groups: ['system:unauthenticated'] }

const everybodysRules: Rule[] = [
  {
    verbs: ['create'],
    apiGroups: ['authorization.k8s.io'],
    resources: ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'],
  },
  { verbs: ['create'], apiGroups: ['authentication.k8s.io'], resources: ['selfsubjectreviews'] },
]

/** RBAC as far as Roles and RoleBindings go. */
export class Access {
  readonly #grants: Grant[]

  constructor(grants: Grant[]) {
    this.#grants = grants
  }

  /** The reason that the API server gives, or undefined where it is not allowed. */
  allowed(user: User, attempt: Attempt): string | undefined {
    if (user.groups.includes(adminGroup)) return ''
    if (user !== anonymous && everybodysRules.some(rule => covers(rule, attempt))) {
      return 'RBAC: allowed by ClusterRoleBinding "system:basic-user" of ClusterRole "system:basic-user" to Group "system:authenticated"'
    }
    for (const grant of this.#grants) {
      if (grant.namespace !== attempt.namespace) continue
      const subject = grant.subjects.find(each => isMeant(each, user))
      if (!subject || !grant.rules.some(rule => covers(rule, attempt))) continue
      const { binding, namespace, role } = grant
      return `RBAC: allowed by RoleBinding "${binding}/${namespace}" of Role "${role}" to ${subject.kind} "${subject.name}"`
    }
    return undefined
  }

  /** A path that is no resource's: what is there to be asked. */
  mayRead(user: User, path: string): boolean {
    if (user.groups.includes(adminGroup) || path === '/version') return true
    return user !== anonymous && /^\/apis?(\/|$)/.test(path)
  }

  rulesOf(user: User, namespace: string): Rule[] {
    const all: Rule = { verbs: ['*'], apiGroups: ['*'], resources: ['*'] }
    if (user.groups.includes(adminGroup)) return [all]
    const held = this.#grants.filter(
      grant => grant.namespace === namespace && grant.subjects.some(subject => isMeant(subject, user)),
    )
    return [...everybodysRules, ...held.flatMap(({ rules }) => rules)]
  }
}

/** Reads Roles and RoleBindings; those without a namespace count for `namespace`. */
export function grantsOf(objects: KubeObject[], namespace: string): Grant[] {
  const place = ({ metadata }: KubeObject) => metadata.namespace ?? namespace
  const roles = objects.filter(({ kind }) => kind === 'Role')
  const bindings = objects.filter(({ kind }) => kind === 'RoleBinding') as (KubeObject & {
    roleRef: { name: string }
    subjects?: { kind: string; name: string }[]
  })[]
  return bindings.map(binding => {
    const role = roles.find(each => each.metadata.name === binding.roleRef.name && place(each) === place(binding))
    const { rules = [] } = (role ?? {}) as { rules?: Rule[] }
    return {
      namespace: place(binding),
      binding: binding.metadata.name ?? '',
      role: binding.roleRef.name,
      rules,
      subjects: binding.subjects ?? [],
    }
  })
}

function isMeant({ kind, name }: { kind: string; name: string }, user: User): boolean {
  return kind === 'User' ? name === user.name : kind === 'Group' && user.groups.includes(name)
}

function covers({ verbs, apiGroups = [], resources = [], resourceNames = [] }: Rule, attempt: Attempt): boolean {
  const { verb, group, resource, subresource, name } = attempt
  const full = subresource ? `${resource}/${subresource}` : resource
  const has = (list: string[], wanted: string) => list.includes('*') || list.includes(wanted)
  return (
    has(verbs, verb) &&
    has(apiGroups, group) &&
    (has(resources, full) || (subresource !== undefined && resources.includes(`*/${subresource}`))) &&
    (resourceNames.length === 0 || (name !== undefined && resourceNames.includes(name)))
  )
}
