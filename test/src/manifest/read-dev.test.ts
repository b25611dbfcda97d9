import { describe, expect, it } from 'vitest'
import { devErrors, load, loadDev } from './laptop.ts'

describe('command', () => {
  it.each<[string, string[]]>([
    ['image: x', ['sh']],
    ['command:', ['sh']],
    ['command: []', ['sh']],
    ['command: ""', ['sh']],
    ['command: bash', ['bash']],
    ['command: npm run dev', ['sh', '-c', 'npm run dev']],
    ['command: [npm, run, dev]', ['npm', 'run', 'dev']],
    ['command: [sleep, 10, true, ~]', ['sleep', '10', 'true', '~']],
    ['command:\n- sh\n- -c\n- echo $HOME', ['sh', '-c', 'echo $HOME']],
    ['command: echo ${HOME} $(id)', ['sh', '-c', 'echo ${HOME} $(id)']],
    ['command: |\n  bash\n', ['bash']],
    ['command: |\n  # first\n  npm ci\n  npm start\n', ['sh', '-c', '# first\nnpm ci\nnpm start']],
    ['command: >-\n  npm\n  start', ['sh', '-c', 'npm start']],
    ['command: |\r\n  npm ci\r\n  npm start\r\n', ['sh', '-c', 'npm ci\nnpm start']],
  ])('%j', (fields, command) => {
    const dev = loadDev(fields)
    expect(dev.command).toEqual(command)
    expect(dev.warnings).toEqual([])
  })

  it('warns of a whole line as the only word of a list', () => {
    expect(loadDev('command: ["npm start"]')).toMatchObject({
      command: ['npm start'],
      warnings: ['3:15 the whole line is taken as the name of one program'],
    })
  })

  it.each<[string, string[]]>([
    ['command: {a: b}', ['3:14 `command` must be a single value, not a map']],
    ['command: [a, [b]]', ['3:18 each word of `command` must be a single value, not a list']],
    ['command: ["", b]', ['3:15 the first word of `command` is empty']],
    ['command: "a\\0b"', ['3:14 a command cannot hold a NUL character']],
  ])('%j is refused', (fields, expected) => {
    expect(devErrors(fields)).toEqual(expected)
  })
})

describe('reverse', () => {
  it('reads the pod’s port first', () => {
    expect(loadDev('reverse:\n- 9003:9004\n- 5005: 5005')).toMatchObject({
      reverse: [
        { remotePort: 9003, localPort: 9004, at: { line: 4, column: 7 } },
        { remotePort: 5005, localPort: 5005, at: { line: 5, column: 7 } },
      ],
      warnings: ['5:7 this is read as "5005:5005"'],
    })
    expect(loadDev('reverse: []')).not.toHaveProperty('reverse')
  })

  it.each<[string, string[]]>([
    ['reverse: [9003]', ['3:15 "9003" is not a reverse forward']],
    ['reverse: ["9003:host:9003"]', ['3:15 "9003:host:9003" is not a reverse forward']],
    ['reverse: ["$P:9003"]', ['3:15 "$P:9003" is not a reverse forward']],
    ['reverse: [0:80, 80:65536]', ['3:15 "0" is not a port', '3:21 "65536" is not a port']],
    ['reverse: {a: b}', ['3:14 `reverse` must be a list, not a map']],
    ['reverse:\n- 9003:1\n- 9003:2', ['5:7 the pod’s port 9003 is used twice, first in line 4']],
  ])('%j is refused', (fields, expected) => {
    expect(devErrors(fields)).toEqual(expected)
  })

  it('yields to a forward, with which it would be a circle', () => {
    const dev = loadDev('forward:\n- 80:8080\nreverse:\n- 8080:80\n- 9000:9000')
    expect(dev.reverse).toMatchObject([{ remotePort: 9000 }])
    expect(dev.warnings).toEqual(['6:7 8080 is left out: `forward` leads to that port of the pod (line 4)'])
  })
})

