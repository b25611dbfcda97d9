import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { stepsOf } from '../guides/steps.ts'
import { runCommand } from './support/command.ts'
import { DevSession } from './support/dev-session.ts'
import { environment, repository } from './support/environment.ts'
import { expectRestored } from './support/traces.ts'
import { until } from './support/until.ts'

/** The commands of the guide, as written. */
function commandsByHand(): string[] {
  const steps = stepsOf('docs/by-hand.md', readFileSync(`${repository}docs/by-hand.md`, 'utf8'))
  return steps.flatMap(step => (step.kind === 'run' ? step.commands.map(({ script }) => script) : []))
}

it('the way back by hand, with kubectl alone, as a person with the Role', { timeout: 300_000 }, async () => {
  await using session = await DevSession.create({ purpose: 'by-hand', workload: { replicas: 2 } })
  const { admin } = session.namespace
  await session.up()
  const commands = commandsByHand()
  expect(commands.length).toBeGreaterThanOrEqual(4)
  for (const command of commands) {
    const here = command.replaceAll('-n team', `-n ${admin.namespace}`)
    expect(here).not.toBe(command)
    const env = { ...process.env, KUBECONFIG: environment().person }
    const done = await runCommand('bash', ['-ec', here], { env })
    expect(done.code, `${here}\n${done.stdout}\n${done.stderr}`).toBe(0)
  }
  // the session noticed, and ended by itself
  await until('no process is left', () => session.laptop.processes().length === 0, { deadlineMs: 60_000 })
  await until('its pods are back', async () => {
    const { status, spec } = await admin.get('deployment', 'web')
    return status.readyReplicas === spec.replicas
  })
  await expectRestored(admin, session.was)
})
