import { engine } from '/work/main/test/sim/engine-subject.ts'
import { isGood, simulate } from '/work/main/test/sim/simulation.ts'
const first = Number(process.argv[2] ?? 1), runs = Number(process.argv[3] ?? 200), trace = process.argv[4] === 'trace'
const bad: Record<string, number> = {}; let shown = 0
const t = performance.now()
for (let seed = first; seed < first + runs; seed++) {
  const v = simulate(engine, seed, { steps: 150, trace: trace ? l => console.log(l) : undefined })
  if (isGood(v)) continue
  const k = v.misbehaved !== undefined ? 'mis: ' + v.misbehaved.split('\n').slice(0, 3).join(' | ').slice(0, 200) : v.lost.length ? 'lost' : 'differ'
  bad[k] = (bad[k] ?? 0) + 1
  if (shown++ < 16) console.log(seed, k, v.lost.slice(0, 3), v.differing.slice(0, 4))
}
console.log(bad, Math.round(runs / ((performance.now() - t) / 1000)), 'runs/s')
