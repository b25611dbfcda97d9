import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** What an end-to-end run needs from outside: whose kubeconfigs, and the CLI as it is shipped. */
export interface Environment {
  /** A developer's: everything that a person does goes through it. */
  person: string
  /** A second developer's, with the same rights; absent: tests of two people are skipped. */
  colleague: string | undefined
  /** The cluster's admin: set-up, observation and clean-up only. */
  admin: string
  /** Somebody who holds no right at all. */
  outsider: string
  /** Namespace in which the developers hold the roles of manifests/rbac.yml. */
  namespace: string
  agentImage: string
  /** The built CLI. */
  cli: string
}

export const repository = fileURLToPath(new URL('../../../', import.meta.url))

/** Fails with what to set: an end-to-end test that quietly did nothing would count as passed. */
export function environment(): Environment {
  const cli = `${repository}dist/podswap.cjs`
  if (!existsSync(cli)) throw new Error('dist/podswap.cjs is missing: run `npm run build`')
  return {
    person: kubeconfigFrom('PODSWAP_E2E_KUBECONFIG'),
    colleague: process.env.PODSWAP_E2E_COLLEAGUE_KUBECONFIG,
    admin: kubeconfigFrom('PODSWAP_E2E_ADMIN_KUBECONFIG'),
    outsider: kubeconfigFrom('PODSWAP_E2E_EVE_KUBECONFIG'),
    namespace: process.env.PODSWAP_E2E_NAMESPACE ?? 'team',
    agentImage: process.env.PODSWAP_AGENT_IMAGE ?? 'podswap.test/node:1',
    cli,
  }
}

function kubeconfigFrom(variable: string): string {
  const file = process.env[variable]
  if (!file) throw new Error(`${variable} is not set: see scripts/cluster-env.sh`)
  if (!existsSync(file)) throw new Error(`${variable}: there is no file ${file}`)
  return file
}
