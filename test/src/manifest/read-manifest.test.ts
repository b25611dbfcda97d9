import { describe, expect, it } from 'vitest'
import { ManifestError } from '../../../src/manifest/manifest-error.ts'
import { errorsOf, laptop, load, short } from './laptop.ts'

describe('the form of a file', () => {
  it('reads a v2 file', () => {
    const manifest = load('namespace: team\ncontext: kind\ndev:\n  web:\n    image: node:22\n  db:\n')
    expect(manifest).toMatchObject({ file: '/work/app/dev.yml', namespace: 'team', context: 'kind', warnings: [] })
    expect(manifest.devs.map(({ name, at }) => [name, at.line, at.column])).toEqual([
      ['web', 4, 3],
      ['db', 6, 3],
    ])
  })

  it('reads a v1 file', () => {
    const manifest = load('name: web\nnamespace: team\nimage: node:22\nforward:\n  - 8080:8080\n')
    expect(manifest).toMatchObject({ namespace: 'team', warnings: [] })
    expect(manifest.devs).toMatchObject([{ name: 'web', image: 'node:22', at: { line: 1, column: 1 } }])
  })

  it('gives every field of a dev its default', () => {
    const at = { file: '/work/app/dev.yml', line: 2, column: 3 }
    expect(load('dev:\n  web:\n').devs).toEqual([
      {
        name: 'web',
        at,
        command: ['sh'],
        workdir: '/okteto',
        sync: [{ local: '/work/app', remote: '/okteto', mode: 'two-way', initial: 'mirror', at }],
        forward: [],
        environment: [],
        interface: 'localhost',
      },
    ])
  })

  it.each<[string, string, string[]]>([
    ['empty', '', ['1:1 the file is empty']],
    ['only a comment', '# x\n', ['1:1 the file is empty']],
    ['a list', '- a\n', ['1:1 a manifest must be a map, not a list']],
    ['text', 'hello', ['1:1 a manifest must be a map, not a single value']],
    ['Compose', 'services:\n  a: {image: b}\n', ['1:1 this is a Compose file, not a dev manifest']],
    ['a piece of one', 'metadata: {name: a}\nspec: {}\n', ['1:1 this is a Kubernetes object, not a dev manifest']],
    ['Compose with a version', '# x\nversion: "3"\n', ['2:1 this is a Compose file, not a dev manifest']],
    ['Kubernetes', 'apiVersion: v1\nkind: Pod\n', ['1:1 this is a Kubernetes object (Pod), not a dev manifest']],
    ['something else', 'on: push\njobs: {}\n', ['1:1 this is not a dev manifest: it has no `dev`']],
    ['v2 without a dev', 'build: {}\n', ['1:1 there is no dev in this manifest']],
    ['an empty dev section', 'namespace: x\ndev:\n', ['2:1 there is no dev in this manifest']],
    ['a list of devs', 'dev:\n  - web\n', ['2:3 `dev` must be a map, not a list']],
    ['a dev that is text', 'dev:\n  web: node\n', ['2:8 the dev "web" must be a map, not a single value']],
    ['v1 without a name', 'image: x\n', ['1:1 the name of the workload is missing']],
    ['v1 with an empty name', 'image: x\nname:\n', ['2:1 the name of the workload is missing']],
    ['forward alone, which is v2', 'forward:\n  - 80:a:80\n', ['1:1 there is no dev in this manifest']],
    ['a slip in dev', 'dve:\n  web:\n', ['1:1 unknown field `dve`']],
    [
      'a slip in a v1 field',
      'nmae: web\nimag: x\n',
      ['1:1 the name of the workload is missing', '1:1 unknown field `nmae`'],
    ],
  ])('%s', (_, text, expected) => {
    expect(errorsOf(text)).toEqual(expected)
  })

  it('is that of the first document', () => {
    const text = '---\nname: a\nimage: x\n---\nname: b\n'
    expect(load(text).devs.map(({ name }) => name)).toEqual(['a'])
    expect(load(text).warnings.map(short)).toEqual(['5:1 a second document begins here; it is passed over'])
    expect(load('name: a\nimage: x\n---\n').devs).toHaveLength(1)
  })

  it('keeps v1 where `services` is a list', () => {
    expect(load('name: web\nimage: x\nservices:\n  - name: worker\n    command: run\n').devs).toMatchObject([
      { name: 'web', services: [{ name: 'worker' }] },
    ])
  })
})

