import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readKubeAccess } from '../../../src/cluster/kubeconfig.ts'
import { questions } from './api-questions.ts'
import { type AskedApi, ask, type KnownAnswer } from './ask-api.ts'
import { SandboxWorld } from './sandbox-world.ts'

const known = JSON.parse(await readFile('test/fixtures/api-answers.json', 'utf8')) as Record<string, KnownAnswer>

describe('the sandbox answers as a real API server did', () => {
  let world: SandboxWorld
  let api: AskedApi
  beforeAll(async () => {
    world = await SandboxWorld.make()
    api = await sandboxApi(world)
  })
  afterAll(() => world?.close())

  it.each(questions)('$name', async question => {
    const answer = await ask(api, question)
    if (question.differs) expect(answer).not.toEqual(known[question.name])
    else expect(answer).toEqual(known[question.name])
  })

  it('to everything that was asked', () => {
    expect(Object.keys(known).sort()).toEqual(questions.map(({ name }) => name).sort())
  })
})

async function sandboxApi(world: SandboxWorld): Promise<AskedApi> {
  const read = async (person: string) => readKubeAccess({ kubeconfig: world.kubeconfig(person), env: {} })
  const [admin, ann, eve] = await Promise.all([read('admin'), read('ann'), read('eve')])
  return {
    server: world.sandbox.url,
    namespace: world.namespace,
    authority: Buffer.from(admin.cluster.caData ?? '', 'base64').toString(),
    tokens: { admin: admin.user.token ?? '', ann: ann.user.token ?? '', eve: eve.user.token ?? '' },
  }
}