describe('forward', () => {
  const read = (fields: string) =>
    loadDev(fields).forward.map(({ localPort, host, remotePort }) => [localPort, ...(host ? [host] : []), remotePort])

  it.each<[string, unknown]>([
    ['forward: [8080:80]', [[8080, 80]]],
    ['forward: ["8080:80"]', [[8080, 80]]],
    [
      'forward:\n- 22:22\n- 1:59',
      [
        [22, 22],
        [1, 59],
      ],
    ],
    ['forward: [5432:postgres:5432]', [[5432, 'postgres', 5432]]],
    ['forward: [5432:db-0.db.team.svc.cluster.local:5432]', [[5432, 'db-0.db.team.svc.cluster.local', 5432]]],
    ['forward: ["80:[::1]:80"]', [[80, '::1', 80]]],
    ['forward: ["80:10.0.0.1:80"]', [[80, '10.0.0.1', 80]]],
    ['forward: [{localPort: 1, remotePort: 65535}]', [[1, 65535]]],
    ['forward: [{localPort: 80, remotePort: "80", name: web}]', [[80, 'web', 80]]],
    ['forward:', []],
    ['forward: []', []],
    ['forward: 8080:80', [[8080, 80]]],
  ])('%j', (fields, expected) => {
    expect(read(fields)).toEqual(expected)
    expect(loadDev(fields).warnings).toEqual([])
  })

  it('warns of what it reads in another way than it is written', () => {
    expect(loadDev('forward:\n- 8080\n- 9229: 9229')).toMatchObject({
      forward: [
        { localPort: 8080, remotePort: 8080, at: { line: 4, column: 7 } },
        { localPort: 9229, remotePort: 9229, at: { line: 5, column: 7 } },
      ],
      warnings: ['4:7 8080 is read as 8080:8080', '5:7 this is read as "9229:9229"'],
    })
  })

  it('reads a forward to labels', () => {
    expect(loadDev('forward:\n- localPort: 80\n  remotePort: 8080\n  labels: {app: db, tier: ""}')).toMatchObject({
      forward: [{ localPort: 80, remotePort: 8080, labels: { app: 'db', tier: '' }, at: { line: 4, column: 7 } }],
      warnings: [],
    })
  })

  it.each<[string, string[]]>([
    [
      'forward: [0:80, 65536:80, 80:99999, 80:0]',
      ['3:15 "0" is not a port', '3:21 "65536" is not a port', '3:31 "99999" is not a port', '3:41 "0" is not a port'],
    ],
    ['forward:\n- 80:80\n- 81:80\n- 80:81', ['6:7 the local port 80 is used twice, first in line 4']],
    [
      'forward:\n- {localPort: 80, remotePort: 80, labels: {app: a b}}\n- {localPort: 81, remotePort: 80, labels: {}}',
      ['4:53 "a b" is not the value of a label', '5:47 labels that are none mean every Service'],
    ],
    [
      'forward:\n- {localPort: 80, remotePort: 80, name: db, labels: {app: db}}',
      ['4:49 a forward has `name` or `labels`, not both'],
    ],
    ['forward: [web:80]', ['3:15 "web:80" is not a forward']],
    ['forward: ["80:80/tcp"]', ['3:15 "80:80/tcp" is not a forward']],
    ['forward: ["-1:80"]', ['3:15 "-1:80" is not a forward']],
    ['forward: ["80:bad host:80"]', ['3:15 "bad host" is not a host name']],
    ['forward: ["80::80"]', ['3:15 "" is not a host name']],
    ['forward: ["80:a:b:80"]', ['3:15 "a:b" is not a host name']],
    ['forward: ["$PORT:80"]', ['3:15 "$PORT:80" is not a forward']],
    ['forward: {8080: 80}', ['3:14 `forward` must be a list']],
    ['forward: [[80, 80]]', ['3:15 `forward` must be a single value, not a list']],
    ['forward: [{localPort: 80}]', ['3:15 a forward needs `remotePort`']],
    ['forward: [{localPort: 80, remotePort: 1.5}]', ['3:43 "1.5" is not a port']],
    ['forward: [{localPort: [80], remotePort: 80}]', ['3:27 `forward.localPort` must be a port, not a list']],
  ])('%j is refused', (fields, expected) => {
    expect(devErrors(fields)).toEqual(expected)
  })
})

