interface Role {
  rules?: { resources?: string[] }[]
}

/** A Role without the rights to Leases; anything else as it is. */
export function withoutLeases<T extends object>(role: T): T {
  const { rules } = role as Role
  if (!rules) return role
  return { ...role, rules: rules.filter(({ resources = [] }) => !resources.includes('leases')) }
}
