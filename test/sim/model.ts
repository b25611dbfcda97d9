import { ModelLaptop } from './model-laptop.ts'
import { type Message, tell } from './model-message.ts'
import { ModelPod } from './model-pod.ts'
import type { Rule } from './model-rules.ts'
import type { Subject } from './subject.ts'

/**
 * A small model of the sync protocol, written for reading and for the simulation: the table of
 * `docs/decisions/0002-sync-protocol.md` and nothing else. No speed, no ignore rules, no limits.
 *
 * @param without rules to leave out, to see the simulation find it
 */
export function model(...without: Rule[]): Subject<Message> {
  const left = new Set(without)
  return {
    laptop: ports => new ModelLaptop(ports, left),
    pod: ports => new ModelPod(ports, left),
    tell,
    takesRules: false,
    knowsObstacles: false,
    isLeftOver: name => name !== 'marker',
  }
}
