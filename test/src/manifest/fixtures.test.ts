import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { loadManifest } from '../../../src/manifest/load-manifest.ts'
import type { Manifest } from '../../../src/manifest/manifest.ts'
import { diskManifestFiles, type ManifestFiles } from '../../../src/manifest/manifest-files.ts'
import { short } from './laptop.ts'

const folder = fileURLToPath(new URL('../../fixtures/manifests', import.meta.url))
const env = { HOME: '/home/ann', USER_NAMESPACE: '' }

/** The disk, and the file that one of them has from the person's home. */
const disk: ManifestFiles = {
  ...diskManifestFiles,
  stat: path => (path === '/home/ann/.kube/config' ? { kind: 'file', sizeBytes: 1_000 } : diskManifestFiles.stat(path)),
}

function load(file: string, files: ManifestFiles = disk): Manifest {
  return loadManifest({ file, cwd: folder, env, home: '/home/ann', files })
}

/** The part of each dev that tells most: name, image, command, `local:remote` folders, forwards. */
function outline({ devs }: Manifest): string[] {
  return devs.map(({ name, image, command, sync, forward }) => {
    const folders = sync.map(({ local, remote }) => `${local.replace(folder, '.')}:${remote}`)
    const ports = forward.map(({ localPort, host, remotePort }) =>
      [localPort, host, remotePort].filter(Boolean).join(':'),
    )
    return [name, image ?? '-', command.join(' '), ...folders, ...ports].join(' | ')
  })
}

/** Shapes of real manifests, all of which must run; what is left alone is said, and nothing else. */
const fixtures: [file: string, devs: string[], warnings: string[]][] = [
  ['node-template.v1.yml', ['hello-world | node:14 | bash | .:/usr/src/app | 9229:9229 | 3000:3000'], []],
  [
    'rails.v1.yml',
    [
      'shop-web | ruby:3.2 | sh -c bash -lc "bundle check || bundle install; bin/rails s -b 0.0.0.0" | .:/app | 3000:3000 | 5432:postgres:5432 | 6379:redis:6379',
    ],
    [],
  ],
  ['policy-builder.v1.yml', ['policy-builder | golang:1.21 | bash | .:/src | 8080:8080'], []],
  ['operator.v1.yml', ['controller | golang:1.16-buster | zsh | .:/usr/src/app | 2345:2345'], []],
  [
    'workdir-only.v1.yml',
    ['feedback | mcr.microsoft.com/dotnet/sdk:7.0 | sh -c dotnet watch run | .:/build/feedback'],
    ['9:1 has no effect here: remote'],
  ],
  [
    'old-volumes.v1.yml',
    [
      'api | python:3.6 | sh -c # wait for the database\nuntil nc -z postgres 5432; do sleep 1; done\nexec python manage.py runserver\n | .:/srv/api',
    ],
    [],
  ],
  [
    'go.v2.yml',
    ['hello-world | okteto/golang:1 | bash | .:/usr/src/app | 2345:2345'],
    ['1:1 not acted on yet: build', '4:1 not acted on yet: deploy'],
  ],
  ['fuse.v2.yml', ['storage | python:3.11 | sleep infinity | .:/workspace'], []],
  [
    'build-image.v2.yml',
    ['admin | - | sh -c make run | .:/go/src/admin'],
    [
      '1:1 has no effect here: name',
      '2:1 has no effect here: icon',
      '5:1 not acted on yet: build',
      '11:1 not acted on yet: deploy',
      '19:1 not acted on yet: dependencies',
      '21:1 not acted on yet: external',
      '24:1 not acted on yet: test',
      '29:12 the variable OKTETO_BUILD_ADMIN_IMAGE is not set; it stands for nothing here',
    ],
  ],
  [
    'six-devs.v2.yml',
    [
      'api | example/api:dev | api --reload | .:/app | 8000:8000 | 5678:5678 | 5432:postgres:5432',
      'worker | example/api:dev | worker | .:/app | 5432:postgres:5432',
      'ui | node:20 | sh -c npm start | .:/app | 8080:8080 | 5432:postgres:5432',
      'docs | - | sh | .:/app | 5432:postgres:5432',
      'proxy | - | sh | .:/app | 5432:postgres:5432',
      'cache | - | sh | .:/okteto | 5432:postgres:5432',
    ],
    ['7:5 has no effect here: sync.compression'],
  ],
  [
    'hybrid.v2.yml',
    ['backend | node:18 | sh -c node --watch index.js | .:/app'],
    ['3:11 not acted on yet: mode: hybrid; frontend is left out'],
  ],
  [
    'laravel.v1.yml',
    ['laravel | example/laravel:8 | bash | ./src:/var/www/html | 8080:8080 | 5433:postgres:5432 | 6380:redis:6379'],
    ['8:1 has no effect here: sshServerPort'],
  ],
  [
    'listed.v2.yml',
    ['web | node:22 | sh -c npm start | .:/app', 'api | node:22 | sh -c npm test | ./src:/api | 5432:5432'],
    [],
  ],
  ['compact.v2.json', ['web | node:22 | sh | .:/app | 8080:web:80'], []],
]

describe.each(fixtures)('%s', (file, devs, warnings) => {
  it('is read', () => {
    const manifest = load(file)
    expect(outline(manifest)).toEqual(devs)
    expect(manifest.warnings.map(short)).toEqual(warnings)
  })

  it('reads the same with the line ends of Windows and a byte order mark', () => {
    const windows = `\uFEFF${readFileSync(`${folder}/${file}`, 'utf8').replaceAll('\n', '\r\n')}`
    const files: ManifestFiles = {
      ...disk,
      readFile: path => (path === `${folder}/${file}` ? Buffer.from(windows) : diskManifestFiles.readFile(path)),
    }
    expect(load(file, files)).toEqual(load(file))
    expect(JSON.stringify(load(file, files))).not.toContain('\\r')
  })
})

it('reads the environment of the Rails file from all its places', () => {
  const manifest = load('rails.v1.yml')
  expect(manifest.namespace).toBe('dev-ann')
  expect(manifest.devs[0]?.environment).toEqual([
    { name: 'BUNDLE_PATH', value: '/usr/local/bundle' },
    { name: 'RAILS_ENV', value: 'development' },
    { name: 'RAILS_LOG_TO_STDOUT', value: 'true' },
    { name: 'WEB_CONCURRENCY', value: '0' },
    { name: 'REDIS_URL', value: 'redis://redis:6379/1' },
    { name: 'DATABASE_URL', value: 'postgres://postgres@postgres/shop_dev' },
    { name: 'EMPTY', value: '' },
  ])
})

it('merges what the six devs share', () => {
  const devs = Object.fromEntries(load('six-devs.v2.yml').devs.map(dev => [dev.name, dev]))
  const shared = [
    { name: 'LOG_LEVEL', value: 'debug' },
    { name: 'DEBUG', value: 'true' },
  ]
  expect(devs.ui?.environment).toEqual(shared)
  expect(devs.worker?.environment).toEqual([{ name: 'QUEUE', value: 'default' }, ...shared])
  expect(devs.proxy).toMatchObject({ container: 'nginx', imagePullPolicy: 'Always' })
})
