import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../../syncer/base/clock.ts'
import { inOwn } from '../../../syncer/disk/disk.ts'
import { NameExchange } from '../../../syncer/disk/name-exchange.ts'
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
const codeOf = (one: Buffer, other: Buffer) => names.begin([[one, other]])()[0] ?? 'done'

describe.skipIf(initProgram === null)('exchanging names', () => {
  beforeEach(async context => {
    begin(initProgram!)
    await expect.poll(() => codeOf(bytes('none'), bytes('neither'))).not.toBe('ENOSYS')
    writeFileSync(at('a'), 'two')
    writeFileSync(at('b'), 'one')
    // renameat2(2): not every file system has it
    const isMissing = codeOf(bytes('a'), bytes('b')) === 'EINVAL'
    context.skip(isMissing, `the file system of ${tmpdir()} exchanges no names`)
  })

  test('is one step, in both directions, many times', () => {
    for (let round = 0; round < 1_001; round++) expect(codeOf(bytes('a'), bytes('b'))).toBe('done')
    expect([readFileSync(at('a'), 'utf8'), readFileSync(at('b'), 'utf8')]).toEqual(['two', 'one'])
  })

  test('takes many pairs at once, and answers for each, in their order', () => {
    const pairs = Array.from({ length: 2_500 }, (_, i) => [bytes(`one-${i}`), bytes(`other-${i}`)] as const)
    for (const [i, [one, other]] of pairs.entries()) {
      writeFileSync(one, `one ${i}`)
      if (i % 7 !== 0) writeFileSync(other, `other ${i}`)
    }
    expect(names.begin(pairs)()).toEqual(pairs.map((_, i) => (i % 7 === 0 ? 'ENOENT' : undefined)))
    for (const [i, [one, other]] of pairs.entries()) {
      if (i % 7 === 0) expect(readFileSync(one, 'utf8')).toBe(`one ${i}`)
      else expect([readFileSync(one, 'utf8'), readFileSync(other, 'utf8')]).toEqual([`other ${i}`, `one ${i}`])
    }
  })

  test('what is begun ends once, before the next begins, and its answers can be asked for late', () => {
    const first = names.begin([[bytes('a'), bytes('b')]])
    const second = names.begin([
      [bytes('a'), bytes('none')],
      [bytes('a'), bytes('b')],
    ])
    const third = names.begin([[bytes('none'), bytes('b')]])
    expect([first(), second(), third(), first()]).toEqual([[undefined], ['ENOENT', undefined], ['ENOENT'], [undefined]])
    expect(readFileSync(at('a'), 'utf8')).toBe('one')
  })

  test('a pair among many that is too long is left out alone', () => {
    const long = Buffer.alloc(5_000, 'x')
    const codes = names.begin([
      [bytes('a'), bytes('b')],
      [bytes('a'), long],
      [bytes('a'), bytes('b')],
      [bytes('a'), bytes('none')],
    ])()
    expect(codes).toEqual([undefined, 'ENOSYS', undefined, 'ENOENT'])
    expect(readFileSync(at('a'), 'utf8')).toBe('one')
  })

  test('fails with the system’s own code', () => {
    expect(codeOf(bytes('a'), bytes('missing'))).toBe('ENOENT')
    expect(codeOf(Buffer.from(at('a')), Buffer.from(`${at('b')}/c`))).toBe('ENOTDIR')
    expect(codeOf(bytes('a'), Buffer.from(at('x'.repeat(300))))).toBe('ENAMETOOLONG')
  })

  test('takes no longer paths than arrive in one piece', () => {
    expect(codeOf(bytes('a'), Buffer.alloc(5_000, 'x'))).toBe('ENOSYS')
    expect(codeOf(bytes('a'), bytes('b'))).toBe('done')
    expect(readFileSync(at('a'), 'utf8')).toBe('two')
  })

  test('is refused after the end', () => {
    names.close()
    expect(codeOf(bytes('a'), bytes('b'))).toBe('ENOSYS')
    expect(readFileSync(at('a'), 'utf8')).toBe('one')
  })

  test('gives a disk its exchange, inside the synced folder', () => {
    writeFileSync(at('file'), 'theirs')
    const disk = createNodeDisk({ root: folder, exchange: names.begin.bind(names) })
    try {
      const file = disk.create('stage-1')
      file.write(Buffer.from('ours'))
      file.finish({ mode: 0o644, mtimeMs: 1_600_000_000_000 })
      expect(disk.exchange!([{ own: 'stage-1', path: 'file' }])).toEqual([undefined])
      expect(readFileSync(at('file'), 'utf8')).toBe('ours')
      expect(disk.read(inOwn('stage-1'), 10).bytes.toString()).toBe('theirs')
      expect(disk.exchange!([{ own: 'stage-1', path: 'nothing' }])).toEqual(['ENOENT'])
    } finally {
      disk.close()
    }
  })
})

test('without the program it is refused, and said once', async () => {
  begin(at('no-such-program'))
  await expect.poll(() => said.length).toBe(1)
  expect(codeOf(bytes('a'), bytes('b'))).toBe('ENOSYS')
})

describe.skipIf(initProgram === null)('a program that is lost', () => {
  let aheadMs: number
  const clock = { now: () => Date.now(), monotonic: () => performance.now() + aheadMs }
  beforeEach(() => {
    aheadMs = 0
    names = new NameExchange({ init: initProgram!, clock, log: text => said.push(text) })
  })

  /** Of this process. */
  function programs(): number[] {
    const found = readdirSync('/proc').filter(pid => {
      if (!/^\d+$/.test(pid)) return false
      try {
        const isOurs = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[1] === `${process.pid}`
        return isOurs && readFileSync(`/proc/${pid}/cmdline`, 'utf8') === `${initProgram}\0exchange\0`
      } catch {
        return false
      }
    })
    return found.map(Number)
  }
  const ask = () => codeOf(bytes('none'), bytes('neither'))

  test('is started anew a while after it died, a few times', async () => {
    for (let start = 1; start <= 5; start++) {
      await expect.poll(ask).toBe('ENOENT')
      process.kill(programs()[0]!, 'SIGKILL')
      await expect.poll(ask).toBe('ENOSYS')
      await expect.poll(programs).toEqual([])
      aheadMs += 1_000
      expect([ask(), programs()]).toEqual(['ENOSYS', []])
      aheadMs += 9_100
      ask()
      expect(programs()).toHaveLength(start < 5 ? 1 : 0)
    }
  })

  test('is started anew, too, where it gave no answer in time', async () => {
    await expect.poll(ask).toBe('ENOENT')
    process.kill(programs()[0]!, 'SIGSTOP')
    expect(ask()).toBe('ETIME')
    await expect.poll(programs).toEqual([])
    aheadMs += 10_100
    await expect.poll(ask).toBe('ENOENT')
  })

  test('is not taken for one that made files, where it died unnoticed', async () => {
    await expect.poll(() => names.wholeBytesMax).toBeGreaterThan(0)
    const [program] = programs()
    process.kill(program!, 'SIGKILL')
    // Without a turn in which its end would be told.
    while (!readFileSync(`/proc/${program}/stat`, 'utf8').includes(') Z ')) {}
    expect(names.wholeBytesMax).toBeGreaterThan(0)
    expect(names.place([Buffer.alloc(12)], 0)).toBeUndefined()
    expect(names.wholeBytesMax).toBe(0)
  })

  test('stays away after the end', async () => {
    await expect.poll(ask).toBe('ENOENT')
    names.close()
    await expect.poll(programs).toEqual([])
    aheadMs += 60_000
    expect([ask(), programs()]).toEqual(['ENOSYS', []])
  })
})
