import type { Hand } from '../../test/e2e/support/hand.ts'
import { until } from '../../test/e2e/support/until.ts'
import type { Bench } from '../bench.ts'
import { clockOffset, now } from '../clock-offset.ts'
import { comparison, type Figure } from '../figures.ts'
import { emptyPlan, type Ground, targets } from '../ground.ts'
import { tarThroughExec } from '../plain-tools.ts'
import { type TreePlan, writeTree } from '../tree.ts'

/** What a look into the pod found: files, and when the first and the last change happened by the pod's clock. */
interface Census {
  files: number
  first: number
  last: number
}

interface Taken {
  /** From the start of the command to the last change in the target. */
  commandSeconds: number
  /** From the first thing made in the target to the last change there. */
  targetSeconds: number
}

/** How the bytes go: straight ahead as they are, unless it is said otherwise. */
export interface Route {
  /** By which both ways reach the cluster. */
  kubeconfig?: string
  /** Tar packs. */
  isPacked?: boolean
}

export async function measureFirstSync(bench: Bench): Promise<Figure[]> {
  const rounds = await compareFirstSyncs(bench)
  const command = rounds.map(([ours, theirs]) => ({ ours: ours.commandSeconds, theirs: theirs.commandSeconds }))
  const target = rounds.map(([ours, theirs]) => ({ ours: ours.targetSeconds, theirs: theirs.targetSeconds }))
  return [
    comparison('first sync, from the command to the last file', 's', 'tar', command, { of: 'ratio', limit: 0.75 }),
    comparison('first sync, from the first file to the last', 's', 'tar', target),
  ]
}

/**
 * The whole tree into an empty folder of a running dev pod, by `podswap up` and by `tar | kubectl exec -i -- tar -x`,
 * in turns. Nobody is asked when it was complete: the files are counted in the pod from outside, and the time is that
 * of the last change which the target's file system recorded. Before each of our rounds what the laptop remembers of the
 * folder is thrown away, the pod is another one and the tree is written anew, so that nothing is known from before. As
 * for tar the pod runs already, and has come to rest.
 * @returns for each round ours and theirs
 */
export async function compareFirstSyncs(bench: Bench, route: Route = {}): Promise<[Taken, Taken][]> {
  const { ground, plan, options, say } = bench
  await ground.begin(emptyPlan, route)
  const rounds: [Taken, Taken][] = []
  for (let round = 0; round < options.rounds; round++) {
    const ours = async () => await byPodswap(ground, plan)
    const theirs = async () => await byTar(ground, plan, route)
    const [first, second] = round % 2 === 0 ? [ours, theirs] : [theirs, ours]
    const taken = [await first(), await second()]
    const [a, b] = round % 2 === 0 ? [taken[0]!, taken[1]!] : [taken[1]!, taken[0]!]
    rounds.push([a, b])
    say(
      `first sync, round ${round + 1}: podswap ${a.commandSeconds.toFixed(2)} s, tar ${b.commandSeconds.toFixed(2)} s`,
    )
  }
  return rounds
}

async function byPodswap(ground: Ground, plan: TreePlan): Promise<Taken> {
  await ground.leave()
  await ground.renewPod()
  ground.forget()
  writeTree(ground.tree, plan)
  await using hand = await ground.handInPod()
  await ground.rested(hand)
  const started = now()
  await ground.up()
  return await complete(hand, targets.ours, plan, started)
}

async function byTar(ground: Ground, plan: TreePlan, route: Route): Promise<Taken> {
  await ground.empty(targets.theirs)
  await using hand = await ground.handInPod()
  await ground.rested(hand)
  const started = now()
  await tarThroughExec(ground, ['--exclude=./.podswap', '.'], route)
  return await complete(hand, targets.theirs, plan, started)
}

/** Waits until every file is there; how long it took is read from the target's file system. */
async function complete(hand: Hand, dir: string, plan: TreePlan, started: number): Promise<Taken> {
  const census = await until(`${plan.files.length} files are in ${dir}`, async () => {
    const found = await hand.call<Census>('census', { dir })
    return found.files === plan.files.length && found
  })
  const { offsetMs } = await clockOffset(hand)
  return {
    commandSeconds: (census.last - offsetMs - started) / 1000,
    targetSeconds: (census.last - census.first) / 1000,
  }
}
