import { describe, expect, it } from 'vitest'
import { devErrors, loadDev } from './laptop.ts'

const files = { '/work/app/key.pem': 'k', '/home/ann/.netrc': 'n', '/work/app/a:b': 'c' }
const more = { beside: files, env: { KEYS: '/work/app', TARGET: '/etc' } }

describe('secrets', () => {
  it.each<[string, unknown]>([
    ['secrets: []', undefined],
    ['secrets:', undefined],
    ['secrets: [key.pem:/etc/key.pem]', [{ local: '/work/app/key.pem', remote: '/etc/key.pem', mode: 0o600 }]],
    ['secrets: ["~/.netrc:/root/.netrc:0400"]', [{ local: '/home/ann/.netrc', remote: '/root/.netrc', mode: 0o400 }]],
    ['secrets: ["key.pem:/k:644"]', [{ local: '/work/app/key.pem', remote: '/k', mode: 0o644 }]],
    ['secrets:\n- key.pem: /etc/key.pem', [{ local: '/work/app/key.pem', remote: '/etc/key.pem', mode: 0o600 }]],
    [
      'secrets: ["${KEYS:-/x}/key.pem:${TARGET}//key.pem"]',
      [{ local: '/work/app/key.pem', remote: '/etc/key.pem', mode: 0o600 }],
    ],
  ])('%j', (fields, expected) => {
    const dev = loadDev(fields, more)
    expect(dev.secrets?.map(({ at, ...rest }) => rest)).toEqual(expected)
    expect(dev.warnings).toEqual([])
  })

  it.each<[string, string[]]>([
    ['secrets: [key.pem]', ['3:15 "key.pem" is not local:remote or local:remote:mode']],
    ['secrets: ["a:b:/x:0600"]', ['3:15 "a:b:/x:0600" is not local:remote or local:remote:mode']],
    ['secrets: [none:/x]', ['3:15 there is no file "/work/app/none"']],
    ['secrets: [src:/x]', ['3:15 "/work/app/src" is not a file']],
    ['secrets: [key.pem:x]', ['3:15 "x" must be the absolute path of a file in the container']],
    ['secrets: [key.pem:/x/]', ['3:15 "/x/" must be the absolute path of a file in the container']],
    ['secrets: [key.pem:/podswap/x]', ['3:15 /podswap in the container cannot hold a secret']],
    ['secrets: ["key.pem:/x:0680"]', ['3:15 "0680" is not the mode of a secret']],
    ['secrets: ["key.pem:/x:0077"]', ['3:15 "0077" is not the mode of a secret']],
    ['secrets: ["key.pem:/x:4755"]', ['3:15 "4755" is not the mode of a secret']],
    ['secrets: [key.pem:/x, key.pem:/x]', ['3:27 this secret is there twice, first in line 3']],
    ['secrets: [$NOWHERE/k:/x]', ['3:15 the variable NOWHERE is not set, and `secrets` depends on it']],
    [
      'workdir: /app\nsecrets: [key.pem:/app/key.pem]',
      ['4:15 a secret cannot lie in a synced folder (line 3): it would come back to the laptop'],
    ],
  ])('%j is refused', (fields, expected) => {
    expect(devErrors(fields, more)).toEqual(expected)
  })
})
