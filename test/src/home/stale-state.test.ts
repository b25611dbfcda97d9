import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { claimHolder, type HolderRecord } from '../../../src/home/holder-record.ts'
import { type Home, openHome } from '../../../src/home/home.ts'
import { removeStale, staleFiles } from '../../../src/home/stale-state.ts'

let root: string
let home: Home
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'podswap-stale-'))
  home = openHome(join(root, 'state'))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const ids = { alive: 'aaaaaaaaaaaaaaaa', dead: 'dddddddddddddddd' }
const record = (id: string, socket = join(home.run, `${id}-1.sock`)): HolderRecord => ({
  version: 1,
  id,
  pid: process.pid,
  processStart: null,
  startedAtMs: 0,
  user: 'ann',
  host: 'laptop',
  token: 't',
  socket,
  server: 's',
  context: 'c',
  namespace: 'n',
  dev: 'web',
  workload: null,
  manifest: 'm',
  log: null,
})
/** Only the first record's process lives. */
const stale = () => staleFiles(home, (_pid, start) => start !== 'dead')
const inRun = (...names: string[]) => names.map(name => join(home.run, name)).sort()

test('nothing, where nothing ran', () => {
  expect(stale()).toEqual([])
})

test('records and sockets of processes that are gone, records that were never finished, logs that never began', () => {
  claimHolder(home, record(ids.alive))
  writeFileSync(record(ids.alive).socket, '')
  claimHolder(home, { ...record(ids.dead), processStart: 'dead' })
  writeFileSync(record(ids.dead).socket, '')
  const nobody = 2 ** 22 + 1
  const unfinished = `${ids.dead}.json.${nobody}.0123abcd`
  for (const name of [unfinished, `${ids.alive}.json.${process.pid}.0123abcd`, 'lost.sock', 'notes.txt']) {
    writeFileSync(join(home.run, name), '')
  }
  const log = join(home.logs, 'n.web.log')
  for (const file of [log, `${log}.${nobody}`, `${log}.${process.pid}`]) writeFileSync(file, '')
  const found = stale()
  const expected = [...inRun(`${ids.dead}.json`, `${ids.dead}-1.sock`, unfinished, 'lost.sock'), `${log}.${nobody}`]
  expect(found).toEqual(expected.sort())
  removeStale(found)
  expect(stale()).toEqual([])
  expect(existsSync(join(home.run, 'notes.txt'))).toBe(true)
  expect(existsSync(record(ids.alive).socket)).toBe(true)
})

test('a socket that did not fit into the state folder', () => {
  const socket = join(root, 'elsewhere.sock')
  writeFileSync(socket, '')
  claimHolder(home, { ...record(ids.dead, socket), processStart: 'dead' })
  expect(stale()).toEqual([...inRun(`${ids.dead}.json`), socket].sort())
})
