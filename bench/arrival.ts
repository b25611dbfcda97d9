import type { Hand } from '../test/e2e/support/hand.ts'
import { clockOffset } from './clock-offset.ts'
import type { Ground } from './ground.ts'

/**
 * When the last of these paths changed in the pod, by our clock: nobody looks while it goes on, its file system keeps the
 * times. Fails where a file's content is not that of the laptop's.
 * @param dir in the pod
 */
export async function arrived(
  inPod: Hand,
  onLaptop: Hand,
  ground: Ground,
  dir: string,
  paths: string[],
): Promise<number> {
  const there = await inPod.call<{ digest: string; last: number }>('survey', { dir, paths })
  const here = await onLaptop.call<{ digest: string }>('survey', { dir: ground.tree, paths })
  if (there.digest !== here.digest) throw new Error(`the files in ${dir} are not those of the laptop`)
  return there.last - (await clockOffset(inPod)).offsetMs
}