describe('the root of a v2 file', () => {
  it('has variables, which stand for what nothing else sets', () => {
    const text = 'variables: {REG: ttl.sh, TAG: "1", ON: true}\ndev:\n  web:\n    image: ${REG}/web:${TAG}-${ON}\n'
    expect(load(text)).toMatchObject({ devs: [{ image: 'ttl.sh/web:1-true' }], warnings: [] })
    expect(load(text, { env: { TAG: '2' } }).devs[0]!.image).toBe('ttl.sh/web:2-true')
    const list = 'variables: [REG=ttl.sh, "TAG=${REG}"]\nnamespace: ${TAG}\ndev:\n  web:\n'
    expect(load(list).namespace).toBe('ttl.sh')
    expect(errorsOf('variables: 5\ndev:\n  web:\n')).toEqual(['1:12 `variables` must be a map or a list'])
    expect(errorsOf('variables: {"a b": 5}\ndev:\n  web:\n')).toEqual(['1:13 this is not the name of a variable'])
  })

  it('may have an address of Okteto as its context', () => {
    const manifest = load('context: https://okteto.shop.test/\ndev:\n  web:\n    context: https://okteto.shop.test\n')
    expect(manifest.context).toBe('okteto_shop_test')
    expect(manifest.warnings.map(short)).toEqual([
      '1:10 this address is read as the context okteto_shop_test',
      '4:14 this address is read as the context okteto_shop_test',
    ])
    expect(load('context: kind-a\ndev:\n  web:\n').context).toBe('kind-a')
  })

  it('has forwards, which each dev opens where no other has', () => {
    const text = 'forward: [5432:db:5432]\ndev:\n  web:\n    forward: [80:80]\n    services: [{name: worker}]\n  api:\n'
    const shared = { localPort: 5432, host: 'db', remotePort: 5432, isShared: true }
    expect(load(text)).toMatchObject({
      devs: [{ forward: [{ localPort: 80 }, shared], services: [{ forward: [] }] }, { forward: [shared] }],
      warnings: [],
    })
    expect(errorsOf('forward: [80:db:80]\ndev:\n  web:\n    forward: [80:80]\n')).toEqual([
      '1:11 the local port 80 is used twice, first in line 4',
    ])
  })
})

