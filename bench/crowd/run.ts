// `npm run crowd`: what many sessions add up to for one API server.
import { parseArgs } from 'node:util'
import { type CrowdFigures, type CrowdReport, measureCrowd } from './crowd.ts'

const usage = `npm run crowd -- [options]

What many sessions add up to for one API server: the embedded one, in a process of its own, on the loopback interface.

  --sessions N      how many (default: 1000)
  --idle-seconds N  how long they are looked at when all are ready (default: 120)
  --at-once N       how many start at once (default: 10)
  --json            print JSON
`

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      sessions: { type: 'string', default: '1000' },
      'idle-seconds': { type: 'string', default: '120' },
      'at-once': { type: 'string', default: '10' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(usage)
    return
  }
  const report = await measureCrowd({
    sessions: countOf(values.sessions),
    idleSeconds: countOf(values['idle-seconds']),
    atOnce: countOf(values['at-once']),
    say: text => void process.stderr.write(`crowd: ${text}\n`),
  })
  process.stdout.write(values.json ? `${JSON.stringify(report, null, 2)}\n` : table(report))
}

function countOf(text: string): number {
  const count = Number(text)
  if (!Number.isInteger(count) || count < 1) throw new Error(`not a whole number from 1 on: ${text}`)
  return count
}

function table({ sessions, emptyMiB, starting, idle }: CrowdReport): string {
  const row = (what: string, cell: (figures: CrowdFigures) => string) =>
    `| ${what} | ${cell(starting)} | ${cell(idle)} |`
  return [
    `| ${sessions} sessions | while they start | idle |`,
    '|---|--:|--:|',
    row('seconds', ({ seconds }) => seconds.toFixed(0)),
    row('Lease renewals a second', figures => figures.renewalsPerSecond.toFixed(1)),
    row('watches opened a second', figures => figures.watchesOpenedPerSecond.toFixed(1)),
    row('other calls a second', figures => figures.otherCallsPerSecond.toFixed(1)),
    row('KiB a second to the server', figures => (figures.inBytesPerSecond / 1024).toFixed(1)),
    row('KiB a second from the server', figures => (figures.outBytesPerSecond / 1024).toFixed(1)),
    row('connections at the end', ({ connections }) => String(connections)),
    row('server’s memory at the end, MiB', ({ serverMiB }) => serverMiB.toFixed(0)),
    row('server’s load, CPUs', ({ serverLoad }) => serverLoad.toFixed(2)),
    `\nserver’s memory with the workloads and no session: ${emptyMiB.toFixed(0)} MiB\n`,
  ].join('\n')
}

main().then(
  () => process.exit(0),
  error => {
    process.stderr.write(`crowd: ${error instanceof Error ? error.stack : error}\n`)
    process.exit(1)
  },
)
