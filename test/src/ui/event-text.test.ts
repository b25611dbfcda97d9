import { describe, expect, test } from 'vitest'
import type { Outcome, Reason } from '../../../src/session/session-state.ts'
import { commandLine } from '../../../src/ui/command-line.ts'
import { eventLines } from '../../../src/ui/event-text.ts'
import type { UiEvent } from '../../../src/ui/events.ts'
import { eventJson } from '../../../src/ui/json-reporter.ts'
import { createLineReporter, plainLine } from '../../../src/ui/line-reporter.ts'
import { printable } from '../../../src/ui/printable.ts'
import { createScreenReporter } from '../../../src/ui/screen-reporter.ts'
import { paintFor } from '../../../src/ui/style.ts'
import { UserError } from '../../../syncer/base/errors.ts'
import type { SyncEvent } from '../../../syncer/session/sync-port.ts'

const plain = paintFor(false)
const texts = (event: UiEvent) => eventLines(event).map(line => plainLine(line, plain))
const sync = (event: SyncEvent): UiEvent => ({ type: 'sync', folder: '/app', event })
const ended = (reason: Reason, cluster: Outcome['cluster'], revertError?: UserError): UiEvent => ({
  type: 'ended',
  dev: 'web',
  workload: 'deployment/web',
  outcome: { reason, cluster, revertError },
})
const forwards = [{ local: 'localhost:5432', remote: 'postgres:5432' }]

