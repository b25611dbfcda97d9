import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { devFields, rootFields } from '../../../src/manifest/field-names.ts'
import type { Complaint, Manifest } from '../../../src/manifest/manifest.ts'
import { formatComplaint, ManifestError } from '../../../src/manifest/manifest-error.ts'
import { UserError } from '../../../syncer/base/errors.ts'
import { load } from './laptop.ts'

/** Reads the bytes; every outcome but a manifest or a {@link ManifestError} fails the test, and so does a slow one. */
function outcome(bytes: Uint8Array | string, env: Record<string, string> = {}): Manifest | ManifestError {
  const start = performance.now()
  try {
    return checkedManifest(load(bytes, { env }))
  } catch (error) {
    if (!(error instanceof ManifestError)) throw error
    expect(error.complaints.length).toBeGreaterThan(0)
    error.complaints.forEach(complaint => {
      checkComplaint(complaint, bytes)
    })
    return error
  } finally {
    expect(performance.now() - start).toBeLessThan(20_000)
  }
}

/** What everybody who uses a manifest counts on. */
function checkedManifest(manifest: Manifest): Manifest {
  expect(manifest.devs.length).toBeGreaterThan(0)
  for (const dev of manifest.devs) {
    expect(dev.name).toMatch(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/)
    expect(dev.command.length).toBeGreaterThan(0)
    expect(dev.interface).not.toBe('')
    expect(dev.sync.length).toBeGreaterThan(0)
    for (const { local, remote } of dev.sync) {
      expect(local).toMatch(/^\/./)
      expect(remote).toMatch(/^(\/[^/]+)+$/)
      expect(remote.split('/')).not.toContain('..')
    }
    for (const { localPort, remotePort, host } of dev.forward) {
      for (const port of [localPort, remotePort])
        expect(port >= 1 && port <= 65_535 && Number.isInteger(port)).toBe(true)
      expect(host).not.toBe('')
    }
    for (const { name, value } of dev.environment) {
      expect(name).toMatch(/^[-._a-zA-Z][-._a-zA-Z0-9]*$/)
      expect(value).not.toContain('\0')
    }
  }
  return manifest
}

function checkComplaint(complaint: Complaint, bytes: Uint8Array | string): void {
  const { line, column } = complaint.at
  const lines = Buffer.from(bytes)
    .toString('utf8')
    .replace(/^\uFEFF/, '')
    .split(/\r\n?|\n/)
  expect(line).toBeGreaterThanOrEqual(1)
  expect(column).toBeGreaterThanOrEqual(1)
  if (complaint.at.file === '/work/app/dev.yml') {
    expect(line).toBeLessThanOrEqual(lines.length)
    expect(column).toBeLessThanOrEqual(lines[line - 1]!.length + 1)
  }
  // No terminal obeys what a manifest holds.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
  expect(formatComplaint(complaint, '/work/app')).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/)
}

const words = [
  ...Object.keys(devFields),
  ...Object.keys(rootFields),
  ...[
    '<<',
    '*a',
    '&a ',
    '&b ',
    '*b',
    'local',
    'remote',
    'folders',
    'limits',
    'memory',
    'localPort',
    'apiVersion',
    'kind',
    'version',
  ],
  ...[
    '.:/app',
    'src:/app/src',
    '8080:80',
    '5432:db:5432',
    '22',
    '0x10',
    '${V}',
    '${NO}',
    '${',
    '$',
    '$$',
    'node:22',
    '/app',
    '~',
    'null',
    'true',
  ],
  ...[
    'é',
    '😀',
    '\u001b[31m',
    '*\u001b[31m',
    '!\u001b[31m!x ',
    '"\\e"',
    '!!str ',
    '!x ',
    '@',
    '%',
    '`',
    '{{',
    '}}',
    '---',
    '...',
    '#',
  ],
]
const marks = [
  ': ',
  ':',
  '\n',
  '\n  ',
  '\n    ',
  '\n      ',
  '\n  - ',
  '\n    - ',
  '- ',
  '[',
  ']',
  '{',
  '}',
  ', ',
  '"',
  "'",
  '|\n',
  '>-\n',
  '\t',
  '\r\n',
  '? ',
  ' ',
]

