// A sandbox to be killed: prints what it has on the machine as one line of JSON, then lives on.
import { startProcessRuntime } from '../../../../src/sandbox/runtime/process-runtime.ts'
import { container, logOf, never, podRequest, printed, script } from './running-pod.ts'

async function main(): Promise<void> {
  const programs = JSON.parse(process.argv[2]!)
  const runtime = await startProcessRuntime({ programs })
  const pod = await runtime.openPod(podRequest('a'), never)
  const deaf = await pod.start(
    script(`process.on('SIGTERM', () => {}); console.log(process.pid, ''); setInterval(() => {}, 1e6)`),
    never,
  )
  await printed(deaf, ' ')
  const other = await runtime.openPod(podRequest('b'), never)
  const command = ['sh', '-c', 'setsid sleep 1000 > /dev/null & echo "$$ $! "; wait; sleep 1000']
  const tree = await other.start(container({ command }), never)
  await printed(tree, '\n')
  const pids = `${await logOf(deaf)} ${await logOf(tree)}`.trim().split(/\s+/).map(Number)
  process.stdout.write(`${JSON.stringify({ folder: runtime.folder, pids, watchdog: runtime.watchdogPid })}\n`)
}

void main()
