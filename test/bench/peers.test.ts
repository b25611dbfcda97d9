import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { isInstalled } from '../../bench/peers/plain-contenders.ts'

test('a tool is on the PATH where a folder of it has a program of that name', () => {
  const folder = mkdtempSync(join(tmpdir(), 'podswap-peers-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  mkdirSync(join(folder, 'empty'))
  writeFileSync(join(folder, 'rsync'), '')
  chmodSync(join(folder, 'rsync'), 0o755)
  const path = [join(folder, 'missing'), join(folder, 'empty'), folder].join(delimiter)
  expect([isInstalled('rsync', path), isInstalled('unison', path), isInstalled('rsync', '')]).toEqual([
    true,
    false,
    false,
  ])
})