describe('devs', () => {
  const beside = {
    '/work/app/api/dev.yml': 'dev:\n  api:\n    sync: [.:/api]\n    envFiles: .env\n',
    '/work/app/api/.env': 'A=1',
    '/work/app/old.yml': 'name: worker\nimage: node:22\nsync: [lib:/app]\n',
  }

  it('have a forward of both roots once', () => {
    const text = 'forward: [5432:db:5432, 6379:redis:6379]\ndevs: [api.yml]\n'
    const api = { '/work/app/api.yml': 'forward: [5432:pg:5432]\ndev:\n  api:\n' }
    expect(load(text, { beside: api }).devs[0]!.forward.map(({ host }) => host)).toEqual(['pg', 'redis'])
  })

  it('are those of the manifests that are listed, each with its own folders', () => {
    const manifest = load('devs: [api/dev.yml, "${OLD:-old.yml}"]\ndev:\n  web:\n', { beside })
    expect(manifest.file).toBe('/work/app/dev.yml')
    expect(manifest.devs.map(({ name, at }) => `${name} ${at.file}`)).toEqual([
      'web /work/app/dev.yml',
      'api /work/app/api/dev.yml',
      'worker /work/app/old.yml',
    ])
    expect(manifest.devs[1]).toMatchObject({
      sync: [{ local: '/work/app/api', remote: '/api' }],
      environment: [{ name: 'A', value: '1' }],
    })
    expect(load('devs: [old.yml]\n', { beside }).devs.map(({ name }) => name)).toEqual(['worker'])
  })

  it.each(['stat', 'readFile'] as const)('say that one cannot be read, where %s fails', call => {
    const files = laptop({ '/work/app/dev.yml': 'devs: [api/dev.yml]\n', '/work/app/api/dev.yml': 'dev:\n  api:\n' })
    const original = files[call] as (path: string) => never
    const refusing = (path: string) => {
      if (path === '/work/app/api/dev.yml')
        throw Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES' })
      return original(path)
    }
    expect(errorsOf('', { files: { ...files, [call]: refusing } })).toEqual(['1:8 "api/dev.yml" cannot be read'])
  })

  it('say what is wrong with each in its own file', () => {
    const wrong = { ...beside, '/work/app/api/dev.yml': 'dev:\n  api:\n    forward: [99999:1]\n' }
    expect(() => load('devs: [api/dev.yml]\n', { beside: wrong })).toThrow(
      expect.objectContaining({
        complaints: [
          expect.objectContaining({
            at: { file: '/work/app/api/dev.yml', line: 3, column: 15 },
            message: '"99999" is not a port',
          }),
        ],
      }),
    )
    const warned = { '/work/app/a.yml': 'name: a\nremote: 2200\n' }
    expect(load('devs: [a.yml]\n', { beside: warned }).warnings).toMatchObject([
      { at: { file: '/work/app/a.yml', line: 2, column: 1 }, message: 'has no effect here: remote' },
    ])
  })

  it.each<[string, Record<string, string>, string[]]>([
    ['devs: api/dev.yml\n', beside, ['1:7 `devs` must be a list, not a single value']],
    ['devs: [none.yml]\n', {}, ['1:8 there is no file "none.yml"']],
    ['devs: [src]\n', {}, ['1:8 "src" is not a file']],
    ['devs: [old.yml, ./old.yml]\n', beside, ['1:17 "./old.yml" is read already']],
    ['devs: [dev.yml]\n', {}, ['1:8 "dev.yml" is read already']],
    [
      'devs: [a.yml]\n',
      { '/work/app/a.yml': 'devs: [old.yml]\n' },
      ['1:1 a manifest that is listed cannot list others'],
    ],
    ['devs: [a.yml]\n', { '/work/app/a.yml': 'name: a\nnamespace: x\n' }, ['1:8 "a.yml" is for another `namespace`']],
    [
      'devs: [a.yml]\ndev:\n  a:\n',
      { '/work/app/a.yml': 'name: a\n' },
      ['1:1 two devs are named a, the first in line 3'],
    ],
  ])('%j is refused', (text, more, expected) => {
    expect(errorsOf(text, { beside: more })).toEqual(expected)
  })
})

describe('what is left alone', () => {
  it('names each field of the root that is not acted on', () => {
    const text = 'build: {a: {}}\ndeploy:\n  - rm -rf /\ntest: {}\nname: shop\ndev:\n  web:\n'
    expect(load(text).warnings.map(short)).toEqual([
      '1:1 not acted on yet: build',
      '2:1 not acted on yet: deploy',
      '5:1 has no effect here: name',
    ])
  })

  it('names each field of a dev that is not acted on, where it asks for something', () => {
    const asking = ['push: {image: a}', 'docker: {enabled: true}']
    const silent = ['persistentVolume: {enabled: false}', 'services: []', 'probes: false', 'lifecycle:', 'mode: sync']
    const more = ['sshServerPort: 2222', 'push: a']
    const warnings = (fields: string[]) => load(`dev:\n  web:\n    ${fields.join('\n    ')}\n`).warnings.map(short)
    expect(warnings(asking)).toEqual(['3:5 has no effect here: push', '4:5 has no effect here: docker'])
    expect(warnings(silent)).toEqual([])
    expect(warnings(more)).toEqual(['3:5 has no effect here: sshServerPort', '4:5 has no effect here: push'])
  })

  it('leaves a hybrid dev out, and fails where no other is there', () => {
    const text = 'dev:\n  web:\n    mode: hybrid\n    command: make\n  api:\n'
    const manifest = load(text)
    expect(manifest.devs.map(({ name }) => name)).toEqual(['api'])
    expect(manifest.warnings.map(short)).toEqual(['3:11 not acted on yet: mode: hybrid; web is left out'])
    expect(errorsOf('name: web\nmode: hybrid\n')).toEqual(['2:7 not acted on yet: mode: hybrid'])
    expect(errorsOf('dev:\n  web:\n    mode: hybird\n')).toEqual(['3:11 `mode` must be sync or hybrid, not "hybird"'])
  })

  it('refuses divert, without which everybody would get the dev container', () => {
    expect(errorsOf('name: web\ndivert:\n  ingress: a\n')).toEqual(['2:1 not acted on yet: divert'])
  })

  it('does not look into sections that it does not read', () => {
    const text = 'dev:\n  web:\nbuild:\n  a: 1\n  a: 2\n  <<: nothing\n  ? [x]\n  : y\n  b: ${UNSET} ${\n'
    expect(load(text).warnings.map(short)).toEqual(['3:1 not acted on yet: build'])
  })
})

