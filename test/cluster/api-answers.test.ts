import { readFile, writeFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { readKubeAccess } from '../../src/cluster/kubeconfig.ts'
import { questions } from '../src/sandbox/api-questions.ts'
import { type AskedApi, ask, type KnownAnswer } from '../src/sandbox/ask-api.ts'
import { RealNamespace, realCluster } from './real-namespace.ts'

const real = realCluster()
const eve = process.env.PODSWAP_E2E_EVE_KUBECONFIG
const fixture = 'test/fixtures/api-answers.json'

/** PODSWAP_RECORD_ANSWERS=1 writes the fixture anew. */
describe.skipIf(!real || !eve)('what the sandbox was taught', () => {
  it('is what a real API server answers', async () => {
    const namespace = await RealNamespace.make(real!, 'answers')
    try {
      const api = await realApi(namespace.name)
      const answers: Record<string, KnownAnswer> = {}
      for (const question of questions) answers[question.name] = await ask(api, question)
      if (process.env.PODSWAP_RECORD_ANSWERS) await writeFile(fixture, `${JSON.stringify(answers, null, 2)}\n`)
      const known: Record<string, KnownAnswer> = JSON.parse(await readFile(fixture, 'utf8'))
      expect(Object.keys(answers)).toEqual(Object.keys(known))
      for (const [name, answer] of Object.entries(answers)) expect.soft(answer, name).toEqual(known[name])
    } finally {
      await namespace.dispose()
    }
  })
})

async function realApi(namespace: string): Promise<AskedApi> {
  const read = (kubeconfig: string) => readKubeAccess({ kubeconfig, env: {} })
  const [admin, ann, other] = await Promise.all([read(real!.admin), read(real!.person), read(eve!)])
  return {
    server: admin.cluster.server,
    namespace,
    authority: Buffer.from(admin.cluster.caData ?? '', 'base64').toString(),
    tokens: { admin: admin.user.token ?? '', ann: ann.user.token ?? '', eve: other.user.token ?? '' },
  }
}
