import type { Rule } from './model-rules.ts'
import type { Weather } from './weather.ts'

/** Rules whose absence costs no byte and leaves no difference, only copies or messages. */
export const comforts: Rule[] = ['second look', 'look again after staging']

/** In which weather the absence of a rule shows soon; any weather for the others. */
export const whereItShows: Partial<Record<Rule, Partial<Weather>>> = {
  'one lane for decisions': { paths: ['f'] },
  'stale answers': { paths: ['f'], longPause: 0, hintLost: 0, deeds: { save: 1, undo: 3, remove: 3 } },
  'nobody sends before BASES': { cut: 0.05 },
  'racy reads': {
    tickNs: 10_000_000n,
    storedStepNs: 1n,
    paths: ['f'],
    deeds: { overwrite: 3, recreate: 1, append: 1 },
  },
  'racy reads twice': { tickNs: 10_000_000n, storedStepNs: 2_000_000_000n, peopleInside: 0.1, deeds: { overwrite: 1 } },
  'clock steps back': {
    tickNs: 10_000_000n,
    storedStepNs: 2_000_000_000n,
    clockStep: 0.15,
    paths: ['f'],
    deeds: { overwrite: 3, append: 1 },
  },
  'proof after apply': { peopleInside: 0.1, paths: ['f'] },
  'mode in the proof': {
    peopleInside: 0.1,
    paths: ['f', 'g'],
    crashInside: 0,
    cut: 0,
    deeds: { save: 2, remove: 2, chmod: 12 },
  },
  'inode check': { peopleInside: 0.1, paths: ['f'], deeds: { save: 1 } },
  'shells are absent': { ignored: 'd/ignored', paths: ['d/ignored', 'd/f'], longPause: 0 },
  'copy before ACK': { crashInside: 0.01, peopleInside: 0.01, paths: ['f'] },
  'copies are synced': { powerCut: 0.03, gentle: true, paths: ['f'] },
  'void after a power cut': { powerCut: 0.03, paths: ['f'] },
  'two whole intervals': { powerCut: 0.04, longPause: 0.15, paths: ['f'], gentle: true },
  'other pods have no ancestor': { newPod: 0.03, gentle: false },
  'older epochs': { volumeRollback: 0.03, longPause: 0.02, gentle: false },
  'younger epochs': { stateRestored: 0.03, newPod: 0, volumeRollback: 0, gentle: false },
  'history of the epoch': { volumeRollback: 0.03, longPause: 0.001, gentle: false },
  'marker before BASES count': { cut: 0.05, errorInside: 0.01 },
}
