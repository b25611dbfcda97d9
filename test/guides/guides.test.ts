import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CleanUp } from '../e2e/support/clean-up.ts'
import { repository } from '../e2e/support/environment.ts'
import { Laptop } from '../e2e/support/laptop.ts'
import { freePorts } from '../e2e/support/ports.ts'
import { guidePaths } from './guide-paths.ts'
import { GuideShell, hasPrograms } from './guide-shell.ts'
import { cli, namespace, Shop } from './shop.ts'
import { stepsOf } from './steps.ts'

const people = ['ann', 'ben'] as const
const portsInGuides = [3000, 5432, 8080, 8081, 9229]
const isRunnable = process.platform === 'linux' && (await hasPrograms('bash', 'curl'))

const guides = guidePaths()
  .map(path => ({ path, steps: stepsOf(path, readFileSync(join(repository, path), 'utf8')) }))
  .map(({ path, steps }) => ({ path, steps: steps.filter(step => step.kind === 'file' || step.setting === 'sandbox') }))
  .filter(({ steps }) => steps.some(({ kind }) => kind === 'run'))

/** What a guide tells to type is typed, in its order, with the built CLI, on the embedded cluster. */
describe.runIf(isRunnable)('the commands of', () => {
  const stack = new CleanUp()
  let shop: Shop
  let before: unknown

  beforeAll(async () => {
    shop = stack.use(await Shop.open())
    before = await shop.state()
  }, 300_000)
  afterAll(() => stack[Symbol.asyncDispose]())

  it.each(guides)('$path', { timeout: 900_000 }, async ({ steps }) => {
    await using mine = new CleanUp()
    const free = await freePorts(portsInGuides.length)
    const ports = new Map(portsInGuides.map((port, index) => [port, free[index]!]))
    const shells = new Map(
      people.map(name => {
        const kubeconfig = shop.kubeconfigs[name]
        const laptop = mine.use(new Laptop({ kubeconfig, agentImage: 'node:22', cli }))
        const environment = { USER: name, NODE_PATH: join(repository, 'node_modules'), NAMESPACE: namespace }
        return [name as string, mine.use(new GuideShell({ person: { laptop, kubeconfig }, cli, ports, environment }))]
      }),
    )
    // what a guide that fails leaves is not the next one's
    mine.defer(() => shop.putBack())
    for (const step of steps) await shells.get(step.as)!.run(step)
    for (const shell of shells.values()) await shell.finished()
    await shop.untilReady()
    expect(await shop.state()).toEqual(before)
  })
})
