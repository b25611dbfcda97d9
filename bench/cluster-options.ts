/** What every measurement on a cluster asks for. */
export interface ClusterOptions {
  kubeconfig: string
  /** absent: one of its own, made and deleted. */
  namespace: string | undefined
  image: string
  cli: string
  json: boolean
}

/** For `parseArgs`. */
export const clusterFlags = {
  kubeconfig: { type: 'string' },
  namespace: { type: 'string' },
  image: { type: 'string', default: 'podswap.test/node:1' },
  cli: { type: 'string', default: 'dist/podswap.cjs' },
  json: { type: 'boolean', default: false },
} as const

export const clusterUsage = `  --kubeconfig FILE  whose user has a token, and may make a namespace (default: KUBECONFIG)
  --namespace NAME   use this namespace instead of a new one
  --image IMAGE      an image with node, tar and a shell (default: ${clusterFlags.image.default}); also delivers the agent
  --cli FILE         the podswap to measure (default: ${clusterFlags.cli.default})
  --json             print every sample as JSON
`

interface ClusterValues {
  kubeconfig?: string
  namespace?: string
  image: string
  cli: string
  json: boolean
}

export function readClusterOptions(values: ClusterValues, env: NodeJS.ProcessEnv): ClusterOptions {
  const kubeconfig = values.kubeconfig ?? env.KUBECONFIG
  if (!kubeconfig) throw new Error('--kubeconfig is missing')
  const { namespace, image, cli, json } = values
  return { kubeconfig, namespace, image, cli, json }
}

export function wholeNumber(name: string, text: string, least = 0): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || value < least) throw new Error(`--${name} wants a whole number from ${least} on`)
  return value
}
