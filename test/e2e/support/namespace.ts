import { randomBytes } from 'node:crypto'
import { embeddedCluster } from './embedded-cluster.ts'
import { environment } from './environment.ts'
import { Kubectl } from './kubectl.ts'
import { withoutLeases } from './without-leases.ts'

export interface NamespaceOptions {
  labels?: Record<string, string>
  /** Whether the developers have the rights to Leases there; default: true. */
  hasLeases?: boolean
}

/** A namespace of a test's own, in which the developers hold the same roles as in theirs. */
export class TestNamespace implements AsyncDisposable {
  readonly name: string
  /** As the admin: for set-up, observation and clean-up. */
  readonly admin: Kubectl

  private constructor(name: string) {
    this.name = name
    this.admin = new Kubectl(environment().admin, name)
  }

  static async create(purpose: string, options: NamespaceOptions = {}): Promise<TestNamespace> {
    const { labels = {}, hasLeases = true } = options
    const embedded = embeddedCluster()
    if (embedded) return new TestNamespace(embedded.takeNamespace(hasLeases))
    const { admin, namespace } = environment()
    const created = new TestNamespace(`e2e-${purpose}-${randomBytes(3).toString('hex')}`)
    const theirs = await new Kubectl(admin, namespace).list('roles,rolebindings')
    const roles = theirs.map(role => ({ ...role, metadata: { name: role.metadata.name } }))
    await created.admin.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: created.name, labels } })
    await created.admin.apply(...(hasLeases ? roles : roles.map(withoutLeases)))
    // pods are refused until the namespace has its service account
    await created.admin.run(['wait', '--for=create', 'serviceaccount/default', '--timeout=30s'])
    return created
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.admin.run(['delete', 'namespace', this.name, '--wait=false', '--ignore-not-found'])
  }
}
