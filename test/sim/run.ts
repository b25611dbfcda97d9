import { parseArgs } from 'node:util'
import { engine } from './engine-subject.ts'
import { model } from './model.ts'
import { type Rule, rules } from './model-rules.ts'
import { isGood, type SimulationOptions, simulate, type Verdict } from './simulation.ts'

const usage = `Simulates the sync protocol: seeded people, network and faults; a seed is a run.
  --runs N        how many seeds (1000)
  --seed S        the first one (1)
  --subject NAME  model (default) or engine
  --without RULE  leaves a rule of the model out
  --steps N       steps of a run (150)
  --focus JSON    fixes some of the weather, such as '{"powerCut":0.05}'
  --trace         prints everything that happens
  --keep-going    does not stop at the first failure`

function main(): number {
  const { values } = parseArgs({
    options: {
      runs: { type: 'string', default: '1000' },
      seed: { type: 'string', default: '1' },
      subject: { type: 'string', default: 'model' },
      without: { type: 'string', multiple: true, default: [] },
      steps: { type: 'string', default: '150' },
      focus: { type: 'string', default: '{}' },
      trace: { type: 'boolean', default: false },
      'keep-going': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  const without = values.without as Rule[]
  if (values.help || !['model', 'engine'].includes(values.subject) || without.some(rule => !(rule in rules))) {
    console.error(usage)
    for (const [rule, text] of Object.entries(rules)) console.error(`    "${rule}": ${text}`)
    return values.help ? 0 : 2
  }
  // The messages of a subject are its own affair.
  const run = (seed: number, options: SimulationOptions) =>
    values.subject === 'engine' ? simulate(engine, seed, options) : simulate(model(...without), seed, options)
  const trace = values.trace ? (line: string) => console.log(line) : undefined
  const focus = JSON.parse(values.focus, (key, value) => (key.endsWith('Ns') ? BigInt(value) : value))
  const first = Number(values.seed)
  const started = performance.now()
  const bad = { lost: 0, differing: 0, misbehaved: 0 }
  let runs = 0
  let copies = 0
  for (let seed = first; seed < first + Number(values.runs); seed++) {
    const verdict = run(seed, { steps: Number(values.steps), focus, trace })
    runs += 1
    copies += verdict.copies
    if (isGood(verdict)) continue
    print(verdict)
    if (verdict.misbehaved !== undefined) bad.misbehaved += 1
    else if (verdict.lost.length > 0) bad.lost += 1
    else bad.differing += 1
    if (!values['keep-going']) break
  }
  const seconds = (performance.now() - started) / 1000
  console.log(
    `${runs} runs: ${bad.lost} lost, ${bad.differing} differ, ${bad.misbehaved} misbehave; ` +
      `${(copies / runs).toFixed(2)} copies a run; ${seconds.toFixed(1)} s, ${Math.round(runs / seconds)} runs/s`,
  )
  return bad.lost + bad.differing + bad.misbehaved === 0 ? 0 : 1
}

function print({ seed, lost, differing, misbehaved }: Verdict): void {
  console.log(`seed ${seed} fails (again with: --runs 1 --seed ${seed} --trace)`)
  for (const line of lost) console.log(`  lost ${line}`)
  for (const line of differing) console.log(`  differs ${line}`)
  if (misbehaved !== undefined) console.log(`  misbehaved: ${misbehaved}`)
}

process.exitCode = main()
