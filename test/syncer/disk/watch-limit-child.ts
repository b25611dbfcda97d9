// Run by node-watcher.test.ts where the system grants few watches: announces 60 folders and prints what it was told.
import fs from 'node:fs'
import path from 'node:path'
import { createNodeWatcher } from '../../../syncer/disk/node-watcher.ts'

const root = process.argv[2]!
const told: string[] = []
const watcher = createNodeWatcher({
  root,
  pollIntervalMs: 20,
  events: {
    changed: (dir, name, kind) => told.push(`${dir}|${name}|${kind}`),
    overflow: reason => told.push(`overflow ${reason}`),
    limited: code => told.push(`limited ${code}`),
  },
})
for (let i = 0; i < 60; i++) fs.mkdirSync(path.join(root, `d${i}`))
watcher.watch('')
for (let i = 0; i < 60; i++) watcher.watch(`d${i}`)
const early = [...told]
fs.writeFileSync(path.join(root, 'd40/x'), '')
fs.writeFileSync(path.join(root, 'd3/x'), '')
const wait = setInterval(() => {
  if (!told.includes('d3|x|rename') || !told.includes('overflow limit')) return
  clearInterval(wait)
  watcher.close()
  process.stdout.write(JSON.stringify({ told, early }))
}, 5)