describe('any bytes', () => {
  it('are a manifest or a ManifestError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), bytes => {
        outcome(bytes)
      }),
      { numRuns: 500 },
    )
  })

  it('likewise for any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), text => {
        outcome(text)
      }),
      { numRuns: 500 },
    )
  })

  it('likewise for a salad of what manifests are made of', () => {
    const token = fc.oneof(fc.constantFrom(...words), fc.constantFrom(...marks))
    fc.assert(
      fc.property(fc.array(token, { maxLength: 60 }), tokens => {
        outcome(tokens.join(''), { V: 'v' })
      }),
      { numRuns: 1_500 },
    )
  })

  it('likewise for a manifest that was damaged somewhere', () => {
    const good = [
      'namespace: team\ndev:\n  web: &web\n    image: "node:${V}"\n    command: [npm, start]\n    workdir: /app',
      "    sync:\n      - .:/app\n      - {local: src, remote: '/src', mode: push}\n    forward: [8080:80, 5432:db:5432]",
      '    environment:\n      A: 1\n      B: |\n        x $V\n    selector: {app: web}\n    resources: {limits: {cpu: 0.2}}',
      '  api:\n    <<: *web\n    environment: [A=b, V]\n    securityContext: {runAsUser: 1000}\n',
    ].join('\n')
    const piece = fc.oneof(fc.constantFrom(...words, ...marks), fc.constant(''))
    expect(outcome(good, { V: '22' })).not.toBeInstanceOf(Error)
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(good.length), fc.nat(6), piece), { minLength: 1, maxLength: 3 }), edits => {
        let text = good
        for (const [at, cut, insert] of edits) text = text.slice(0, at) + insert + text.slice(at + cut)
        outcome(text, { V: '22' })
      }),
      { numRuns: 1_500 },
    )
  })

  it('likewise for any value in any field', () => {
    const scalar = fc.oneof(
      fc.constantFrom(...words),
      fc.string({ maxLength: 8 }),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
    )
    const value = fc.letrec(tie => ({
      node: fc.oneof(
        { maxDepth: 3 },
        scalar,
        fc.array(tie('node'), { maxLength: 3 }),
        fc.dictionary(fc.constantFrom(...words), tie('node'), { maxKeys: 3 }),
      ),
    })).node
    const dev = fc.dictionary(fc.constantFrom(...Object.keys(devFields)), value, { maxKeys: 5 })
    fc.assert(
      fc.property(dev, fc.boolean(), (fields, isV1) => {
        // JSON is YAML.
        outcome(JSON.stringify(isV1 ? { name: 'web', ...fields } : { dev: { web: fields } }), { V: 'v' })
      }),
      { numRuns: 1_500 },
    )
  })
})

it('shows nothing of a value of the environment, however it is written', () => {
  const decoration = fc.constantFrom(
    ...marks.filter(mark => !mark.includes('\n')),
    '*',
    '&',
    '!',
    '!!',
    '!<',
    '>',
    '|',
    '@',
    '$',
    '${',
    '\\',
    '#',
    '%',
    '=',
    'x',
  )
  const secret = fc.array(fc.oneof(decoration, fc.constant('hunter2')), { maxLength: 8 }).map(parts => parts.join(''))
  fc.assert(
    fc.property(secret, fc.constantFrom('      A: ', '      - A=', '      - A: '), (value, start) => {
      const result = outcome(`dev:\n  web:\n    environment:\n${start}${value}hunter2\n    image: x\n`)
      const said = result instanceof ManifestError ? result.complaints : result.warnings
      for (const complaint of said) {
        // The name behind a dollar is shown as what it is: a name.
        const isName = /^the variable [-._a-zA-Z0-9]+ /.test(complaint.message)
        if (!isName) expect(formatComplaint(complaint, '/work/app')).not.toContain('hunter2')
      }
    }),
    { numRuns: 2_000 },
  )
})

it('throws no other UserError for what is inside a file', () => {
  expect(() => load('', { file: 'none.yml' })).toThrow(UserError)
  expect(() => load('', { file: 'none.yml' })).not.toThrow(ManifestError)
  expect(outcome('')).toBeInstanceOf(ManifestError)
})
