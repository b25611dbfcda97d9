import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { fileToken } from '../../../../syncer/core/content.ts'
import { JournalError, type JournalRecord } from '../../../../syncer/engine/exchange/journal.ts'
import { AncestorLog } from '../../../../syncer/session/state/ancestor-log.ts'

const token = (letter: string) => fileToken(letter.repeat(64), false)
let dir: string
let file: string

beforeEach(() => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ancestor-log-'))
  file = path.join(dir, 'ancestor.log')
})
afterEach(() => fs.rmSync(dir, { recursive: true }))

/** Opens, appends, and dies without a clean stop. */
function writeAndDie(boot: string, ...steps: (JournalRecord[] | 'checkpoint')[]): void {
  const log = new AncestorLog(file, boot)
  for (const step of steps) {
    if (step === 'checkpoint') log.checkpoint()
    else log.append(step)
  }
}

function load(boot: string): JournalRecord[] {
  return [...new AncestorLog(file, boot).load()].filter(({ type }) => type !== 'was')
}

describe('the ancestor log', () => {
  test('keeps what was agreed on before in the present epoch, also where a contact names that epoch again', () => {
    const first: JournalRecord = { type: 'epoch', id: 'm', epoch: 1 }
    const was = () => [...new AncestorLog(file, 'one').load()].filter(({ type }) => type === 'was')
    writeAndDie('one', [first, { type: 'agreed', path: 'a', token: token('a') }])
    expect(was()).toEqual([{ type: 'was', path: 'a', token: '' }])
    // A raise that nobody has answered.
    writeAndDie('one', [
      first,
      { type: 'raising', id: 'm', epoch: 2 },
      { type: 'agreed', path: 'a', token: token('b') },
    ])
    expect(was().map(record => 'token' in record && record.token)).toEqual(['', token('a')])
    writeAndDie('one', [{ type: 'epoch', id: 'm', epoch: 2 }])
    expect(was()).toEqual([])
  })

  test('gives back what holds: agreed, sent, answered, refused, and the marker', () => {
    writeAndDie(
      'one',
      [
        { type: 'agreed', path: 'a', token: token('a') },
        { type: 'sent', path: 'b', token: token('b') },
        { type: 'sent', path: 'c', token: token('c') },
        { type: 'sent', path: 'd', token: token('d') },
        { type: 'raising', id: 'm', epoch: 1 },
      ],
      [
        { type: 'answered', path: 'b', token: token('b') },
        { type: 'unsent', path: 'c' },
        { type: 'agreed', path: 'd', token: token('e') },
        { type: 'epoch', id: 'm', epoch: 1 },
        { type: 'raising', id: 'm', epoch: 2 },
      ],
    )
    expect(load('one')).toEqual([
      { type: 'agreed', path: 'a', token: token('a') },
      { type: 'agreed', path: 'b', token: token('b') },
      { type: 'agreed', path: 'd', token: token('e') },
      { type: 'sent', path: 'd', token: token('d') },
      { type: 'epoch', id: 'm', epoch: 1 },
      { type: 'raising', id: 'm', epoch: 2 },
    ])
  })

  test('case 52: cut at any byte, it holds the batches before the cut and takes new ones after it', () => {
    const batches = ['a', 'b', 'c'].map(letter => [{ type: 'agreed' as const, path: letter, token: token(letter) }])
    writeAndDie('one', ...batches)
    const whole = fs.readFileSync(file)
    for (let length = 0; length <= whole.length; length++) {
      fs.writeFileSync(file, whole.subarray(0, length))
      const before = load('one').length
      writeAndDie('one', [{ type: 'agreed', path: 'new', token: token('f') }])
      const after = load('one')
      expect(after).toHaveLength(before + 1)
      expect(batches.slice(0, before).flat()).toEqual(after.slice(0, before))
    }
  })

  test('case 52: with any byte damaged, it gives back some of the batches in order and nothing else', () => {
    const batches = ['a', 'b', 'c'].map(letter => [{ type: 'agreed' as const, path: letter, token: token(letter) }])
    writeAndDie('one', ...batches)
    const whole = fs.readFileSync(file)
    for (let at = 0; at < whole.length; at++) {
      const damaged = Buffer.from(whole)
      damaged[at]! ^= 0x55
      fs.writeFileSync(file, damaged)
      const loaded = load('one')
      expect(batches.flat().slice(0, loaded.length)).toEqual(loaded)
    }
  })

  test('case 77b: after a power cut the records of the last checkpoints are void, older ones hold', () => {
    const record = (name: string): JournalRecord[] => [{ type: 'agreed', path: name, token: token('a') }]
    const sent: JournalRecord[] = [{ type: 'sent', path: 'old', token: token('b') }]
    writeAndDie(
      'one',
      record('old'),
      sent,
      'checkpoint',
      record('middle'),
      'checkpoint',
      record('late'),
      'checkpoint',
      record('last'),
    )
    expect(load('two')).toEqual(record('old'))
  })

  test('case 77b: without a power cut everything holds; that the process ended before one proves nothing', () => {
    const records: JournalRecord[] = [{ type: 'agreed', path: 'a', token: token('a') }]
    writeAndDie('one', records)
    expect(load('one')).toEqual(records)
    fs.rmSync(file)
    const log = new AncestorLog(file, 'one')
    log.append(records)
    log.close()
    expect(load('one')).toEqual(records)
    expect(load('two')).toEqual([])
  })

  test('is written anew when it is mostly history, and says the same', () => {
    const log = new AncestorLog(file, 'one')
    for (let round = 0; round < 120; round++) {
      log.append(
        Array.from({ length: 100 }, (_, i) => ({ type: 'agreed', path: `p${i}`, token: token(`${round % 10}`) })),
      )
    }
    log.close()
    const before = fs.statSync(file).size
    const loaded = load('one')
    expect(loaded).toHaveLength(100)
    expect(loaded[0]).toEqual({ type: 'agreed', path: 'p0', token: token('9') })
    expect(fs.statSync(file).size).toBeLessThan(before / 5)
    expect(load('one')).toEqual(loaded)
  })

  test('what a full disk took a part of hides nothing that follows, and may be tried again', () => {
    const log = new AncestorLog(file, 'one')
    log.append([{ type: 'agreed', path: 'a', token: token('a') }])
    const { writeSync } = fs
    const full = vi.spyOn(fs, 'writeSync').mockImplementation(((descriptor: number, bytes: NodeJS.ArrayBufferView) => {
      writeSync(descriptor, bytes, 0, bytes.byteLength - 3)
      throw Object.assign(new Error('full'), { code: 'ENOSPC' })
    }) as unknown as typeof fs.writeSync)
    try {
      expect(() => log.append([{ type: 'agreed', path: 'b', token: token('b') }])).toThrow(JournalError)
      expect(() => log.checkpoint()).not.toThrow()
    } finally {
      full.mockRestore()
    }
    log.append([{ type: 'agreed', path: 'c', token: token('c') }])
    expect(load('one')).toEqual([
      { type: 'agreed', path: 'a', token: token('a') },
      { type: 'agreed', path: 'c', token: token('c') },
    ])
  })

  test('keeps no descriptor where its first record cannot be written', () => {
    const opened = vi.spyOn(fs, 'openSync')
    const closed = vi.spyOn(fs, 'closeSync')
    const full = vi.spyOn(fs, 'writeSync').mockImplementation(() => {
      throw Object.assign(new Error('full'), { code: 'ENOSPC' })
    })
    try {
      expect(() => new AncestorLog(file, 'one')).toThrow('cannot keep the sync state in')
      const descriptors = opened.mock.results.filter(({ type }) => type === 'return').map(({ value }) => value)
      expect(descriptors).toHaveLength(1)
      expect(closed.mock.calls.flat()).toEqual(descriptors)
    } finally {
      for (const spy of [opened, closed, full]) spy.mockRestore()
    }
  })
})
