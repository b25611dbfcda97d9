import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { canUnshare, childrenOf, initProgram, isAlive, processes } from './init-program.ts'

/** How long a state may take to come. */
const soon = { timeout: 30_000 }
/** `GRACE_MS` in native/init.c. */
const graceMs = 8_000

describe.skipIf(initProgram === null)('init boot', () => {
  const started: ChildProcessWithoutNullStreams[] = []
  afterEach(() => {
    for (const { pid } of started.splice(0)) if (isAlive(pid!)) killTree(pid!)
  })

  function boot(command: string[], options: { env?: Record<string, string>; before?: string[] } = {}) {
    const [file, ...args] = [...(options.before ?? []), initProgram!, 'boot', ...command]
    const child = spawn(file!, args, { env: { ...process.env, ...options.env } })
    started.push(child)
    const seen = { out: '', err: '' }
    child.stdout.on('data', chunk => {
      seen.out += chunk
    })
    child.stderr.on('data', chunk => {
      seen.err += chunk
    })
    const ended = once(child, 'close').then(([code]) => code as number | null)
    return {
      child,
      pid: child.pid!,
      seen,
      ended,
      print: (text: RegExp) => vi.waitFor(() => expect(seen.out).toMatch(text), soon),
    }
  }
  const shell = (script: string) => ['sh', '-c', script]

  test('reaps 10 of 10 orphans', async () => {
    // each subshell ends at once and leaves its sleep behind
    const { pid, seen, print } = boot(
      shell('for i in 0 1 2 3 4 5 6 7 8 9; do (sleep 1000 &); done; echo "started $$"; exec sleep 1000'),
    )
    await print(/started \d+\n/)
    const agent = Number(/\d+/.exec(seen.out)![0])
    const orphans = () => childrenOf(pid).filter(child => child.pid !== agent)
    await vi.waitFor(() => expect(orphans()).toHaveLength(10), soon)
    for (const orphan of orphans()) process.kill(orphan.pid, 'SIGKILL')
    await vi.waitFor(() => expect(orphans()).toEqual([]), soon)
    expect(childrenOf(pid)).toHaveLength(1)
  })

  test('starts the agent again when it is killed', async () => {
    const { pid, seen, print } = boot(shell('echo agent $$; exec sleep 1000'))
    await print(/agent \d+\n/)
    process.kill(Number(/\d+/.exec(seen.out)![0]), 'SIGKILL')
    await print(/agent (\d+)\nagent (?!\1)\d+\n/)
    expect(childrenOf(pid)).toHaveLength(1)
  })

  test('waits longer and longer for an agent that keeps dying', async () => {
    const { seen, print } = boot(shell('date +%s%3N; exit 1'))
    await print(/(\d+\n){5}/)
    const starts = seen.out.trim().split('\n').map(Number)
    for (const [index, least] of [100, 200, 400, 800].entries()) {
      expect(starts[index + 1]! - starts[index]!).toBeGreaterThanOrEqual(least - 20)
    }
  })

  test('ends with the code of an agent that can never run', async () => {
    const { ended, seen } = boot(['/nowhere/ld'])
    expect(await ended).toBe(127)
    expect(seen.err).toBe('podswap: /nowhere/ld: not found\n')
    expect(await boot(['/etc/passwd']).ended).toBe(126)
  })

  test('keeps LD_* and NODE_* from the agent, and nothing else', async () => {
    const env = { LD_PRELOAD: '/some/foreign.so', NODE_OPTIONS: '--inspect', LDX: 'kept', NODE: 'kept' }
    const { print, seen } = boot(shell('env; echo ---; tr "\\0" "\\n" </proc/$PPID/environ; echo end'), { env })
    await print(/end\n/)
    const [agent, container] = seen.out.split('---')
    expect(agent).not.toMatch(/^(LD_|NODE_)/m)
    expect(agent).toMatch(/^LDX=kept$/m)
    expect(agent).toMatch(/^NODE=kept$/m)
    // the agent reads the container's environment from its parent
    expect(container).toMatch(/^LD_PRELOAD=\/some\/foreign.so$/m)
    expect(container).toMatch(/^NODE_OPTIONS=--inspect$/m)
  })

  test('holds the memory of the agent down, and of nobody else', async () => {
    const { print, seen } = boot(shell('env; echo ---; tr "\\0" "\\n" </proc/$PPID/environ; echo end'))
    await print(/end\n/)
    const [agent, container] = seen.out.split('---')
    const told = ['MALLOC_ARENA_MAX=1', 'MALLOC_MMAP_THRESHOLD_=32768', 'MALLOC_TOP_PAD_=0']
    expect(agent!.match(/^MALLOC_.*$/gm)?.sort()).toEqual(told)
    expect(container).not.toMatch(/^MALLOC_/m)
  })

  test('passes SIGTERM on to the agent and to orphans, waits for them, and ends with 143', async () => {
    const orphan = `(sh -c 'trap "sleep 0.3; echo orphan ended; exit" TERM; echo orphan up; while :; do sleep 0.05; done' &)`
    const { child, print, ended, seen } = boot(
      shell(`${orphan}; trap "echo agent ended; exit" TERM; echo agent up; while :; do sleep 0.05; done`),
    )
    await print(/agent up/)
    await print(/orphan up/)
    child.kill('SIGTERM')
    expect(await ended).toBe(143)
    expect(seen.out).toMatch(/agent ended/)
    expect(seen.out).toMatch(/orphan ended/)
  })

  test('tells those that the agent leaves behind when it ends', async () => {
    const below = `sh -c 'trap "echo below ended; exit" TERM; echo below up; while :; do sleep 0.05; done'`
    const { child, print, ended, seen } = boot(shell(`${below} & trap "exit" TERM; while :; do sleep 0.05; done`))
    await print(/below up/)
    child.kill('SIGTERM')
    expect(await ended).toBe(143)
    expect(seen.out).toMatch(/below ended/)
  })

  test.each(['SIGINT', 'SIGHUP', 'SIGQUIT'] as const)('%s ends the agent as well', async signal => {
    const { child, print, ended } = boot(shell('echo up; trap "" INT HUP QUIT; while :; do sleep 0.05; done'))
    await print(/up/)
    child.kill(signal)
    expect(await ended).toBe(128 + { SIGINT: 2, SIGHUP: 1, SIGQUIT: 3 }[signal])
  })

  test('ends at once where nothing runs just then', async () => {
    const { child, print, ended } = boot(shell('echo up; exit 1'))
    await print(/(up\n){4}/)
    const begun = performance.now()
    child.kill('SIGTERM')
    expect(await ended).toBe(143)
    expect(performance.now() - begun).toBeLessThan(graceMs)
  })

  test('kills after 8 s what does not end', async () => {
    const { child, print, ended, seen } = boot(
      shell('trap "echo ignored" TERM; echo up $$; while :; do sleep 0.05; done'),
    )
    await print(/up/)
    const begun = performance.now()
    child.kill('SIGTERM')
    expect(await ended).toBe(143)
    expect(performance.now() - begun).toBeGreaterThanOrEqual(graceMs - 10)
    expect(seen.out).toMatch(/ignored/)
    await vi.waitFor(() => expect(isAlive(Number(/up (\d+)/.exec(seen.out)![1]))).toBe(false), soon)
  })

  describe.skipIf(!canUnshare())('as process 1 (needs unshare and user namespaces)', () => {
    const before = ['unshare', '-Urpf', '--mount-proc', '--kill-child']

    test('signals all processes of the namespace once', async () => {
      const deep = `sh -c 'trap "echo deep told; sleep 0.2; exit" TERM; echo deep up; while :; do sleep 0.05; done'`
      const { print, ended, seen, pid } = boot(
        shell(
          `trap "echo agent told; exit" TERM; sh -c "${deep.replaceAll('"', '\\"')} & wait" & while :; do sleep 0.05; done`,
        ),
        { before },
      )
      await print(/deep up/)
      const one = childrenOf(pid).find(({ state }) => state !== 'Z')!.pid
      process.kill(one, 'SIGTERM')
      expect(await ended).toBe(143)
      expect(seen.out.match(/deep told/g)).toHaveLength(1)
      expect(seen.out.match(/agent told/g)).toHaveLength(1)
    })
  })
})

function killTree(pid: number): void {
  for (const child of processes().filter(({ parent }) => parent === pid)) killTree(child.pid)
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // it has ended meanwhile
  }
}
