import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { isGood } from '../simulation.ts'
import { bare } from '../weather.ts'
import { type Bug, bugs } from './bugs.ts'
import { buildWith } from './build.ts'

const usage = `Plants each bug in the engine and shows whether the simulation finds it.
  --runs N   how many seeds for each (2000)
  --only S   bugs whose name has S in it
  --first    no more of a bug than its first seed
  --any      in any weather, not in the one where each shows soon`

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      runs: { type: 'string', default: '2000' },
      only: { type: 'string', default: '' },
      first: { type: 'boolean', default: false },
      any: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    console.error(usage)
    return 0
  }
  const runs = Number(values.runs)
  console.log(`| Bug, of ${runs} runs | lost | ends differ | misbehave | first seed | |\n|---|---|---|---|---|---|`)
  let missed = 0
  for (const bug of bugs) {
    if (!bug.name.includes(values.only)) continue
    const found = await judge(values.any ? { ...bug, focus: {} } : bug, runs, values.first)
    if (found.first === undefined) missed += 1
    const where = values.any || bug.focus === undefined ? 'any weather' : `\`${show(bug.focus)}\``
    console.log(
      `| ${bug.name}${bug.accepted ? ' (accepted: 0012)' : ''} | ${found.lost} | ${found.differ} | ${found.misbehave} | ${found.first ?? '–'} | ${where} |`,
    )
  }
  if (missed > 0) console.log(`${missed} not found`)
  return missed === 0 ? 0 : 1
}

async function judge({ edits, focus }: Bug, runs: number, onlyFirst: boolean) {
  const folder = await mkdtemp(join(tmpdir(), 'podswap-planted-'))
  const found = { lost: 0, differ: 0, misbehave: 0, first: undefined as number | undefined }
  try {
    const { engine, simulate } = await buildWith(edits, folder, 'planted.mjs')
    for (let seed = 1; seed <= runs && !(onlyFirst && found.first); seed++) {
      const verdict = simulate(engine, seed, { focus: { ...bare, ...focus } })
      if (isGood(verdict)) continue
      found.first ??= seed
      if (verdict.misbehaved !== undefined) found.misbehave += 1
      else if (verdict.lost.length > 0) found.lost += 1
      else found.differ += 1
    }
  } finally {
    await rm(folder, { recursive: true })
  }
  return found
}

function show(focus: object): string {
  return JSON.stringify(focus, (_, value) => (typeof value === 'bigint' ? Number(value) : value)).replaceAll('|', '\\|')
}

process.exitCode = await main()
