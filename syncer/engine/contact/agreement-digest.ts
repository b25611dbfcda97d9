import { absent } from '../../core/content.ts'
import type { Entry, Tree } from '../../endpoint/tree.ts'

/**
 * Stands for all that is agreed (`''`: nothing is), whatever the order in which the tree holds it. Two ends with the same digest need not
 * tell each other every path. Not proof against somebody who looks for two trees with one digest; nothing rests on that:
 * a PUT says itself what it expects.
 */
export function agreementDigest(tree: Tree): string {
  let count = 0
  let low = 0
  let high = 0
  const stack: { entry: Entry; low: number; high: number }[] = [{ entry: tree.root, low: lowSeed, high: highSeed }]
  for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
    for (const child of at.entry.children?.values() ?? []) {
      // The path's hash goes on from that of its folder's.
      const pathLow = mix(at.low, child.name, lowPrime)
      const pathHigh = mix(at.high, child.name, highPrime)
      if (child.agreed !== absent) {
        count += 1
        low = (low + scramble(mix(pathLow, child.agreed, lowPrime))) | 0
        high = (high + scramble(mix(pathHigh, child.agreed, highPrime))) | 0
      }
      if (child.children !== null) stack.push({ entry: child, low: pathLow, high: pathHigh })
    }
  }
  return count === 0 ? '' : `${count}-${(low >>> 0).toString(16)}-${(high >>> 0).toString(16)}`
}

const lowSeed = 0x811c9dc5
const highSeed = 0x9747b28c
/** The primes of FNV-1a and of MurmurHash. */
const lowPrime = 0x01000193
const highPrime = 0x5bd1e995

function mix(seed: number, text: string, prime: number): number {
  // One more step than the text has: `a/b` and `ab` differ.
  let sum = Math.imul(seed ^ text.length, prime)
  for (let at = 0; at < text.length; at++) {
    sum = Math.imul(sum ^ text.charCodeAt(at), prime)
    sum ^= sum >>> 15
  }
  return sum
}

/** Each bit of the result depends on each of `sum` (MurmurHash3's last step), so that adding many keeps them apart. */
function scramble(sum: number): number {
  let bits = sum ^ (sum >>> 16)
  bits = Math.imul(bits, 0x85ebca6b)
  bits ^= bits >>> 13
  bits = Math.imul(bits, 0xc2b2ae35)
  return bits ^ (bits >>> 16)
}