describe('unknown fields', () => {
  it('warns, and offers the field that may be meant', () => {
    const { warnings } = load('dev:\n  web:\n    imgae: x\n    colour: red\n"odd\\e": 1\n')
    expect(warnings.map(short)).toEqual([
      '3:5 unknown field `imgae`; it is passed over',
      '4:5 unknown field `colour`; it is passed over',
      '5:1 unknown field; it is passed over',
    ])
    expect(warnings.map(({ hint }) => hint)).toEqual(['did you mean `image`?', undefined, undefined])
  })

  it('fails where passing over it would touch another thing', () => {
    const text = 'namespce: x\ndev:\n  web:\n    selctor: {a: b}\n    contaner: c\n    sycn: [.:/app]\n'
    expect(errorsOf(text)).toEqual([
      '1:1 unknown field `namespce`',
      '4:5 unknown field `selctor`',
      '5:5 unknown field `contaner`',
      '6:5 unknown field `sycn`',
    ])
  })

  it('fails for such a field of a dev that stands at the root', () => {
    const text = 'dev:\n  web:\nsync:\n  - .:/app\n'
    expect(errorsOf(text)).toEqual(['3:1 `sync` stands outside of any dev'])
    expect(load('dev:\n  web:\ncommand: x\n').warnings.map(short)).toEqual([
      '3:1 `command` stands outside of any dev; it is passed over',
    ])
  })

  it('says nothing of places for anchors', () => {
    const text = 'x-common:\n  a: b\ndefaults: &d\n  image: x\ndev:\n  web:\n    <<: *d\n'
    const manifest = load(text)
    expect(manifest.warnings).toEqual([])
    expect(manifest.devs[0]?.image).toBe('x')
  })
})

describe('keys', () => {
  it('refuses a key that is there twice', () => {
    const error = catchError('dev:\n  web:\n    image: x\n    command: y\n    image: z\n')
    expect(error.complaints.map(short)).toEqual(['5:5 `image` is there twice, first in line 3'])
    expect(error.complaints[0]?.hint).toBe('keep one of the two')
    expect(errorsOf('dev:\n  web: {}\n  web: {}\n')).toEqual(['3:3 `web` is there twice, first in line 2'])
    expect(errorsOf('name: a\nname: b\n')).toEqual(['2:1 `name` is there twice, first in line 1'])
  })

  it('refuses a key that is no text', () => {
    expect(errorsOf('name: web\n? [a]\n: b\n')).toEqual(['2:3 a key must be text, not a list'])
    expect(errorsOf('name: web\nimage: {{ image }}\n')).toEqual(['2:9 a key must be text, not a map'])
    expect(errorsOf('name: web\n~: x\n')).toEqual(['2:1 a key must be text, not nothing'])
  })

  it('merges, with the own key first and the earlier map before the later', () => {
    const text = [
      'x: &a {image: one, workdir: /one, container: one}',
      'y: &b {image: two, workdir: /two, command: two}',
      'dev:',
      '  web:',
      '    <<: [*a, *b]',
      '    image: own',
    ].join('\n')
    expect(load(text).devs[0]).toMatchObject({ image: 'own', workdir: '/one', container: 'one', command: ['two'] })
  })

  it('says what is wrong with a merge', () => {
    expect(errorsOf('dev:\n  web:\n    <<: x\n')).toEqual([
      '3:9 a merge key (<<) takes a map or a list of maps, not a single value',
    ])
    expect(errorsOf('dev:\n  web:\n    <<: [{image: x}, [y]]\n')).toEqual([
      '3:22 a merge key (<<) takes a map or a list of maps, not a list',
    ])
  })

  it('complains once about what several devs share', () => {
    const text = 'x: &f\n  - 0:80\ndev:\n  a:\n    forward: *f\n  b:\n    forward: *f\n'
    expect(errorsOf(text)).toEqual(['2:5 "0" is not a port'])
  })
})

