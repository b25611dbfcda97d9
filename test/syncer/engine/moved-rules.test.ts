import { expect, test } from 'vitest'
import { MemoryDisk } from '../../../syncer/disk/memory-disk.ts'
import { compileRules, IgnoreReader } from '../../../syncer/session/rules/ignore-reader.ts'
import { LiveRules } from '../../../syncer/session/rules/live-rules.ts'
import { ManualClock } from './pair.ts'

test('a folder that gets another name has its own rules below it at once, however deep', () => {
  const disk = new MemoryDisk({ clock: new ManualClock() })
  disk.people.mkdir('d/in')
  disk.people.mkdir('plain')
  disk.people.save('d/in/.gitignore', Buffer.from('*.log\n'))
  const live = new LiveRules(new IgnoreReader(disk), () => expect.unreachable())
  expect(live.moved('plain')).toBeUndefined()
  disk.people.rename('d', 'n')
  const rules = compileRules(live.moved('n')!)
  expect(rules.ignored('n/in/a.log', false)).toBe(true)
  expect(rules.ignored('d/in/a.log', false)).toBe(false)
  expect(live.moved('n')).toBeUndefined()
})
