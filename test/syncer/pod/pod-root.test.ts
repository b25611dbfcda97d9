import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { placeCommand, placeRequest } from '../../../syncer/agent/place-request.ts'
import { Mounts, parseMountinfo } from '../../../syncer/disk/mounts.ts'
import { PodRoot } from '../../../syncer/pod/pod-root.ts'

const machine = new PodRoot()

describe('a real container', () => {
  it('has its paths where they say', () => {
    fc.assert(
      fc.property(fc.string(), text => {
        expect(machine.path(text)).toBe(text)
        expect(machine.argument(text)).toBe(text)
      }),
    )
    expect(machine.mountinfo()).toHaveLength(0)
    expect(PodRoot.of({ PODSWAP_MOUNTS: '/a' }).mountinfo()).toHaveLength(0)
    expect(PodRoot.of({ PODSWAP_ROOT: '' }).folder).toBeUndefined()
  })
})

describe('a pod with a folder', () => {
  let folder: string
  beforeEach(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'podswap-root-')))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  it('keeps absolute paths inside of it', () => {
    const root = PodRoot.of({ PODSWAP_ROOT: folder })
    expect(root.path('/app/')).toBe(`${folder}/app`)
    expect(root.path('/')).toBe(folder)
    expect(root.path('app')).toBe('app')
    expect(root.path(`${folder}/app/x`)).toBe(`${folder}/app/x`)
    expect(root.path(`${folder}-other/app`)).toBe(`${folder}${folder}-other/app`)
    fc.assert(
      fc.property(fc.array(fc.constantFrom('..', '.', '', 'a', 'é b')), names => {
        const placed = root.path(`/${names.join('/')}`)
        expect(`${placed}/`.startsWith(`${folder}/`)).toBe(true)
        expect(placed.split('/')).not.toContain('..')
      }),
    )
  })

  it('takes an argument for a path where it stands in the pod, or could only stand there', () => {
    mkdirSync(join(folder, 'app/src'), { recursive: true })
    mkdirSync(join(folder, 'usr/src'), { recursive: true })
    const root = new PodRoot(folder)
    for (const path of ['/app', '/app/src', '/app/new', '/app/new/deeper', '/usr/src', '/app/../app']) {
      expect(root.argument(path)).toBe(root.path(path))
    }
    for (const text of ['/', '/bin/sh', '/usr/bin', '/nowhere/at/all', 'app', '-c', '', '--file=/app/src']) {
      expect(root.argument(text)).toBe(text)
    }
  })

  it('gives a path behind a link as it really is, but for its last name', () => {
    mkdirSync(join(folder, 'volume'))
    writeFileSync(join(folder, 'volume/program'), '')
    symlinkSync('program', join(folder, 'volume/alias'))
    symlinkSync(join(folder, 'volume'), join(folder, 'podswap'))
    expect(new PodRoot(folder).argument('/podswap/alias')).toBe(join(folder, 'volume/alias'))
    expect(new PodRoot(folder).argument('/podswap/new/file')).toBe(join(folder, 'volume/new/file'))
  })

  it('lists its volumes as mount points', () => {
    mkdirSync(join(folder, 'app'))
    const root = PodRoot.of({ PODSWAP_ROOT: folder, PODSWAP_MOUNTS: '/app/node modules:/data' })
    const points = parseMountinfo(root.mountinfo()).map(({ point }) => point)
    expect(points).toEqual([join(folder, 'app/node modules'), join(folder, 'data')])
    const mounts = new Mounts(join(folder, 'app'), { now: () => 0, monotonic: () => 0 }, () => root.mountinfo())
    expect(mounts.has('node modules')).toBe(true)
    expect(mounts.has('other')).toBe(false)
  })

  it('finds the paths in every request of the laptop', () => {
    mkdirSync(join(folder, 'app'))
    const root = new PodRoot(folder)
    const app = join(folder, 'app')
    const command = { argv: ['/bin/ls', '/app'], cwd: '/app' }
    const placed = { argv: ['/bin/ls', app], cwd: app }
    const sync = { kind: 'sync', lane: 'bulk', session: 's', attempt: 1, fence: 0 } as const
    expect(placeRequest(root, { ...sync, folder: '/app' })).toEqual({ ...sync, folder: app })
    expect(placeRequest(root, { kind: 'exec', ...command })).toEqual({ kind: 'exec', ...placed })
    expect(placeRequest(root, { kind: 'exec', argv: ['ls'] })).toEqual({ kind: 'exec', argv: ['ls'] })
    expect(placeCommand(root, command)).toEqual(placed)
    const call = { kind: 'call', call: { method: 'command-state' } } as const
    expect(placeRequest(root, call)).toBe(call)
    const tcp = { kind: 'tcp', host: 'web', port: 80 } as const
    expect(placeRequest(root, tcp)).toBe(tcp)
    const exec = { kind: 'exec', ...command } as const
    expect(placeRequest(machine, exec)).toBe(exec)
  })
})