test.each<[UiEvent, string[]]>([
  [{ type: 'phase', phase: 'waiting-pod' }, ['waiting for the dev pod …']],
  [{ type: 'phase', phase: 'ready' }, []],
  [{ type: 'warning', message: 'careful', hint: 'do this' }, ['warning: careful', 'do this']],
  [{ type: 'warning', message: 'careful', hint: 'do this\nor that' }, ['warning: careful', 'do this', 'or that']],
  [{ type: 'forwards-bound', forwards }, ['forward localhost:5432 → postgres:5432']],
  [
    { type: 'swapped', workload: 'deployment/web', clone: 'web-podswap', replicas: 2, resumed: false },
    ['deployment/web is swapped: web-podswap runs in place of its 2 replicas'],
  ],
  [
    { type: 'swapped', workload: 'deployment/web', clone: 'web-podswap', replicas: 1, resumed: true },
    ['deployment/web is swapped already (1 replica to come back to); web-podswap goes on'],
  ],
  [{ type: 'pod', state: 'pending', pod: 'p', message: 'ContainerCreating' }, ['waiting for p: ContainerCreating …']],
  [{ type: 'pod', state: 'running', pod: 'p', message: '' }, ['pod p runs']],
  [{ type: 'pod', state: 'gone', pod: 'p', message: '' }, ['p is gone; waiting for the next one …']],
  [{ type: 'pod', state: 'failed', pod: 'p', message: 'ErrImagePull' }, ['error: p: ErrImagePull']],
  [{ type: 'attached', pod: 'p' }, ['attached to p']],
  [{ type: 'attach-failed', message: 'no', waitMs: 400 }, ['cannot attach: no; again in 0.4 s …']],
  [
    sync({ type: 'first-sync-done', files: 50_000, bytes: 183_000_000, seconds: 3.14 }),
    ['/app: in step (50,000 files, 183 MB, 3.1 s)'],
  ],
  [
    sync({ type: 'conflict', conflict: { path: 'a.js', copy: 'a.conflict.js', atMs: 0 } }),
    ['warning: /app: a.js was changed on both sides; the other version is a.conflict.js'],
  ],
  [
    sync({ type: 'problem', problem: { side: 'pod', path: 'x', code: 'EACCES', message: 'may not be written' } }),
    [
      'warning: /app: x in the pod: may not be written (no permission, EACCES); give sync’s user there the right (chmod, ' +
        'chown), or leave it out in an ignore file',
    ],
  ],
  [
    sync({
      type: 'problem',
      problem: {
        side: 'pod',
        path: 'big',
        code: 'not-taken-in',
        message: 'big could not be written on the laptop (ENOSPC)',
      },
    }),
    [
      'warning: /app: big: could not be written on the laptop (no space is left, ENOSPC); make room; it is tried again by ' +
        'itself',
    ],
  ],
  [
    sync({ type: 'problem', problem: { side: 'laptop', path: '', code: 'watch-limit', message: 'no more' } }),
    ['warning: /app: the folder on the laptop: no more'],
  ],
  [
    sync({ type: 'halted', reason: 'the folder is empty', hint: 'look' }),
    ['error: /app: sync stopped: the folder is empty', 'look'],
  ],
  [
    sync({ type: 'mirror', removed: 1_200, largest: [{ folder: 'lib', files: 1_100 }] }),
    ['/app: removing 1,200 files that only the pod has (lib 1,100)'],
  ],
  [
    sync({
      type: 'ignored',
      source: '.gitignore',
      files: 41_215,
      folders: 1,
      largest: [{ folder: 'node_modules', rule: 'node_modules/', source: '.gitignore', line: 3, files: 41_203 }],
      rules: [{ rule: '*.log', source: 'web/.gitignore', line: 1, files: 12 }],
      isPartial: false,
    }),
    [
      '/app: left out: 41,215 files, in 1 folder and beside',
      '    41,203  node_modules/  by .gitignore:3 node_modules/',
      '        12  files by web/.gitignore:1 *.log',
    ],
  ],
  [
    sync({
      type: 'problem-solved',
      problem: { side: 'pod', path: 'x', code: 'EACCES', message: 'may not be written' },
    }),
    ['/app: no more: x in the pod: may not be written (no permission, EACCES)'],
  ],
  [sync({ type: 'resumed' }), ['/app: sync goes on']],
  [sync({ type: 'changes', sent: { count: 1, paths: ['a'] }, received: { count: 0, paths: [] } }), []],
  [sync({ type: 'ignored', source: 'defaults', files: 0, folders: 0, largest: [], rules: [], isPartial: false }), []],
  [
    {
      type: 'transfer',
      transfer: { doneBytes: 45e6, totalBytes: 183e6, doneFiles: 1_234, totalFiles: 50_000, bytesPerSecond: 61e6 },
    },
    ['syncing 1,234 of 50,000 files, 45.0 MB of 183 MB, 61.0 MB/s …'],
  ],
  [{ type: 'command-started', command: ['sh', '-c', 'echo "hi"'], already: false }, [`sh -c 'echo "hi"' started`]],
  [{ type: 'command-started', command: ['node', 'a.js'], already: true }, ['the command still runs']],
  [
    { type: 'command-started', command: ['node', 'a.js'], already: false, anew: true },
    ['node a.js started anew: the container in which it ran is gone'],
  ],
  [{ type: 'command-exited', code: 0 }, ['the command ended with code 0']],
  [{ type: 'command-exited', code: 7 }, ['warning: the command ended with code 7']],
  [{ type: 'command-exited', code: 130, signal: 'SIGINT' }, ['warning: the command ended by SIGINT']],
  [{ type: 'command-exited', code: 127, error: 'no such file' }, ['error: the command could not be run: no such file']],
  [{ type: 'ready', dev: 'web', elapsedMs: 4_200, forwards, terminal: false, problems: 0 }, ['ready in 4.2 s']],
  [
    { type: 'ready', dev: 'web', elapsedMs: 4_200, forwards, terminal: false, problems: 2 },
    ['ready in 4.2 s, with 2 problems: podswap status names what does not travel'],
  ],
  [
    { type: 'ready', dev: 'web', elapsedMs: 4_200, forwards, terminal: true, problems: 0 },
    ['ready in 4.2 s', 'the keys Enter ~ . leave the program’s terminal; dev mode stays on'],
  ],
  [{ type: 'connection-lost', reason: 'silent' }, ['warning: connection lost (silent); reconnecting']],
  [{ type: 'reconnected', elapsedMs: 1_500 }, ['connected again after 1.5 s']],
  [{ type: 'undoing', workload: 'deployment/web' }, ['putting deployment/web back …']],
  [{ type: 'done', message: 'nothing to do' }, ['nothing to do']],
  [{ type: 'waiting', message: 'waiting for it' }, ['waiting for it …']],
  [
    ended({ kind: 'left' }, 'swapped'),
    ['warning: dev mode of web is still on', 'podswap up web comes back to it; podswap down web ends it'],
  ],
  [ended({ kind: 'interrupted', signal: 'SIGINT' }, 'untouched'), ['nothing was changed in the cluster']],
  [ended({ kind: 'interrupted', signal: 'SIGINT' }, 'reverted'), ['deployment/web is back as it was']],
  [
    ended({ kind: 'left' }, 'revert-failed', new UserError('unreachable', 'no answer')),
    ['error: deployment/web could not be put back: no answer', 'podswap down web tries again'],
  ],
  [ended({ kind: 'stopped' }, 'swapped'), ['ended by another podswap command']],
  [ended({ kind: 'failed', error: new UserError('held', 'held') }, 'swapped'), []],
  [ended({ kind: 'failed', error: new UserError('not-found', 'none') }, 'untouched'), []],
])('%j', (event, lines) => {
  expect(texts(event)).toEqual(lines)
})

