import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Home } from '../../../src/home/home.ts'
import { type LeftNote, readLeftNote, writeLeftNote } from '../../../src/home/left-note.ts'

const at = { file: '/code/dev.yml', line: 3, column: 5 }
const note: LeftNote = {
  version: 1,
  dev: { name: 'web', selector: { app: 'web' } },
  workload: 'deployment/web',
  folders: [{ local: '/code/app', remote: '/app', mode: 'pull', include: ['*.log'], initial: 'keep', at }],
}
let home: Home

beforeEach(() => {
  const path = mkdtempSync(join(tmpdir(), 'left-note-'))
  home = { path, run: path, logs: path, sync: path }
})

afterEach(() => rmSync(home.path, { recursive: true }))

test('the last one of a session is read again', () => {
  writeLeftNote(home, 'one', { ...note, folders: [] })
  writeLeftNote(home, 'one', note)
  writeLeftNote(home, 'other', { ...note, folders: [] })
  expect(readLeftNote(home, 'one')).toEqual(note)
})

test('what cannot be read is none', () => {
  expect(readLeftNote(home, 'one')).toBeNull()
  for (const text of ['', '{"version":1}', '{"version":2,"dev":{"name":"web"},"folders":[]}', '{"version":1,"dev":']) {
    writeFileSync(join(home.sync, 'one.json'), text)
    expect(readLeftNote(home, 'one'), text).toBeNull()
  }
})

test('a folder that cannot be written to is told', () => {
  rmSync(home.path, { recursive: true })
  expect(() => writeLeftNote(home, 'one', note)).toThrow(expect.objectContaining({ code: 'state' }))
  home = { ...home, path: mkdtempSync(join(tmpdir(), 'left-note-')) }
})
