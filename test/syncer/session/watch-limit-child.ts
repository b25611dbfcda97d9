// Run by watch-limit.test.ts where the system grants few watches: syncs 60 folders, reconnects, is granted more, and
// prints what a person was told.
import fs from 'node:fs'
import { RealPair, until } from './real-pair.ts'

process.env.TMPDIR = process.argv[2]
const pair = new RealPair()
const limits = () => pair.session.status().problems.filter(({ code }) => code === 'watch-limit')
for (let i = 0; i < 60; i++) pair.write('laptop', `d${i}/f`, 'text')
pair.open()
pair.attach()
await until(() => limits().length === 2)
const limited = limits()
pair.session.detach()
await until(() => !limits().some(({ side }) => side === 'pod'))
pair.attach()
await until(() => limits().length === 2)
const reconnected = limits()
pair.write('laptop', 'd59/late', 'found by looking')
await until(() => pair.read('pod', 'd59/late') !== null)
const arrived = pair.read('pod', 'd59/late') === 'found by looking'
fs.writeFileSync('/proc/sys/user/max_inotify_watches', '1000')
await until(() => limits().length === 0)
const events = pair.events.flatMap(event => (event.type === 'problem' ? [event.problem] : []))
process.stdout.write(JSON.stringify({ limited, reconnected, arrived, after: limits(), events }))
pair.dispose()