test('a command is shown as it would be typed', () => {
  expect(commandLine(['rails', 's', '-b', '0.0.0.0'])).toBe('rails s -b 0.0.0.0')
  expect(commandLine(['sh', '-c', "it's", ''])).toBe(`sh -c 'it'\\''s' ''`)
})

test('nothing that a pod says moves the cursor or forges a line', () => {
  expect(printable('a\x1b[2Jb\r\nc\x07d\u009be')).toBe('a\ufffd[2Jb c\ufffdd\ufffde')
})

class Screen {
  text = ''
  columns = 40
  write(text: string) {
    this.text += text
  }
}

describe('plain lines', () => {
  test('say what goes on once, and pass output through', () => {
    const out = new Screen()
    const err = new Screen()
    const reporter = createLineReporter({ out, err, paint: plain, now: () => 0 })
    const pending: UiEvent = { type: 'pod', state: 'pending', pod: 'p', message: 'Pulling' }
    reporter.report(pending)
    reporter.report(pending)
    reporter.report({ type: 'output', stream: 'stdout', text: 'hello\n' })
    reporter.report({ type: 'output', stream: 'stderr', text: 'oops\n' })
    reporter.report({ type: 'pod', state: 'running', pod: 'p', message: '' })
    expect(out.text).toBe('waiting for p: Pulling …\nhello\npod p runs\n')
    expect(err.text).toBe('oops\n')
  })
})

test('plain lines say how far a transfer is now and then, and of a short one nothing', () => {
  const out = new Screen()
  let ms = 0
  const reporter = createLineReporter({ out, err: out, paint: plain, now: () => ms })
  const transferFor = (seconds: number) => {
    for (const endMs = ms + seconds * 1_000; ms < endMs; ms += 200) {
      const counts = { doneBytes: 0, totalBytes: 1_000_000, totalFiles: 9_999, bytesPerSecond: 1 }
      reporter.report({ type: 'transfer', transfer: { ...counts, doneFiles: Math.floor(ms / 1_000) } })
    }
  }
  transferFor(1)
  expect(out.text).toBe('')
  ms = 100_000
  transferFor(180)
  const done = [...out.text.matchAll(/syncing (\d+) of/g)].map(([, seconds]) => Number(seconds) - 100)
  expect(done).toEqual([2, 7, 12, 17, 22, 27, 32, 37, 42, 47, 52, 57, 62, 92, 122, 152])
})

describe('the screen', () => {
  test('keeps lines and moves one below them', () => {
    const out = new Screen()
    let tick = () => {}
    let stopped = 0
    const reporter = createScreenReporter({
      out,
      paint: plain,
      every: (_ms, then) => {
        tick = then
        return () => stopped++
      },
    })
    reporter.report({ type: 'phase', phase: 'swapping' })
    tick()
    reporter.report({ type: 'attached', pod: 'p' })
    reporter.report({ type: 'ready', dev: 'web', elapsedMs: 100, forwards: [], terminal: false, problems: 0 })
    reporter.close()
    expect(out.text.split('\r\x1b[K')).toEqual([
      '',
      '⠋ swapping the pod',
      '⠙ swapping the pod',
      '✓ attached to p\n',
      '⠹ swapping the pod',
      '✓ ready in 0.1 s\n',
      '',
    ])
    expect(stopped).toBe(1)
  })

  test('cuts what does not fit into the line', () => {
    const out = new Screen()
    const reporter = createScreenReporter({ out, paint: plain, every: () => () => {} })
    reporter.report({ type: 'pod', state: 'pending', pod: 'p', message: 'x'.repeat(100) })
    expect(out.text).toBe(`\r\x1b[K⠋ waiting for p: ${'x'.repeat(21)}…`)
  })
})

