import { runCommand } from '../../test/e2e/support/command.ts'
import type { Bench } from '../bench.ts'
import { comparison, type Figure, type Pair } from '../figures.ts'
import type { Ground } from '../ground.ts'

const wantedSeconds = 1

/** `up` again where nothing has changed, beside counting the files and asking the pod once. */
export async function measureSecondUp({ ground, plan, options: { rounds }, say }: Bench): Promise<Figure[]> {
  await ground.begin(plan)
  const sync: Pair[] = []
  const command: Pair[] = []
  for (let round = 0; round < rounds; round++) {
    const theirs = await countAndAsk(ground)
    await ground.leave()
    const started = performance.now()
    await ground.up()
    const upSeconds = (performance.now() - started) / 1000
    const syncSeconds = await firstSyncSeconds(ground)
    sync.push({ ours: syncSeconds, theirs })
    command.push({ ours: upSeconds, theirs })
    say(`second up, round ${round + 1}: sync ${syncSeconds.toFixed(2)} s, all of it ${upSeconds.toFixed(2)} s`)
  }
  const title = `second up, ${plan.files.length} files, nothing changed`
  return [
    comparison(`${title}: sync`, 's', 'find + one exec', sync, { of: 'ours', limit: wantedSeconds }),
    comparison(`${title}: all of up`, 's', 'find + one exec', command),
  ]
}

/** As the session itself tells it: from the connection to the first time that nothing differs. */
export async function firstSyncSeconds(ground: Ground): Promise<number> {
  const [dev] = await ground.laptop.devs(ground.target)
  const seconds = dev?.sync.first_sync_seconds
  if (seconds === undefined || seconds === null) throw new Error('status does not tell how long the first sync took')
  return seconds
}

async function countAndAsk(ground: Ground): Promise<number> {
  const pod = await ground.podName()
  const started = performance.now()
  const counted = await runCommand('sh', ['-c', 'find "$0" -type f | wc -l', ground.tree])
  await ground.kubectl.run(['exec', pod, '-c', 'app', '--', 'true'])
  if (counted.code !== 0) throw new Error(`find ended with ${counted.code}: ${counted.stderr}`)
  return (performance.now() - started) / 1000
}
