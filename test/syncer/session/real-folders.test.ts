import fs from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { RealPair, until } from './real-pair.ts'

let pair: RealPair

beforeEach(() => {
  pair = new RealPair()
})
afterEach(() => pair.dispose())

describe('sync over real folders', () => {
  test('case 1: the first sync, then edits, new files, removals and renames both ways', async () => {
    pair.write('laptop', 'a/b/c.txt', 'deep')
    pair.write('laptop', 'empty', '')
    pair.write('laptop', 'big.bin', Buffer.alloc(3_000_000, 'x'))
    fs.symlinkSync('a/b/c.txt', pair.at('laptop', 'link'))
    pair.open()
    pair.attach()
    await pair.inStep()
    expect(pair.tree('pod')).toEqual(pair.tree('laptop'))
    expect(pair.events.some(event => event.type === 'first-sync-done')).toBe(true)
    for (const side of ['laptop', 'pod'] as const) {
      pair.write(side, 'a/b/c.txt', `from the ${side}`)
      pair.write(side, `new/${side}`, side)
      fs.rmSync(pair.at(side, side === 'laptop' ? 'empty' : 'new/laptop'))
      fs.renameSync(
        pair.at(side, side === 'laptop' ? 'a' : 'moved'),
        pair.at(side, side === 'laptop' ? 'moved' : 'again'),
      )
      await pair.inStep()
      expect(pair.tree('pod')).toEqual(pair.tree('laptop'))
    }
    expect(pair.read('laptop', 'again/b/c.txt')).toBe('from the laptop')
    expect(pair.read('laptop', 'new/pod')).toBe('pod')
    expect(pair.read('laptop', 'new/laptop')).toBeNull()
  })

  test('a file larger than all that may wait for an answer arrives', async () => {
    pair.open()
    pair.attach()
    await pair.inStep()
    pair.write('laptop', 'huge.bin', Buffer.alloc(40 * 1024 * 1024, 'laptop'))
    pair.write('pod', 'huge-there.bin', Buffer.alloc(40 * 1024 * 1024, 'pod'))
    await pair.inStep()
    expect(pair.tree('pod')).toEqual(pair.tree('laptop'))
  })

  test('case 37: a large file that goes on being written while it is sent arrives whole', async () => {
    pair.open()
    pair.attach()
    await pair.inStep()
    for (let round = 0; round < 5; round++) {
      const bytes = Buffer.alloc(24 * 1024 * 1024, `round ${round} `)
      const name = `growing-${round}.bin`
      pair.write('laptop', name, bytes.subarray(0, 16 * 1024 * 1024))
      await until(() => pair.session.status().transfer !== undefined)
      fs.appendFileSync(pair.at('laptop', name), bytes.subarray(16 * 1024 * 1024))
      await pair.inStep()
      expect(fs.readFileSync(pair.at('pod', name)).equals(bytes)).toBe(true)
    }
  })

  test('a save arrives by itself, without being asked for', async () => {
    pair.write('laptop', 'f', 'one')
    pair.open()
    pair.attach()
    await pair.inStep()
    pair.write('laptop', 'f', 'two!')
    await until(() => pair.read('pod', 'f') === 'two!')
    pair.write('pod', 'f', 'three')
    await until(() => pair.read('laptop', 'f') === 'three')
  })

  test('case 60: edits while disconnected on both sides meet at the next connection, conflicts with a copy', async () => {
    pair.write('laptop', 'both.txt', 'base')
    pair.write('laptop', 'mine', 'base')
    pair.open()
    pair.attach()
    await pair.inStep()
    pair.session.detach()
    pair.write('laptop', 'both.txt', 'from the laptop')
    pair.write('pod', 'both.txt', 'from the pod')
    pair.write('pod', 'mine', 'from the pod')
    pair.attach()
    await pair.inStep()
    expect(pair.read('laptop', 'both.txt')).toBe('from the laptop')
    expect(pair.read('laptop', 'mine')).toBe('from the pod')
    expect(pair.tree('pod')).toEqual(pair.tree('laptop'))
    expect(Object.values(pair.tree('laptop'))).toContain('from the pod')
    const conflicts = () => pair.session.status().conflicts
    expect(conflicts()).toMatchObject([{ path: 'both.txt' }])
    // whoever looked at both deletes the copy, here or in the pod: then there is nothing to say any more
    fs.rmSync(pair.at('pod', conflicts()[0]!.copy))
    await until(() => conflicts().length === 0)
  })

  test('cases 58, 78a: a new process on the laptop and a new agent resume and send nothing that is there', async () => {
    for (let i = 0; i < 200; i++) pair.write('laptop', `d${i % 7}/f${i}`, `content ${i}`)
    pair.open()
    pair.attach()
    await pair.inStep()
    pair.session.close()
    pair.restartHost()
    pair.write('pod', 'only-pod', 'kept')
    pair.open()
    pair.attach()
    await pair.inStep()
    expect(pair.read('laptop', 'only-pod')).toBe('kept')
    expect(pair.session.status().bytesSent).toBeLessThan(3_000)
  })

  test('cases 71, 100: ignore rules hold at both ends, live; what becomes ignored is not deleted, what comes back is kept', async () => {
    pair.write('laptop', '.gitignore', 'log/\n')
    pair.write('laptop', 'log/laptop.log', 'laptop')
    pair.write('laptop', 'src/a', 'a')
    pair.write('pod', 'log/pod.log', 'pod')
    pair.open()
    pair.attach()
    await pair.inStep()
    expect(pair.read('pod', 'log/laptop.log')).toBeNull()
    expect(pair.read('pod', 'log/pod.log')).toBe('pod')
    pair.write('laptop', '.gitignore', 'log/\nsrc/\n')
    await until(() => pair.read('pod', '.gitignore') === 'log/\nsrc/\n')
    await pair.inStep()
    fs.rmSync(pair.at('laptop', 'src'), { recursive: true })
    await pair.inStep()
    expect(pair.read('pod', 'src/a')).toBe('a')
    pair.write('laptop', '.gitignore', 'src/\n')
    await until(() => pair.read('laptop', 'log/pod.log') === 'pod')
    await until(() => pair.read('pod', 'log/laptop.log') === 'laptop')
  })

  test('case 48: an agent that dies in the middle of a first sync costs nothing', async () => {
    for (let i = 0; i < 400; i++) pair.write('laptop', `f${i}`, Buffer.alloc(20_000, `${i} `))
    pair.open()
    pair.attach()
    await until(() => fs.readdirSync(pair.podFolder).length > 20)
    pair.restartHost()
    await until(() => pair.session.status().state === 'paused')
    pair.attach()
    await pair.inStep()
    expect(pair.tree('pod')).toEqual(pair.tree('laptop'))
    expect(fs.readdirSync(pair.at('pod', '.podswap')).filter(name => name.startsWith('stage-'))).toEqual([])
  })

  test('flush returns when what was written before it is on the other side, at both ends', async () => {
    pair.open()
    pair.attach()
    await pair.inStep()
    for (let round = 0; round < 20; round++) {
      pair.write('laptop', `l${round}`, `${round}`)
      pair.write('pod', `p${round}`, `${round}`)
      await pair.session.flush(AbortSignal.timeout(60_000))
      expect(pair.read('pod', `l${round}`)).toBe(`${round}`)
      expect(pair.read('laptop', `p${round}`)).toBe(`${round}`)
    }
  })

  test('fetch returns when what was written in the pod before it is on the laptop', async () => {
    pair.open()
    pair.attach()
    await pair.inStep()
    for (let round = 0; round < 5; round++) {
      for (let i = 0; i < 200; i++) pair.write('pod', `${round}/${i}`, `${round} ${i}`)
      await pair.session.fetch(AbortSignal.timeout(60_000))
      expect(fs.readdirSync(pair.at('laptop', `${round}`))).toHaveLength(200)
    }
    pair.session.detach()
    await expect(pair.session.fetch(AbortSignal.timeout(60_000))).rejects.toMatchObject({ code: 'sync-halted' })
  })

  test('a flush that is given up leaves nothing behind, and one without a connection says so', async () => {
    pair.open()
    await expect(pair.session.flush(AbortSignal.timeout(60_000))).rejects.toMatchObject({ code: 'sync-halted' })
    pair.attach()
    await pair.inStep()
    await expect(pair.session.flush(AbortSignal.abort(new Error('given up')))).rejects.toThrow('given up')
    await pair.session.flush(AbortSignal.timeout(60_000))
  })

  test('case 40: vim and JetBrains saves are one update: the file is never missing at the other end', async () => {
    pair.write('laptop', 'f', 'version 00')
    pair.open()
    pair.attach()
    await pair.inStep()
    let missing = 0
    const watch = setInterval(() => {
      if (pair.read('pod', 'f') === null) missing += 1
    }, 1)
    for (let i = 1; i < 20; i++) {
      const text = `version ${String(i).padStart(2, '0')}`
      if (i % 2 === 0) {
        fs.renameSync(pair.at('laptop', 'f'), pair.at('laptop', 'f~'))
        fs.writeFileSync(pair.at('laptop', 'f'), text)
        fs.rmSync(pair.at('laptop', 'f~'))
      } else {
        fs.writeFileSync(pair.at('laptop', 'f___jb_tmp___'), text)
        fs.renameSync(pair.at('laptop', 'f___jb_tmp___'), pair.at('laptop', 'f'))
      }
      await until(() => pair.read('pod', 'f') === text)
    }
    clearInterval(watch)
    expect(missing).toBe(0)
  })

  test('case 76a: both sides edit one file within a second, 20 times: every text survives, nothing is ever empty', async () => {
    pair.write('laptop', 'f', 'start')
    pair.open()
    pair.attach()
    await pair.inStep()
    for (let i = 0; i < 20; i++) {
      pair.write('laptop', 'f', `laptop ${i} `)
      if (i % 3 === 0) await new Promise(resolve => setImmediate(resolve))
      pair.write('pod', 'f', `pod ${i} `)
      await pair.inStep()
      const texts = Object.values(pair.tree('laptop'))
      expect(pair.tree('pod')).toEqual(pair.tree('laptop'))
      expect(texts).not.toContain('')
      expect(texts.some(text => text === `laptop ${i} `) || texts.some(text => text === `pod ${i} `)).toBe(true)
    }
  })
})

