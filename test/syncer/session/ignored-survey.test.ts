import { expect, test } from 'vitest'
import { collectIgnore } from '../../../syncer/core/ignore-collect.ts'
import { MemoryDisk } from '../../../syncer/disk/memory-disk.ts'
import { IgnoredSurvey } from '../../../syncer/session/ignored-survey.ts'

const rulesOf = (text: string) =>
  collectIgnore({
    readText: path => (path === '.gitignore' ? text : null),
    list: () => ({ folders: [], others: new Set() }),
  }).rules

test('counts what is left out, by folder and by rule, the largest first', () => {
  const disk = new MemoryDisk({ clock: { now: () => 0, monotonic: () => 0 } })
  const { people } = disk
  for (const folder of ['node_modules', 'node_modules/deep', 'log', 'src', 'src/tmp', '.git']) people.mkdir(folder)
  for (let i = 0; i < 30; i++) people.save(`node_modules/deep/${i}`, Buffer.from(''))
  for (const path of ['log/a', 'log/b', 'src/tmp/a', 'src/a.log', 'b.log', 'src/a.ts', '.git/config']) {
    people.save(path, Buffer.from(''))
  }
  const survey = new IgnoredSurvey(disk, rulesOf('node_modules/\n/log\n# nothing\n*.log\ntmp/\n'))
  let slices = 0
  while (!survey.isDone) {
    expect(survey.summary().isPartial).toBe(true)
    survey.step(() => true)
    slices += 1
  }
  expect(slices).toBeGreaterThan(4)
  expect(survey.summary()).toEqual({
    files: 35,
    folders: 3,
    largest: [
      { folder: 'node_modules', files: 30, rule: 'node_modules/', source: '.gitignore', line: 1 },
      { folder: 'log', files: 2, rule: '/log', source: '.gitignore', line: 2 },
      { folder: 'src/tmp', files: 1, rule: 'tmp/', source: '.gitignore', line: 5 },
    ],
    rules: [{ files: 2, rule: '*.log', source: '.gitignore', line: 4 }],
    isPartial: false,
  })
})

test('ten folders are named, all are counted', () => {
  const disk = new MemoryDisk({ clock: { now: () => 0, monotonic: () => 0 } })
  for (let i = 0; i < 15; i++) {
    disk.people.mkdir(`d${i}`)
    disk.people.mkdir(`d${i}/tmp`)
    for (let file = 0; file <= i; file++) disk.people.save(`d${i}/tmp/${file}`, Buffer.from(''))
  }
  const survey = new IgnoredSurvey(disk, rulesOf('tmp\n'))
  survey.step(() => false)
  const { files, folders, largest } = survey.summary()
  expect({ files, folders, named: largest.length, first: largest[0]?.folder }).toEqual({
    files: 120,
    folders: 15,
    named: 10,
    first: 'd14/tmp',
  })
})
