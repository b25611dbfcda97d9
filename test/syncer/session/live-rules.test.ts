import fs from 'node:fs'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { RealPair, until } from './real-pair.ts'

let pair: RealPair

beforeEach(async () => {
  pair = new RealPair()
  pair.write('laptop', 'f', 'text')
  pair.open()
  pair.attach()
  await pair.inStep()
})
afterEach(() => pair.dispose())

/** A folder with these files beside the synced ones, to be moved in whole. */
function beside(name: string, files: Record<string, string>): string {
  const folder = path.join(pair.base, name)
  for (const [file, text] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(folder, file)), { recursive: true })
    fs.writeFileSync(path.join(folder, file), text)
  }
  return folder
}

describe('an ignore file that comes along with a folder takes effect with it', () => {
  test('moved in', async () => {
    const folder = beside('app', { '.gitignore': 'secret\n', secret: 'mine', src: 'all' })
    fs.renameSync(folder, pair.at('laptop', 'app'))
    await until(() => pair.read('pod', 'app/src') === 'all')
    await pair.inStep()
    expect(pair.read('pod', 'app/.gitignore')).toBe('secret\n')
    expect(pair.read('pod', 'app/secret')).toBeNull()
    pair.write('laptop', 'app/secret', 'still mine')
    await pair.inStep()
    expect(pair.read('pod', 'app/secret')).toBeNull()
  })

  test('moved in, deep below', async () => {
    const folder = beside('app', { 'a/b/.gitignore': '/secret\n', 'a/b/secret': 'mine', 'a/b/src': 'all', 'a/x': 'x' })
    fs.renameSync(folder, pair.at('laptop', 'app'))
    await until(() => pair.read('pod', 'app/a/b/src') === 'all' && pair.read('pod', 'app/a/x') === 'x')
    await pair.inStep()
    expect(pair.read('pod', 'app/a/b/secret')).toBeNull()
  })

  test('another folder in its place: its rules hold, the old ones no longer', async () => {
    fs.renameSync(beside('one', { '.gitignore': 'a\n', a: 'a1', b: 'b1' }), pair.at('laptop', 'app'))
    await until(() => pair.read('pod', 'app/b') === 'b1')
    await pair.inStep()
    expect(pair.read('pod', 'app/a')).toBeNull()
    fs.renameSync(pair.at('laptop', 'app'), path.join(pair.base, 'old'))
    await until(() => pair.read('pod', 'app/b') === null)
    fs.renameSync(beside('two', { '.gitignore': 'b\n', a: 'a2', b: 'b2' }), pair.at('laptop', 'app'))
    await until(() => pair.read('pod', 'app/a') === 'a2')
    await pair.inStep()
    expect(pair.read('pod', 'app/b')).toBeNull()
  })

  test('from the pod', async () => {
    const folder = beside('app', { '.gitignore': 'log\n', 'in/.gitignore': 'tmp\n', src: 'all' })
    fs.renameSync(folder, pair.at('pod', 'app'))
    await until(() => pair.read('laptop', 'app/in/.gitignore') === 'tmp\n')
    await pair.inStep()
    pair.write('laptop', 'app/log', 'mine')
    pair.write('laptop', 'app/in/tmp', 'mine')
    pair.write('laptop', 'app/seen', 'yes')
    await until(() => pair.read('pod', 'app/seen') === 'yes')
    await pair.inStep()
    expect(pair.read('pod', 'app/log')).toBeNull()
    expect(pair.read('pod', 'app/in/tmp')).toBeNull()
  })

  test('in a folder that is left out it says nothing', async () => {
    pair.write('laptop', '.gitignore', 'vendor\n')
    await until(() => pair.read('pod', '.gitignore') === 'vendor\n')
    await pair.inStep()
    fs.renameSync(beside('v', { '.gitignore': '!*\n', x: 'x' }), pair.at('laptop', 'vendor'))
    pair.write('laptop', 'g', 'after')
    await until(() => pair.read('pod', 'g') === 'after')
    expect(pair.read('pod', 'vendor/x')).toBeNull()
  })
})