describe('names', () => {
  it.each<[string, string, string[]]>([
    ['dev:\n  my_app:\n', 'my-app', ['2:3 "my_app" is read as "my-app"']],
    ['dev:\n  Web App-:\n', 'web-app', ['2:3 "Web App-" is read as "web-app"']],
    ['dev:\n  .:\n    name: web\n', 'web', []],
    ['dev:\n  key:\n    name: other\n', 'other', []],
    ['dev:\n  123:\n', '123', []],
    ['dev:\n  web:\n    name: ""\n    workdir: ""\n', 'web', []],
    ['name: ${APP:-web}\n', 'web', []],
    ['name: ${SET}\n', 'set', []],
  ])('%j is %s', (text, name, warnings) => {
    const manifest = load(text, { env: { SET: 'set' } })
    expect(manifest.devs[0]?.name).toBe(name)
    expect(manifest.warnings.map(short)).toEqual(warnings)
  })

  it.each<[string, string[]]>([
    ['dev:\n  .:\n', ['2:3 "." cannot be the name of a workload']],
    ['dev:\n  a_b:\n  a-b:\n', ['3:3 two devs are named a-b, the first in line 2']],
    ['name: ${APP}\n', ['1:7 the variable APP is not set, and `name` depends on it']],
    ['name: ${APP:-}\n', ['1:7 `name` is empty with its variables filled in']],
    ['name: [web]\n', ['1:7 `name` must be a single value, not a list']],
    ['name: !!binary d2Vi\n', ['1:16 `name` has a tag that is not understood']],
  ])('%j is refused', (text, expected) => {
    expect(errorsOf(text)).toEqual(expected)
  })

  it('does not guess a namespace', () => {
    expect(load('namespace: ${NS}\nname: web', { env: { NS: 'team' } }).namespace).toBe('team')
    expect(errorsOf('namespace: ${NS}\nname: web')).toEqual([
      '1:12 the variable NS is not set, and `namespace` depends on it',
    ])
  })

  it('takes the namespace of an only dev, and refuses one that differs', () => {
    expect(load('dev:\n  web:\n    namespace: team\n').namespace).toBe('team')
    expect(load('namespace: team\ndev:\n  web:\n    namespace: team\n  api:\n').namespace).toBe('team')
    expect(errorsOf('dev:\n  web:\n    namespace: team\n  api:\n')).toEqual([
      '3:16 all devs of a file share one `namespace`',
    ])
    expect(errorsOf('context: a\ndev:\n  web:\n    context: b\n')).toEqual([
      '4:14 all devs of a file share one `context`',
    ])
  })
})

describe('many complaints', () => {
  it('keeps the first twenty in the order of the file, and counts the others', () => {
    const ports = Array.from({ length: 30 }, (_, i) => `  - ${70_000 + i}:80\n`).join('')
    const error = catchError(`image: "bad image"\nname: web\nforward:\n${ports}`)
    expect(error.complaints).toHaveLength(20)
    expect(error.omitted).toBe(11)
    expect(error.at).toEqual({ file: '/work/app/dev.yml', line: 1, column: 8 })
    expect(error).toMatchObject({ code: 'manifest', message: '"bad image" is not the name of an image' })
    expect(error.complaints.slice(1, 3).map(short)).toEqual(['4:5 "70000" is not a port', '5:5 "70001" is not a port'])
  })

  it('keeps the first fifty warnings and counts the others', () => {
    const odd = Array.from({ length: 60 }, (_, i) => `odd${i}: 1\n`).join('')
    const { warnings } = load(`name: web\n${odd}`)
    expect(warnings).toHaveLength(51)
    expect(warnings.at(-1)?.message).toBe('10 more warnings are not shown')
  })
})

function catchError(text: string): ManifestError {
  try {
    load(text)
  } catch (error) {
    if (error instanceof ManifestError) return error
    throw error
  }
  return expect.unreachable()
}
