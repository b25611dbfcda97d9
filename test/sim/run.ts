import { fork } from 'node:child_process'
import { parseArgs } from 'node:util'
import { engine } from './engine-subject.ts'
import { model } from './model.ts'
import { type Rule, rules } from './model-rules.ts'
import { isGood, type SimulationOptions, simulate, type Verdict } from './simulation.ts'

const usage = `Simulates the sync protocol: seeded people, network and faults; a seed is a run.
  --runs N        how many seeds (1000)
  --seed S        the first one (1)
  --jobs N        processes that share the seeds (1)
  --subject NAME  model (default) or engine
  --without RULE  leaves a rule of the model out
  --steps N       steps of a run (150)
  --focus JSON    fixes some of the weather, such as '{"powerCut":0.05}'
  --trace         prints everything that happens
  --keep-going    does not stop at the first failure`

const jobsMax = 64

interface Tally {
  runs: number
  lost: number
  differing: number
  misbehaved: number
  copies: number
}

interface Range {
  first: number
  runs: number
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      runs: { type: 'string', default: '1000' },
      seed: { type: 'string', default: '1' },
      jobs: { type: 'string', default: '1' },
      subject: { type: 'string', default: 'model' },
      without: { type: 'string', multiple: true, default: [] },
      steps: { type: 'string', default: '150' },
      focus: { type: 'string', default: '{}' },
      trace: { type: 'boolean', default: false },
      'keep-going': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
      // One of several processes: whoever started it sums up.
      part: { type: 'boolean', default: false },
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
  const range = { first: Number(values.seed), runs: Number(values.runs) }
  const jobs = Math.min(Number(values.jobs), range.runs, jobsMax)
  const started = performance.now()
  const tally =
    jobs > 1
      ? await share(range, jobs, values['keep-going'])
      : runAll(range, seed => run(seed, { steps: Number(values.steps), focus, trace }), values['keep-going'])
  if (values.part) process.send?.(tally)
  else console.log(summaryOf(tally, (performance.now() - started) / 1000))
  return tally.lost + tally.differing + tally.misbehaved === 0 ? 0 : 1
}

function runAll({ first, runs }: Range, run: (seed: number) => Verdict, keepGoing: boolean): Tally {
  const tally: Tally = { runs: 0, lost: 0, differing: 0, misbehaved: 0, copies: 0 }
  for (let seed = first; seed < first + runs; seed++) {
    const verdict = run(seed)
    tally.runs += 1
    tally.copies += verdict.copies
    if (isGood(verdict)) continue
    print(verdict)
    if (verdict.misbehaved !== undefined) tally.misbehaved += 1
    else if (verdict.lost.length > 0) tally.lost += 1
    else tally.differing += 1
    if (!keepGoing) break
  }
  return tally
}

/** Has processes of this program do a part each. */
async function share({ first, runs }: Range, jobs: number, keepGoing: boolean): Promise<Tally> {
  const each = Math.ceil(runs / jobs)
  const all = new AbortController()
  const parts = Array.from({ length: Math.ceil(runs / each) }, (_, part) => {
    const from = part * each
    return runPart({ first: first + from, runs: Math.min(each, runs - from) }, all.signal)
  })
  const sum: Tally = { runs: 0, lost: 0, differing: 0, misbehaved: 0, copies: 0 }
  for await (const tally of parts.map(async part => {
    const done = await part
    if (!keepGoing && done !== undefined && done.lost + done.differing + done.misbehaved > 0) all.abort()
    return done
  }))
    for (const key of Object.keys(sum) as (keyof Tally)[]) sum[key] += tally?.[key] ?? 0
  return sum
}

/** Undefined where it was stopped. A later option takes the place of an earlier one of the same name. */
function runPart({ first, runs }: Range, signal: AbortSignal): Promise<Tally | undefined> {
  const args = [...process.argv.slice(2), '--part', '--jobs', '1', '--seed', `${first}`, '--runs', `${runs}`]
  return new Promise((resolve, reject) => {
    const child = fork(process.argv[1]!, args, { signal, killSignal: 'SIGKILL' })
    let tally: Tally | undefined
    child.on('message', message => {
      tally = message as Tally
    })
    child.on('error', error => (signal.aborted ? resolve(undefined) : reject(error)))
    child.on('close', code => {
      if (tally !== undefined || signal.aborted) resolve(tally)
      else reject(new Error(`the process of seeds from ${first} ended with ${code}`))
    })
  })
}

function summaryOf({ runs, lost, differing, misbehaved, copies }: Tally, seconds: number): string {
  return (
    `${runs} runs: ${lost} lost, ${differing} differ, ${misbehaved} misbehave; ` +
    `${(copies / runs).toFixed(2)} copies a run; ${seconds.toFixed(1)} s, ${Math.round(runs / seconds)} runs/s`
  )
}

function print({ seed, lost, differing, misbehaved }: Verdict): void {
  console.log(`seed ${seed} fails (again with: --runs 1 --seed ${seed} --trace)`)
  for (const line of lost) console.log(`  lost ${line}`)
  for (const line of differing) console.log(`  differs ${line}`)
  if (misbehaved !== undefined) console.log(`  misbehaved: ${misbehaved}`)
}

process.exitCode = await main()
