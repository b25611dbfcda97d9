import { readyAfterDown, readyAfterScale } from '../../test/e2e/support/ready-watch.ts'
import { type Comparison, comparison, comparisonOfMeans, type Pair } from '../figures.ts'
import type { CostGround } from './ground.ts'

/**
 * Until the original's pod is Ready: `podswap down` with a session that runs, beside a plain scale from 0 to 1. A kubelet
 * tells once a second which of its containers run, so either takes up to a second longer by the moment it begins: they
 * begin spread evenly over that second, twice in each round, and their means are compared.
 */
export async function measureDown(
  { kubectl, laptop, target, configure }: CostGround,
  rounds: number,
  say: (text: string) => void,
): Promise<Comparison> {
  configure({ command: ['sleep', '86400'] })
  const pairs: Pair[] = []
  const count = 2 * rounds
  for (let index = 0; index < count; index += 1) {
    say(`down, ${index + 1} of ${count}`)
    const lateMs = (1_000 * index) / count
    await laptop.ok(['up', '--detach', ...target])
    const ours = await readyAfterDown(kubectl, laptop, target, lateMs)
    const theirs = await readyAfterScale(kubectl, lateMs)
    pairs.push({ ours: ours / 1_000, theirs: theirs / 1_000 })
  }
  return comparisonOfMeans('down → original Ready', 's', 'kubectl scale', pairs, { of: 'ratio', limit: 1.2 })
}

/**
 * Images present, the folder in the pod's volume: from the start of `up` until the dev command, a shell, has answered
 * what was typed; beside a plain scale from 0 to 1.
 */
export async function measureWarmUp(
  ground: CostGround,
  rounds: number,
  say: (text: string) => void,
): Promise<Comparison> {
  const { kubectl, laptop, target, configure } = ground
  configure({ command: ['sh', '-i'], persistentVolume: { enabled: true, size: '1Gi' } })
  await laptop.ok(['up', '--detach', ...target])
  await laptop.ok(['down', ...target])
  const pairs: Pair[] = []
  for (let round = 1; round <= rounds; round += 1) {
    say(`warm up, round ${round}`)
    const ours = await promptAfterUp(ground)
    await laptop.ok(['down', ...target])
    const theirs = await readyAfterScale(kubectl)
    pairs.push({ ours: ours / 1_000, theirs: theirs / 1_000 })
  }
  return comparison('warm up → prompt answers', 's', 'kubectl scale', pairs, { of: 'ours', limit: 5 })
}

async function promptAfterUp({ laptop, target }: CostGround): Promise<number> {
  const startedMs = performance.now()
  const terminal = laptop.terminal(['up', ...target])
  try {
    await terminal.shows(/[#$] $/)
    // what is echoed is not what is answered
    terminal.type('echo answers-$((40+2))\n')
    await terminal.shows(/answers-42/)
    return performance.now() - startedMs
  } finally {
    await terminal.kill()
  }
}
