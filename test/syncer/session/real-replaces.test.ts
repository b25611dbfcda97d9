import { spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { initProgram } from '../../native/init-program.ts'
import { RealPair, until } from './real-pair.ts'

let pair: RealPair
beforeEach(() => {
  pair = new RealPair()
})
afterEach(() => pair.dispose())

const saves = 1_000

/** Removes the file and makes it anew, again and again. What it removes it keeps: so only others can lose a save. */
const saver = `
  const fs = require('node:fs')
  const [file, kept] = process.argv.slice(1)
  let moved = 0
  const link = () => {
    try { fs.linkSync(kept + '/new', file) } catch { return false }
    return true
  }
  for (let i = 0; i < ${saves}; i++) {
    fs.writeFileSync(kept + '/new', 'laptop ' + i + ';')
    do {
      try { fs.renameSync(file, kept + '/' + moved++) } catch {}
    } while (!link())
    fs.unlinkSync(kept + '/new')
    for (const end = performance.now() + Math.random(); performance.now() < end; );
  }
`

/** Every text in the files of the folders. */
function textsIn(folders: string[]): Set<string> {
  const texts = new Set<string>()
  for (const folder of folders)
    for (const entry of fs.readdirSync(folder, { recursive: true, withFileTypes: true }))
      if (entry.isFile()) texts.add(fs.readFileSync(path.join(entry.parentPath, entry.name), 'utf8'))
  return texts
}

describe.skipIf(initProgram === null)('where names are exchanged on the laptop', () => {
  test('no save of a program is lost to the changes of the pod that come meanwhile', { timeout: 120_000 }, async () => {
    pair.write('laptop', 'f', 'begin')
    // The pod's stands always: every one of its changes takes the place of what is here.
    pair.open('mirror', { init: initProgram!, rules: { policy: { mode: 'two-way', prefer: 'remote' } } })
    pair.attach()
    await pair.inStep()
    const kept = path.join(pair.base, 'kept')
    fs.mkdirSync(kept)
    const program = spawn(process.execPath, ['-e', saver, pair.at('laptop', 'f'), kept], { stdio: 'inherit' })
    for (let i = 0; program.exitCode === null; i++) {
      fs.writeFileSync(path.join(pair.base, 'new'), `pod ${i};`)
      fs.renameSync(path.join(pair.base, 'new'), pair.at('pod', 'f'))
      await new Promise(resolve => setTimeout(resolve, 1))
    }
    await until(() => program.exitCode === 0)
    await pair.inStep()
    const texts = textsIn([pair.laptopFolder, pair.podFolder, kept])
    const lost = Array.from({ length: saves }, (_, i) => `laptop ${i};`).filter(text => !texts.has(text))
    expect(lost).toEqual([])
  })
})
