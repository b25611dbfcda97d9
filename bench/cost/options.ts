import { parseArgs } from 'node:util'
import { type ClusterOptions, clusterFlags, clusterUsage, readClusterOptions, wholeNumber } from '../cluster-options.ts'

export interface CostOptions extends ClusterOptions {
  /** What stands for an idle hour. */
  idleMinutes: number
  /** Of each comparison. */
  rounds: number
}

export const costUsage = `npm run cost -- --kubeconfig FILE [options]

What podswap asks of the API server, and how long a warm up and a down take beside kubectl scale.

${clusterUsage}  --idle-minutes N   what stands for an idle hour (default: 5; 0 leaves it out)
  --rounds N         alternating rounds of each comparison (default: 5; 0 leaves them out)
`

export function readCostOptions(argv: string[], env: NodeJS.ProcessEnv): CostOptions {
  const { values } = parseArgs({
    args: argv,
    options: {
      ...clusterFlags,
      'idle-minutes': { type: 'string', default: '5' },
      rounds: { type: 'string', default: '5' },
    },
  })
  return {
    ...readClusterOptions(values, env),
    idleMinutes: wholeNumber('idle-minutes', values['idle-minutes']),
    rounds: wholeNumber('rounds', values.rounds),
  }
}
