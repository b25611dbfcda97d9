import { parseArgs } from 'node:util'
import { fullTree } from './tree.ts'

export interface Options {
  kubeconfig: string
  /** absent: one of its own, made and deleted. */
  namespace: string | undefined
  image: string
  rounds: number
  files: number
  edits: number
  /** Size of the folder whose own size must not matter. */
  flatFiles: number
  /** Where the tree is written: memory, so that no disk is measured. */
  below: string
  cli: string
  /** What is measured. */
  only: Part[]
  json: boolean
}

export const parts = ['first-sync', 'saves', 'forwards'] as const
export type Part = (typeof parts)[number]

export const usage = `npm run bench -- --kubeconfig FILE [options]

  --kubeconfig FILE  who may make a namespace, Deployments and exec in it (default: KUBECONFIG)
  --namespace NAME   use this namespace instead of a new one
  --image IMAGE      an image with node and tar (default: podswap.test/node:1); also delivers the agent
  --rounds N         alternating rounds of each comparison (default: 5)
  --files N          files of the tree (default: ${fullTree.files}; less for a quick look)
  --edits N          saves of each series (default: 100)
  --flat N           files of the one large folder (default: 10000)
  --below DIR        where the tree is written (default: /dev/shm)
  --cli FILE         the podswap to measure (default: dist/podswap.cjs)
  --only PARTS       only these, between commas: ${parts.join(', ')}
  --json             print every sample as JSON
`

export function readOptions(argv: string[]): Options {
  const { values } = parseArgs({
    args: argv,
    options: {
      kubeconfig: { type: 'string' },
      namespace: { type: 'string' },
      image: { type: 'string', default: 'podswap.test/node:1' },
      rounds: { type: 'string', default: '5' },
      files: { type: 'string', default: String(fullTree.files) },
      edits: { type: 'string', default: '100' },
      flat: { type: 'string', default: '10000' },
      below: { type: 'string', default: '/dev/shm' },
      cli: { type: 'string', default: 'dist/podswap.cjs' },
      only: { type: 'string', default: parts.join(',') },
      json: { type: 'boolean', default: false },
    },
  })
  const kubeconfig = values.kubeconfig ?? process.env.KUBECONFIG
  if (!kubeconfig) throw new Error('--kubeconfig is missing')
  return {
    kubeconfig,
    namespace: values.namespace,
    image: values.image,
    rounds: atLeast(1, 'rounds', values.rounds),
    files: atLeast(10, 'files', values.files),
    edits: atLeast(2, 'edits', values.edits),
    flatFiles: atLeast(10, 'flat', values.flat),
    below: values.below,
    cli: values.cli,
    only: partsOf(values.only),
    json: values.json,
  }
}

function partsOf(text: string): Part[] {
  const names = text.split(',')
  const wrong = names.find(name => !parts.some(part => part === name))
  if (wrong !== undefined) throw new Error(`--only knows ${parts.join(', ')}, not ${JSON.stringify(wrong)}`)
  return parts.filter(part => names.includes(part))
}

function atLeast(least: number, name: string, text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < least) throw new Error(`--${name} wants a whole number from ${least} on`)
  return value
}
