import { describe, expect, it } from 'vitest'
import { devErrors, loadDev } from './laptop.ts'

describe('volumes', () => {
  it.each<[string, string[]]>([
    ['volumes: []', []],
    ['volumes:', []],
    ['volumes: [/root/.cache/pip]', ['/root/.cache/pip']],
    ['volumes: [/go/pkg/, {path: /root//.npm}]', ['/go/pkg', '/root/.npm']],
    ['volumes: /cache', ['/cache']],
    ['workdir: /app\nvolumes: [/app/node_modules]', ['/app/node_modules']],
  ])('%j', (fields, paths) => {
    const dev = loadDev(fields)
    expect((dev.volumes ?? []).map(({ path }) => path)).toEqual(paths)
    expect(dev.warnings).toEqual([])
  })

  it.each<[string, string[]]>([
    ['volumes: [cache]', ['3:15 "cache" must be an absolute path in the container']],
    ['volumes: [$HOME/.cache]', ['3:15 "$HOME/.cache" must be an absolute path in the container']],
    ['volumes: [/]', ['3:15 a volume cannot cover the container’s root']],
    ['volumes: [/podswap/x]', ['3:15 /podswap in the container cannot be a volume']],
    ['volumes: [/a, /a/]', ['3:19 this volume is there twice, first in line 3']],
    ['volumes: [{size: 1Gi}]', ['3:15 "size:1Gi" is not the path of a volume']],
    ['volumes: [{paht: /a, b: /c}]', ['3:15 a volume needs `path`']],
    ['volumes:\n- .: /app', ['4:7 ".:/app" is not the path of a volume']],
    ['volumes: [[/a]]', ['3:15 `volumes` must be a single value, not a list']],
  ])('%j is refused', (fields, expected) => {
    expect(devErrors(fields)).toEqual(expected)
  })
})

describe('externalVolumes', () => {
  it.each<[string, unknown]>([
    ['externalVolumes: [cache:/root/.cache]', [{ claim: 'cache', path: '/root/.cache' }]],
    ['externalVolumes: [data:shop/files:/files]', [{ claim: 'data', path: '/files', subPath: 'shop/files' }]],
    ['externalVolumes: ["data:/shop/:/files"]', [{ claim: 'data', path: '/files', subPath: 'shop' }]],
    ['externalVolumes:\n- cache: /root/.cache', [{ claim: 'cache', path: '/root/.cache' }]],
    ['externalVolumes: []', undefined],
  ])('%j', (fields, expected) => {
    const dev = loadDev(fields)
    expect(dev.externalVolumes?.map(({ at, ...rest }) => rest)).toEqual(expected)
    expect(dev.warnings).toEqual([])
  })

  it.each<[string, string[]]>([
    ['externalVolumes: [cache]', ['3:23 "cache" is not claim:path or claim:subpath:path']],
    ['externalVolumes: [Cache:/x]', ['3:23 "Cache" is not the name of a claim']],
    ['externalVolumes: [cache:x]', ['3:23 "x" must be an absolute path in the container']],
    ['externalVolumes: ["c:../x:/x"]', ['3:23 the path within a claim cannot hold ..']],
    ['externalVolumes: [a:/x, b:/x]', ['3:29 something is mounted there already, in line 3']],
  ])('%j is refused', (fields, expected) => {
    expect(devErrors(fields)).toEqual(expected)
  })
})

describe('persistentVolume', () => {
  const usual = { size: '5Gi', accessMode: 'ReadWriteOnce' }

  it.each<[string, unknown]>([
    ['image: x', undefined],
    ['persistentVolume:', undefined],
    ['persistentVolume: {}', undefined],
    ['persistentVolume: false', undefined],
    ['persistentVolume: {enabled: false, size: 2Gi}', undefined],
    ['persistentVolume: {enabled: false, volumeMode: Block, accessMode: ReadOnlyMany, size: huge}', undefined],
    ['persistentVolume: true', usual],
    ['persistentVolume: {enabled: true}', usual],
    ['persistentVolume: {size: 2G}', { ...usual, size: '2G' }],
    [
      'persistentVolume: {enabled: true, storageClass: fast, accessMode: ReadWriteMany, volumeMode: Filesystem}',
      { ...usual, storageClass: 'fast', accessMode: 'ReadWriteMany' },
    ],
    [
      'persistentVolume: {enabled: true, labels: {team: a}, annotations: {note: b c}}',
      { ...usual, labels: { team: 'a' }, annotations: { note: 'b c' } },
    ],
  ])('%j', (fields, expected) => {
    const dev = loadDev(fields)
    const { at, ...volume } = dev.persistentVolume ?? { at: undefined }
    expect(at === undefined ? undefined : volume).toEqual(expected)
    expect(dev.warnings).toEqual([])
  })

  it.each<[string, string[]]>([
    ['persistentVolume: [a]', ['3:23 `persistentVolume` must be a map, not a list']],
    ['persistentVolume: {size: 0}', ['3:30 "0" is not the size of a volume']],
    ['persistentVolume: {size: 5GB}', ['3:30 "5GB" is not the size of a volume']],
    ['persistentVolume: {size: 100m}', ['3:30 "100m" is not the size of a volume']],
    ['persistentVolume: {storageClass: Fast One}', ['3:38 "Fast One" is not the name of a storage class']],
    ['persistentVolume: {volumeMode: Block}', ['3:36 `volumeMode` must be Filesystem, not "Block"']],
    [
      'persistentVolume: {accessMode: RWO}',
      ['3:36 `accessMode` must be ReadWriteOnce, ReadWriteMany or ReadWriteOncePod, not "RWO"'],
    ],
  ])('%j is refused', (fields, expected) => {
    expect(devErrors(fields)).toEqual(expected)
  })
})

describe('initFromImage', () => {
  it('is read where there are volumes to fill', () => {
    expect(loadDev('initFromImage: true\nvolumes: [/cache]')).toMatchObject({ initFromImage: true, warnings: [] })
    expect(loadDev('initFromImage: true\npersistentVolume: true')).toMatchObject({ initFromImage: true, warnings: [] })
    expect(loadDev('initFromImage: false\nvolumes: [/cache]')).not.toHaveProperty('initFromImage')
  })

  it('is warned of where there is none, and refused where it is no boolean', () => {
    expect(loadDev('initFromImage: true').warnings).toEqual(['3:5 has no effect here: initFromImage'])
    expect(devErrors('initFromImage: [a]')).toEqual(['3:20 `initFromImage` must be a single value, not a list'])
  })
})
