import { parseArgs } from 'node:util'
import { type ClusterOptions, clusterFlags, clusterUsage, readClusterOptions, wholeNumber } from './cluster-options.ts'
import { fullTree } from './tree.ts'

export interface Options extends ClusterOptions {
  /** Of each comparison. */
  rounds: number
  /** Of the tree; everything else is in proportion to it. */
  files: number
  /** Saves of each series. */
  edits: number
  /** How long an idle session is looked at. */
  idleSeconds: number
  /** Files of the trees whose growth is looked at, from the least; those in proportion to the tree when absent. */
  growth?: number[]
  /** Where the tree is written: memory, so that no disk is measured. */
  below: string
  only: RowName[]
}

/** In the order in which they are measured. */
export const rowNames = [
  'first-sync',
  'second-up',
  'saves',
  'forwards',
  'edits-at-once',
  'rename',
  'large-file',
  'save-in-transfer',
  'slow-link',
  'ignored',
  'idle',
  'growth',
] as const
export type RowName = (typeof rowNames)[number]

export const usage = `npm run bench -- --kubeconfig FILE [options]

What podswap takes on a real cluster, each figure beside its reference of the same run. All of it takes more than an hour.

${clusterUsage}  --only ROWS        only these, between commas:
                     ${rowNames.join(', ')}
  --rounds N         alternating rounds of each comparison (default: 5)
  --files N          files of the tree (default: ${fullTree.files}); with less, all else becomes less, for a quick look
  --edits N          saves of each series (default: 100)
  --growth SIZES     files of the trees of that row, between commas (default: 1000,10000,100000,300000)
  --idle-seconds N   how long an idle session is looked at (default: 120)
  --below DIR        where the tree is written (default: /dev/shm)
`

export function readOptions(argv: string[], env: NodeJS.ProcessEnv): Options {
  const { values } = parseArgs({
    args: argv,
    options: {
      ...clusterFlags,
      only: { type: 'string', default: rowNames.join(',') },
      rounds: { type: 'string', default: '5' },
      files: { type: 'string', default: String(fullTree.files) },
      edits: { type: 'string', default: '100' },
      growth: { type: 'string' },
      'idle-seconds': { type: 'string', default: '120' },
      below: { type: 'string', default: '/dev/shm' },
    },
  })
  return {
    ...readClusterOptions(values, env),
    rounds: wholeNumber('rounds', values.rounds, 1),
    files: wholeNumber('files', values.files, 100),
    edits: wholeNumber('edits', values.edits, 2),
    idleSeconds: wholeNumber('idle-seconds', values['idle-seconds'], 1),
    ...(values.growth && { growth: values.growth.split(',').map(size => wholeNumber('growth', size, 1)) }),
    below: values.below,
    only: rowsOf(values.only),
  }
}

function rowsOf(text: string): RowName[] {
  const names = text.split(',')
  const wrong = names.find(name => !rowNames.some(row => row === name))
  if (wrong !== undefined) throw new Error(`--only knows ${rowNames.join(', ')}, not ${JSON.stringify(wrong)}`)
  return rowNames.filter(row => names.includes(row))
}
