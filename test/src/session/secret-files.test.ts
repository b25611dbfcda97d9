import { describe, expect, test } from 'vitest'
import { type Link, openLink } from '../../../src/session/link.ts'
import { PortTrust } from '../../../src/session/port-trust.ts'
import { SecretFiles } from '../../../src/session/secret-files.ts'
import type { UiEvent } from '../../../src/ui/events.ts'
import { FakeTime, settle } from '../../syncer/wire/fake-time.ts'
import { at, podRef } from './fake-parts.ts'
import { FakePod } from './fake-pod.ts'

const secrets = [
  { local: '/home/ann/.netrc', remote: '/root/.netrc', mode: 0o600, at },
  { local: '/work/key.pem', remote: '/etc/key.pem', mode: 0o440, at },
]

async function begin() {
  const time = new FakeTime()
  const pod = new FakePod(time)
  const disk = new Map([
    ['/home/ann/.netrc', 'one'],
    ['/work/key.pem', 'k'],
  ])
  const events: UiEvent[] = []
  const read = (file: string) => {
    const text = disk.get(file)
    if (text === undefined) throw Object.assign(new Error(`no ${file}`), { code: 'ENOENT' })
    return Buffer.from(text)
  }
  const files = new SecretFiles(secrets, time, event => events.push(event), read)
  const stop = new AbortController()
  const attach = (lane: 'control' | 'bulk', signal: AbortSignal) => pod.attach(lane, signal)
  const link = await openLink({
    attach,
    signal: stop.signal,
    clock: time,
    timers: time,
    ports: new PortTrust(),
    forwards: false,
    openPort: () => Promise.reject(new Error('no ports here')),
  })
  const ensure = (n = 1, isLate = false, to: Link = link) =>
    files.ensure(to, podRef(n), { isLate, signal: AbortSignal.timeout(30_000) })
  const contents = () => pod.secrets.map(({ path, content }) => [path, content])
  return { time, pod, disk, events, files, link, ensure, contents, stop }
}

describe('secret files', () => {
  test('are sent once to each container', async () => {
    const { pod, ensure, events, link } = await begin()
    await ensure()
    expect(pod.secrets).toEqual([
      { path: '/root/.netrc', mode: 0o600, content: 'one', command: 'none' },
      { path: '/etc/key.pem', mode: 0o440, content: 'k', command: 'none' },
    ])
    await ensure()
    expect(pod.secrets).toHaveLength(2)
    await ensure(2)
    expect(pod.secrets).toHaveLength(4)
    expect(events).toEqual([])
    link.close()
  })

  test('are sent again when they change here, and a file that is gone is said once', async () => {
    const { time, disk, ensure, files, link, contents, events } = await begin()
    await ensure()
    files.follow(link, podRef(1))
    disk.set('/home/ann/.netrc', 'two')
    time.advance(2_000)
    await expect.poll(contents).toContainEqual(['/root/.netrc', 'two'])
    await expect.poll(() => events).toHaveLength(1)
    disk.delete('/work/key.pem')
    const messages = () => events.map(event => (event.type === 'warning' ? event.message : event.type))
    for (let i = 0; i < 3; i++) {
      await settle()
      time.advance(2_000)
    }
    await expect
      .poll(messages)
      .toEqual([
        '/home/ann/.netrc has changed: /root/.netrc in the container is the new one',
        'the secret /work/key.pem cannot be read: ENOENT',
      ])
    expect(JSON.stringify(events)).not.toContain('two')
    link.close()
    await settle()
    await expect.poll(() => time.pendingTimers).toBe(0)
  })

  test('that cannot be put there are an error before the command, with the place in the manifest', async () => {
    const { pod, ensure, events, link } = await begin()
    pod.secretRefusals.set('/etc/key.pem', 'EROFS')
    await expect(ensure()).rejects.toMatchObject({
      code: 'agent',
      message: 'the secret /etc/key.pem cannot be put there: EROFS',
      at,
    })
    await ensure(1, true)
    expect(events).toEqual([expect.objectContaining({ type: 'warning' })])
    link.close()
  })
})