describe('selector, container, image and the like', () => {
  it('reads them', () => {
    const fields = [
      'selector: {app.kubernetes.io/name: "${APP}", tier: web, empty: ""}',
      'container: main',
      'image: registry.test/${APP}:1@sha256:abc',
      'imagePullPolicy: IfNotPresent',
      'interface: 0.0.0.0',
      'workdir: /app/',
      'initContainer: {image: node:22, resources: {limits: {cpu: 1}}}',
      'resources:\n  requests: {cpu: 0.2, memory: 1Gi}\n  limits: {nvidia.com/gpu: 1, ephemeral-storage: 1e9}',
      'securityContext:\n  runAsUser: 1000\n  runAsGroup: "0"\n  fsGroup: 5\n  runAsNonRoot: true\n' +
        '  allowPrivilegeEscalation: false\n  readOnlyRootFilesystem: "true"\n  capabilities: {add: [SYS_PTRACE], drop: [ALL]}',
    ].join('\n')
    expect(loadDev(fields, { env: { APP: 'shop' } })).toMatchObject({
      selector: { 'app.kubernetes.io/name': 'shop', tier: 'web', empty: '' },
      container: 'main',
      image: 'registry.test/shop:1@sha256:abc',
      imagePullPolicy: 'IfNotPresent',
      interface: '0.0.0.0',
      workdir: '/app',
      initContainer: { image: 'node:22', resources: { limits: { cpu: '1' } } },
      resources: {
        requests: { cpu: '0.2', memory: '1Gi' },
        limits: { 'nvidia.com/gpu': '1', 'ephemeral-storage': '1e9' },
      },
      securityContext: {
        runAsUser: 1000,
        runAsGroup: 0,
        fsGroup: 5,
        runAsNonRoot: true,
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { add: ['SYS_PTRACE'], drop: ['ALL'] },
      },
      warnings: [],
    })
  })

  it.each(['okteto/bin:1.4.2', 'ghcr.io/okteto/bin', 'mirror.test/hub/okteto/okteto@sha256:abc'])(
    'takes %s for no image of its agent',
    image => {
      const dev = loadDev(`initContainer: {image: "${image}", resources: {limits: {memory: 30Mi}}}`)
      expect(dev).not.toHaveProperty('initContainer')
      expect(dev.warnings).toEqual(['3:28 has no effect here: Okteto’s own initContainer'])
    },
  )

  it('says where an image comes from Okteto alone', () => {
    const built = load('dev:\n  web:\n    image: ${OKTETO_BUILD_WEB_IMAGE}\n')
    expect(built.devs[0]).not.toHaveProperty('image')
    expect(built.warnings).toMatchObject([{ hint: expect.stringContaining('keeps its own') }])
    expect(loadDev('image: okteto.dev/shop:1')).toMatchObject({
      image: 'okteto.dev/shop:1',
      warnings: ['3:12 okteto.dev is Okteto’s short name for its registry: no cluster can pull from it'],
    })
    expect(loadDev('image: okteto.devel.test/shop:1').warnings).toEqual([])
  })

  it('reads labels and annotations as lists too', () => {
    const text = 'selector: [app=web, "tier=${T}", empty=]\nannotations:\n- a/b=c=d\nmetadata: {labels: [team=x]}'
    expect(loadDev(text, { env: { T: 'back' } })).toMatchObject({
      selector: { app: 'web', tier: 'back', empty: '' },
      metadata: { annotations: { 'a/b': 'c=d' }, labels: { team: 'x' } },
      warnings: [],
    })
    expect(devErrors('selector: [app, "=x", app=a, app=b]')).toEqual([
      '3:16 "app" is not KEY=VALUE',
      '3:21 "=x" is not KEY=VALUE',
      '3:34 `app` is there twice, first in line 3',
    ])
  })

  it('leaves out what is empty', () => {
    const dev = loadDev('image: ""\nselector: {}\ncontainer:\nresources:\nenvironment:\nsecurityContext:')
    expect(Object.keys(dev).sort()).toEqual([
      'at',
      'command',
      'environment',
      'forward',
      'interface',
      'name',
      'sync',
      'warnings',
      'workdir',
    ])
  })

  it('reads the labels of a v1 file as its selector, and its image map', () => {
    const { devs, warnings } = load('name: web\nlabels: {app: web}\nimage:\n  name: me/web\n  context: .\n')
    expect(devs[0]).toMatchObject({ selector: { app: 'web' }, image: 'me/web' })
    expect(warnings.map(({ message }) => message)).toEqual(['has no effect here: image.context'])
  })

  it('keeps the container’s image where a variable leaves none', () => {
    const dev = loadDev('image: ${OKTETO_BUILD_WEB_IMAGE}')
    expect(dev.image).toBeUndefined()
    expect(dev.warnings).toEqual(['3:12 the variable OKTETO_BUILD_WEB_IMAGE is not set; it stands for nothing here'])
  })

  it('warns of what it does not act on', () => {
    const dev = loadDev('securityContext: {privileged: true, runAsUser: 0, other: 1}\nselector: {a: b}\nlabels: {c: d}')
    expect(dev).toMatchObject({ securityContext: { runAsUser: 0 }, selector: { a: 'b' } })
    expect(dev.warnings).toEqual([
      '3:55 unknown field `other`; it is passed over',
      '5:5 has no effect here: labels, beside `selector`',
    ])
    expect(loadDev('securityContext: {runAsNonRoot: yes}')).toMatchObject({
      securityContext: { runAsNonRoot: true },
      warnings: ['3:37 `runAsNonRoot` is read as true'],
    })
  })

  it.each<[string, string[]]>([
    ['image: "a b"', ['3:12 "a b" is not the name of an image']],
    ['image: repo/${TAG}', ['3:12 "repo/${TAG}" is not the name of an image']],
    ['image: [a]', ['3:12 `image` must be a single value, not a list']],
    ['imagePullPolicy: always', ['3:22 `imagePullPolicy` must be Always, IfNotPresent or Never, not "always"']],
    ['container: $NO', ['3:16 the variable NO is not set, and `container` depends on it']],
    ['container: my_main', ['3:16 "my_main" is not the name of a container']],
    ['selector: [app]', ['3:16 "app" is not KEY=VALUE']],
    ['selector: {app: "a,b"}', ['3:21 "a,b" is not the value of a label']],
    ['selector: {"a b": c}', ['3:16 "a b" is not the name of a label']],
    ['selector: {app: $APP}', ['3:21 the variable APP is not set, and `selector` depends on it']],
    ['selector: {__proto__: x}', ['3:16 "__proto__" is not the name of a label']],
    ['resources: {limits: {memory: 2GB}}', ['3:34 "2GB" is not a quantity']],
    ['resources: {limits: {memory: [1]}}', ['3:34 `memory` must be a single value, not a list']],
    ['resources: {limits: 1}', ['3:25 `limits` must be a map, not a single value']],
    ['resources: {limits: {"": 1}}', ['3:26 "" is not a resource']],
    ['securityContext: {runAsUser: root}', ['3:34 `runAsUser` must be a whole number, not "root"']],
    ['securityContext: {runAsUser: -1}', ['3:34 `runAsUser` must be a whole number, not "-1"']],
    ['securityContext: {runAsUser: 99999999999}', ['3:34 `runAsUser` must be a whole number, not "99999999999"']],
    ['securityContext: {runAsNonRoot: 1}', ['3:37 `runAsNonRoot` must be true or false, not "1"']],
    ['securityContext: {capabilities: {add: [net admin]}}', ['3:44 "net admin" is not a capability']],
    ['initContainer: node:22', ['3:20 `initContainer` must be a map, not a single value']],
  ])('%j is refused', (fields, expected) => {
    expect(devErrors(fields)).toEqual(expected)
  })
})
