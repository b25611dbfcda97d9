import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DevSession } from './support/dev-session.ts'
import type { Hand } from './support/hand.ts'
import { ServiceClient } from './support/service-client.ts'
import { expectRestored } from './support/traces.ts'
import { eventually } from './support/until.ts'
import { restricted, type WorkloadOptions } from './support/workloads.ts'

interface Case {
  purpose: string
  workload: WorkloadOptions
  dev: object
  uid: string
  /** What the Service answers before and after. */
  before: RegExp
  after: RegExp
}

const cases: Case[] = [
  {
    purpose: 'busybox',
    workload: {
      image: 'busybox',
      command: ['sh', '-c', 'cd /tmp && echo original > index.html && exec httpd -f -p 8080 -h /tmp'],
      ...restricted,
    },
    dev: { command: ['httpd', '-f', '-p', '8080', '-h', '/app'] },
    uid: '1000',
    before: /^original/,
    after: /^local page/,
  },
  {
    purpose: 'static',
    workload: { image: 'static', command: [] },
    dev: { command: ['/server'] },
    uid: '0',
    before: /^original web-(?!podswap)/,
    after: /^original web-podswap-/,
  },
  {
    purpose: 'static-restricted',
    workload: {
      image: 'static',
      command: [],
      pod: { ...restricted.pod, volumes: [{ name: 'app', emptyDir: {} }] },
      container: {
        securityContext: { ...restricted.container.securityContext, readOnlyRootFilesystem: true },
        volumeMounts: [{ name: 'app', mountPath: '/app' }],
        // an image's own variables that would hijack or kill any Node or any program with a libc
        env: [
          { name: 'NODE_OPTIONS', value: '--inspect=0.0.0.0:8080 --require /no/such/module' },
          { name: 'LD_PRELOAD', value: '/no/such/library.so' },
        ],
      },
    },
    dev: { command: ['/server'] },
    uid: '1000',
    before: /^original web-(?!podswap)/,
    after: /^original web-podswap-/,
  },
]

describe.each(cases)(
  'case 73: the dev image needs nothing: $purpose',
  ({ purpose, workload, dev, uid, before, after }) => {
    let session: DevSession
    let client: ServiceClient
    let inPod: Hand
    let url: string

    beforeAll(async () => {
      const isRestricted = purpose !== 'static'
      session = await DevSession.create({
        purpose,
        workload,
        dev,
        files: { 'index.html': 'local page\n', 'bin/tool.sh': '#!/bin/sh\n', 'empty.txt': '' },
        ...(isRestricted && { namespaceLabels: { 'pod-security.kubernetes.io/enforce': 'restricted' } }),
      })
      client = await ServiceClient.start(session.namespace.admin)
      url = `http://web.${session.namespace.name}/`
      await eventually(async () => expect(await client.get(url)).toMatch(before))
      await session.up()
      inPod = await session.handInPod('app', false)
    })

    afterAll(() => session[Symbol.asyncDispose]())

    it('runs the dev command, and the Service answers from it', async () => {
      await eventually(async () => expect(await client.get(url)).toMatch(after))
    })

    it('keeps the user of the container', async () => {
      const [first] = (await inPod.processes()).filter(({ pid }) => pid === 1)
      expect(first).toMatchObject({ uid })
      expect(first!.argv[0]).toBe('/podswap/init')
    })

    it('syncs both ways', async () => {
      session.save('index.html', 'local page, edited\n')
      await inPod.write('/app/from-pod.txt', 'from the pod')
      await session.flush()
      expect(await inPod.read('/app/index.html')).toBe('local page, edited\n')
      expect(await session.onLaptop.read(join(session.folder, 'from-pod.txt'))).toBe('from the pod')
      await session.expectSame(inPod)
    })

    it('runs commands, and says of one that is not there that it is not', async () => {
      const missing = await session.laptop.podswap(['exec', ...session.target, '--', '/no/such/program'])
      expect(missing.code).toBe(127)
      expect(missing.stderr).toContain('/no/such/program')
    })

    it('reaps what it starts', async () => {
      expect((await inPod.processes()).filter(({ state }) => state === 'Z')).toEqual([])
    })

    it('is put back', async () => {
      await session.down()
      await expectRestored(session.namespace.admin, session.was)
      // a Ready pod is an endpoint of its Service a moment later
      await eventually(async () => expect(await client.get(url)).toMatch(before))
    })
  },
)
