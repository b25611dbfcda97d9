import { expect, test } from 'vitest'
import { collectIgnore } from '../../../../syncer/core/ignore-collect.ts'
import { MemoryDisk } from '../../../../syncer/disk/memory-disk.ts'
import { type IgnoredSummary, IgnoredSurvey } from '../../../../syncer/session/rules/ignored-survey.ts'

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

test('what the search for ignore files met need not be looked at again', () => {
  const texts = ['', 'node_modules/\n*.log\n', '*\n!*.ts\n!src/\n', 'src/\n', '/log\n!log/a\n']
  for (const text of texts) {
    for (const nested of ['', 'tmp\n*.ts\n', '!b.log\n']) {
      const { disk, texts: files } = folderWith({ '.gitignore': text, 'src/.gitignore': nested })
      const looked: string[] = []
      const { rules, passedBy } = collectIgnore({
        readText: path => files.get(path) ?? null,
        list: dir => {
          looked.push(dir)
          const listed = disk.list(dir)
          return {
            folders: listed.filter(({ kind }) => kind === 'dir').map(({ name }) => name),
            others: new Set(listed.filter(({ kind }) => kind !== 'dir').map(({ name }) => name)),
          }
        },
      })
      const again: string[] = []
      const watched = Object.assign(Object.create(disk) as MemoryDisk, {
        list(dir: string) {
          again.push(dir)
          return disk.list(dir)
        },
      })
      const known = new IgnoredSurvey(watched, rules, passedBy)
      const whole = new IgnoredSurvey(disk, rules)
      known.step(() => false)
      whole.step(() => false)
      expect(byName(known.summary())).toEqual(byName(whole.summary()))
      expect(again.filter(dir => looked.includes(dir))).toEqual([])
    }
  }
})

function folderWith(texts: Record<string, string>): { disk: MemoryDisk; texts: Map<string, string> } {
  const disk = new MemoryDisk({ clock: { now: () => 0, monotonic: () => 0 } })
  const { people } = disk
  for (const folder of ['node_modules', 'node_modules/deep', 'target', 'log', 'src', 'src/tmp', '.git'])
    people.mkdir(folder)
  const names = ['node_modules/a', 'node_modules/deep/b.log', 'target/c.ts', 'log/a', 'log/b', 'src/tmp/a.ts']
  for (const path of [...names, 'src/a.log', 'src/b.log', 'src/a.ts', 'b.log', 'x.ts', '.git/config']) {
    people.save(path, Buffer.from(''))
  }
  const kept = Object.entries(texts).filter(([, text]) => text !== '')
  for (const [path, text] of kept) people.save(path, Buffer.from(text))
  return { disk, texts: new Map(kept) }
}

function byName({ largest, rules, ...counts }: IgnoredSummary) {
  const sorted = <T>(all: T[]) => all.map(each => JSON.stringify(each)).sort()
  return { ...counts, largest: sorted(largest), rules: sorted(rules) }
}

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
