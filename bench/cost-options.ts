import { parseArgs } from 'node:util'

export interface CostOptions {
  kubeconfig: string
  /** absent: one of its own, made and deleted. */
  namespace: string | undefined
  image: string
  cli: string
  /** What stands for an idle hour. */
  idleMinutes: number
  /** Of each comparison. */
  rounds: number
  json: boolean
}

export const costUsage = `npm run cost -- --kubeconfig FILE [options]

What podswap asks of the API server, and how long a warm up and a down take beside kubectl scale.

  --kubeconfig FILE  whose user has a token, and may make a namespace (default: KUBECONFIG)
  --namespace NAME   use this namespace instead of a new one
  --image IMAGE      an image with node and a shell (default: podswap.test/node:1); also delivers the agent
  --cli FILE         the podswap to measure (default: dist/podswap.cjs)
  --idle-minutes N   what stands for an idle hour (default: 5; 0 leaves it out)
  --rounds N         alternating rounds of each comparison (default: 5; 0 leaves them out)
  --json             print JSON
`

export function readCostOptions(argv: string[]): CostOptions {
  const { values } = parseArgs({
    args: argv,
    options: {
      kubeconfig: { type: 'string' },
      namespace: { type: 'string' },
      image: { type: 'string', default: 'podswap.test/node:1' },
      cli: { type: 'string', default: 'dist/podswap.cjs' },
      'idle-minutes': { type: 'string', default: '5' },
      rounds: { type: 'string', default: '5' },
      json: { type: 'boolean', default: false },
    },
  })
  const kubeconfig = values.kubeconfig ?? process.env.KUBECONFIG
  if (!kubeconfig) throw new Error('--kubeconfig is missing')
  const { namespace, image, cli, json } = values
  const idleMinutes = wholeNumber('idle-minutes', values['idle-minutes'])
  return { kubeconfig, namespace, image, cli, json, idleMinutes, rounds: wholeNumber('rounds', values.rounds) }
}

function wholeNumber(name: string, text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 0) throw new Error(`--${name} wants a whole number`)
  return value
}