test('JSON lines carry errors as data', () => {
  const error = new UserError('held', 'ben has it', { hint: 'wait', at: { file: 'a.yml', line: 1, column: 2 } })
  expect(eventJson(ended({ kind: 'failed', error }, 'untouched'), 0)).toEqual({
    at: '1970-01-01T00:00:00.000Z',
    type: 'ended',
    dev: 'web',
    workload: 'deployment/web',
    outcome: {
      reason: {
        kind: 'failed',
        error: { code: 'held', message: 'ben has it', hint: 'wait', at: { file: 'a.yml', line: 1, column: 2 } },
      },
      cluster: 'untouched',
    },
  })
})

describe('a workload that somebody scales up', () => {
  const scaledUp = (by: { manager?: string; scales: boolean }, gaveUp: boolean, times = 2) =>
    texts({
      type: 'swap',
      event: { type: 'scaled-up', workload: 'deployment/web', replicas: 2, by, times, timesMax: 3, gaveUp },
    })

  test('is told with who did it, as far as that is known', () => {
    expect(scaledUp({ manager: 'argocd-controller', scales: false }, false)).toEqual([
      'warning: deployment/web was scaled to 2 replicas by argocd-controller; it is at 0 again (2 of 3)',
    ])
    expect(scaledUp({ scales: true }, false)[0]).toContain('by something that scales;')
    expect(scaledUp({ scales: false }, false)[0]).toContain('by somebody;')
  })

  test('is left to whoever wants it, with what keeps them from it', () => {
    const cures = (by: { manager?: string; scales: boolean }) => scaledUp(by, true).slice(1).join('\n')
    expect(scaledUp({ manager: 'argocd-controller', scales: false }, true)[0]).toMatch(/again: it stays/)
    const argo = cures({ manager: 'argocd-controller', scales: false })
    expect(argo).toContain('{group: apps, kind: Deployment, name: web, jsonPointers: [/spec/replicas]}')
    expect(argo).toContain('RespectIgnoreDifferences=true')
    expect(argo).not.toContain('flux')
    expect(cures({ manager: 'kustomize-controller', scales: false })).toMatch(/^Flux: .*flux suspend/)
    expect(cures({ scales: true })).toMatch(/KEDA: .*autoscaling\.keda\.sh\/paused=true/)
    expect(cures({ scales: false })).toMatch(/Argo CD[\s\S]*Flux/)
  })
})

test('of several that print here, each line bears its name, a program’s too', () => {
  let text = ''
  const out = { write: (more: string) => (text += more) }
  const web = createLineReporter({ out, err: out, paint: plain, label: 'web', now: () => 0 })
  const api = createLineReporter({ out, err: out, paint: plain, label: 'api', now: () => 0 })
  web.report({ type: 'output', stream: 'stdout', text: 'one\ntw' })
  api.report({ type: 'warning', message: 'careful' })
  web.report({ type: 'output', stream: 'stdout', text: 'o\nthree' })
  web.close()
  api.close()
  expect(text).toBe('web | one\napi | warning: careful\nweb | two\nweb | three\n')
})

test('a new pod template is one line', () => {
  const followed = (restarts: boolean) => {
    const changes = ['env A of app', 'volumes']
    return texts({ type: 'swap', event: { type: 'template-followed', workload: 'deployment/web', changes, restarts } })
  }
  expect(followed(true)).toEqual([
    'deployment/web has a new pod template (env A of app, volumes): the dev pod starts anew with it',
  ])
  expect(followed(false)[0]).toContain('nothing of it concerns')
})