test('nothing of ours stays in the laptop’s folder where nothing had to be kept', async () => {
  const tidy = new RealPair()
  tidy.write('laptop', 'f', 'text')
  tidy.open()
  tidy.attach()
  await tidy.inStep()
  tidy.session.close()
  expect(fs.readdirSync(tidy.laptopFolder)).toEqual(['f'])
  tidy.open()
  tidy.dispose()
})

test('cases 56, 59: a pod that is emptied halts sync, status and flush say so, and it goes on when the files are back', async () => {
  const emptied = new RealPair()
  const names = Array.from({ length: 80 }, (_, i) => `f${i}`)
  for (const name of names) emptied.write('laptop', name, name)
  emptied.open()
  emptied.attach()
  await emptied.inStep()
  const before = emptied.tree('laptop')
  for (const name of names) fs.rmSync(emptied.at('pod', name))
  await until(() => emptied.session.status().state === 'halted')
  expect(emptied.session.status().problems).toMatchObject([{ code: 'halted' }])
  await expect(emptied.session.flush(AbortSignal.timeout(60_000))).rejects.toMatchObject({ code: 'sync-halted' })
  expect(emptied.tree('laptop')).toEqual(before)
  for (const name of names) emptied.write('pod', name, name)
  await until(() => emptied.session.status().state === 'ready')
  expect(emptied.session.status().problems).toEqual([])
  expect(emptied.tree('laptop')).toEqual(before)
  emptied.dispose()
})
