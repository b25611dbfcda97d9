import fs from 'node:fs'
import { afterEach, beforeEach, test } from 'vitest'
import { RealPair, until } from './real-pair.ts'

let pair: RealPair
beforeEach(() => {
  pair = new RealPair()
})
afterEach(() => pair.dispose())

const problems = () => pair.session.status().problems.map(({ path, code }) => `${path} ${code}`)

test.each(['laptop', 'pod'] as const)(
  'a folder that was moved away under the session on the %s is no problem any more when it is back',
  async side => {
    const names = ['f', 'a/f', 'a/b/f', 'a/b/c/f', 'g/f']
    for (const name of names) pair.write('laptop', name, 'text')
    pair.open()
    pair.attach()
    await pair.inStep()
    const other = side === 'laptop' ? 'pod' : 'laptop'
    const place = pair.at(side, '').replace(/\/$/, '')
    const away = `${place}-away`
    for (let round = 0; round < 2; round++) {
      fs.renameSync(place, away)
      for (const name of names) pair.write(other, name, `edited ${round}`)
      pair.write(other, `new-${round}/f`, 'new')
      fs.mkdirSync(`${away}/made-${round}`)
      fs.writeFileSync(`${away}/made-${round}/f`, 'made')
      await until(() => problems().some(each => each.endsWith('ESTALE')))
      fs.renameSync(away, place)
      await until(() => pair.read(side, 'a/b/c/f') === `edited ${round}`)
      await until(() => pair.read(other, `made-${round}/f`) !== null, 20_000)
      // the gradual sweep would find both after 60 s at the earliest
      await until(() => problems().length === 0, 20_000)
    }
  },
)
