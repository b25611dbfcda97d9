import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { NameExchange } from '../../../syncer/agent/name-exchange.ts'
import { systemClock } from '../../../syncer/base/clock.ts'
import { errnoOf } from '../../../syncer/base/errors.ts'
import { inOwn } from '../../../syncer/disk/disk.ts'
import { createNodeDisk } from '../../../syncer/disk/node-disk.ts'
import { initProgram } from '../../native/init-program.ts'

let folder: string
let names: NameExchange
let said: string[]
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'podswap-names-'))
  said = []
})
afterEach(() => {
  names?.close()
  rmSync(folder, { recursive: true })
})

const at = (name: string) => join(folder, name)
const bytes = (name: string) => Buffer.from(at(name))
const begin = (init: string) => {
  names = new NameExchange({ init, clock: systemClock, log: text => said.push(text) })
}
const codeOf = (call: () => void) => {
  try {
    call()
    return 'done'
  } catch (error) {
    return errnoOf(error)
  }
}

describe.skipIf(initProgram === null)('exchanging names', () => {
  beforeEach(async context => {
    begin(initProgram!)
    await expect.poll(() => codeOf(() => names.exchange(bytes('none'), bytes('neither')))).not.toBe('ENOSYS')
    writeFileSync(at('a'), 'two')
    writeFileSync(at('b'), 'one')
    // renameat2(2): not every file system has it
    const isMissing = codeOf(() => names.exchange(bytes('a'), bytes('b'))) === 'EINVAL'
    context.skip(isMissing, `the file system of ${tmpdir()} exchanges no names`)
  })

  test('is one step, in both directions, many times', () => {
    for (let round = 0; round < 1_001; round++) names.exchange(bytes('a'), bytes('b'))
    expect([readFileSync(at('a'), 'utf8'), readFileSync(at('b'), 'utf8')]).toEqual(['two', 'one'])
  })

  test('fails with the system’s own code', () => {
    expect(codeOf(() => names.exchange(bytes('a'), bytes('missing')))).toBe('ENOENT')
    expect(codeOf(() => names.exchange(Buffer.from(at('a')), Buffer.from(`${at('b')}/c`)))).toBe('ENOTDIR')
    expect(codeOf(() => names.exchange(bytes('a'), Buffer.from(at('x'.repeat(300)))))).toBe('ENAMETOOLONG')
  })

  test('takes no longer paths than arrive in one piece', () => {
    expect(codeOf(() => names.exchange(bytes('a'), Buffer.alloc(5_000, 'x')))).toBe('ENOSYS')
    names.exchange(bytes('a'), bytes('b'))
    expect(readFileSync(at('a'), 'utf8')).toBe('two')
  })

  test('is refused after the end', () => {
    names.close()
    expect(codeOf(() => names.exchange(bytes('a'), bytes('b')))).toBe('ENOSYS')
    expect(readFileSync(at('a'), 'utf8')).toBe('one')
  })

  test('gives a disk its exchange, inside the synced folder', () => {
    writeFileSync(at('file'), 'theirs')
    const disk = createNodeDisk({ root: folder, exchange: names.exchange.bind(names) })
    try {
      const file = disk.create('stage-1')
      file.write(Buffer.from('ours'))
      file.finish({ mode: 0o644, mtimeMs: 1_600_000_000_000 })
      disk.exchange!('stage-1', 'file')
      expect(readFileSync(at('file'), 'utf8')).toBe('ours')
      expect(disk.read(inOwn('stage-1'), 10).bytes.toString()).toBe('theirs')
      expect(codeOf(() => disk.exchange!('stage-1', 'nothing'))).toBe('ENOENT')
    } finally {
      disk.close()
    }
  })
})

test('without the program it is refused, and said once', async () => {
  begin(at('no-such-program'))
  await expect.poll(() => said.length).toBe(1)
  expect(codeOf(() => names.exchange(bytes('a'), bytes('b')))).toBe('ENOSYS')
})
