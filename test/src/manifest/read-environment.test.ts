import { describe, expect, it } from 'vitest'
import { ManifestError } from '../../../src/manifest/manifest-error.ts'
import { devErrors, loadDev, short } from './laptop.ts'

const env = { LOCAL: 'here', EMPTY: '' }

function read(fields: string, beside: Record<string, string> = {}) {
  const { environment, warnings } = loadDev(fields, { env, beside })
  return { environment: environment.map(({ name, value }) => `${name}=${value}`), warnings }
}

describe('environment', () => {
  it.each<[string, string[]]>([
    ['environment: {A: b, C: d}', ['A=b', 'C=d']],
    [
      'environment: {A: true, B: 0, C: 1.50, D: 0x1F, E: 22:22, F: yes}',
      ['A=true', 'B=0', 'C=1.50', 'D=0x1F', 'E=22:22', 'F=yes'],
    ],
    ['environment:\n  A:\n  B: ""\n  C: ~\n', ['A=', 'B=', 'C=']],
    ['environment: {A: $LOCAL, B: "${NO:-d}", C: "$$X"}', ['A=here', 'B=d', 'C=$X']],
    ['environment: {A: "b\\nc"}', ['A=b\nc']],
    ['environment: [A=b, C=, D=e=f]', ['A=b', 'C=', 'D=e=f']],
    ['environment: [A=$LOCAL, "B=${NO:-x=y}"]', ['A=here', 'B=x=y']],
    ['environment: [LOCAL, EMPTY]', ['LOCAL=here', 'EMPTY=']],
    ['environment: ["${NO:-LOCAL}"]', ['LOCAL=here']],
    ['environment:', []],
    ['environment: {}', []],
    ['environment: []', []],
    ['environment: {a.b-c_D: x}', ['a.b-c_D=x']],
    ['environment: {__proto__: x, constructor: y}', ['__proto__=x', 'constructor=y']],
  ])('%j', (fields, expected) => {
    expect(read(fields)).toEqual({ environment: expected, warnings: [] })
  })

  it('warns of variables that are not set, at the dollar itself', () => {
    expect(read('environment:\n  A: x $NO y ${NO2}\n  B: |\n    a\n    b $NO3\n  C: "\\x24 $NO4"\n')).toEqual({
      environment: ['A=x  y ', 'B=a\nb \n', 'C=$ '],
      warnings: [
        '4:12 the variable NO is not set; it stands for nothing here',
        '4:18 the variable NO2 is not set; it stands for nothing here',
        '7:11 the variable NO3 is not set; it stands for nothing here',
        '8:10 the variable NO4 is not set; it stands for nothing here',
      ],
    })
  })

  it('leaves a bare name out that is not set here', () => {
    expect(read('environment: [A=b, NO]')).toEqual({
      environment: ['A=b'],
      warnings: ['3:24 the variable NO is not set here; the container keeps its own'],
    })
  })

  it('takes the later of two, and an item that is a map', () => {
    expect(read('environment:\n- A=1\n- B: 2\n- A=3')).toEqual({
      environment: ['A=3', 'B=2'],
      warnings: [
        '5:7 an item of `environment` is read as a map',
        '6:7 the variable A is set twice, first in line 4; the later one counts',
      ],
    })
  })

  it.each<[string, string[]]>([
    ['environment: text', ['3:18 `environment` must be a map or a list']],
    ['environment: {A: [1]}', ['3:22 the variable A must be a single value, not a list']],
    ['environment: {A: {b: c}}', ['3:22 the variable A must be a single value, not a map']],
    ['environment: {"A B": c}', ['3:19 this is not the name of a variable']],
    ['environment: ["A = b"]', ['3:19 this is not the name of a variable']],
    ['environment: ["=b"]', ['3:19 this is not the name of a variable']],
    ['environment: [[A]]', ['3:19 `environment` must be a single value, not a list']],
    ['environment: {A: "${B"}', ['3:23 this ${ is not closed']],
    ['environment: {A: "b\\0c"}', ['3:22 a variable cannot hold a NUL character']],
    ['environment: {A: 1, A: 2}', ['3:25 `A` is there twice, first in line 3']],
  ])('%j is refused', (fields, expected) => {
    expect(devErrors(fields, { env })).toEqual(expected)
  })
})

describe('envFiles', () => {
  const beside = { '/work/app/a.env': 'A=1\nB=\nLOCAL=\nC="x y"\n', '/work/app/b.env': 'A=2\n' }

  it('reads them in order, with `environment` above all', () => {
    expect(read('envFiles: [a.env, b.env]\nenvironment: {C: z}', beside)).toEqual({
      environment: ['A=2', 'LOCAL=here', 'C=z'],
      warnings: [],
    })
    expect(read('envFiles: "${NO:-b}.env"', beside).environment).toEqual(['A=2'])
  })

  it.each<[string, string[]]>([
    ['envFiles: none.env', ['3:15 there is no file "none.env"']],
    ['envFiles: [a.env, src]', ['3:23 "src" is not a file']],
    ['envFiles: [$NO/a.env]', ['3:16 the variable NO is not set, and `envFiles` depends on it']],
  ])('%j is refused', (fields, expected) => {
    expect(devErrors(fields, { beside })).toEqual(expected)
  })

  it('says where in the file it cannot go on', () => {
    const files = { '/work/app/x.env': 'A=1\n? hunter2\n' }
    try {
      loadDev('envFiles: x.env', { beside: files })
      expect.unreachable()
    } catch (error) {
      expect((error as ManifestError).complaints).toEqual([
        { at: { file: '/work/app/x.env', line: 2, column: 1 }, message: 'expected NAME=value' },
      ])
    }
  })
})

it('shows no value of the environment, whatever is wrong', () => {
  const secret = 'hunter2'
  const hostile = [
    'environment: {A: [hunter2]}',
    'environment: [hunter2 x]',
    'environment: ["hunter2 =x"]',
    'environment: {"hunter2 x": 1, "hunter2 x": 2}',
    'environment: {A: "hunter2 ${"}',
    'environment: {A: !hunter2 x}',
    'environment: {A: "hunter2\\0"}',
    'image: "$SECRET !"',
    'name: "$SECRET !"',
    'container: "$SECRET !"',
    'selector: {a: "$SECRET !"}',
    'sync: ["$SECRET:/app"]',
    'sync: [".:$SECRET"]',
    'sync: ["$SECRET"]',
    'sync: [".:/$SECRET", "src:/$SECRET", "lib:/$SECRET/x"]\nvolumes: [/]',
    'envFiles: $SECRET',
    'namespace: [$SECRET]',
  ]
  for (const fields of hostile) {
    try {
      const { warnings } = loadDev(fields, { env: { SECRET: secret } })
      expect(warnings.join('\n'), fields).not.toContain(secret)
    } catch (error) {
      if (!(error instanceof ManifestError)) throw error
      const said = error.complaints.map(complaint => `${short(complaint)} ${complaint.hint}`).join('\n')
      expect(`${said} ${error.stack}`, fields).not.toContain(secret)
    }
  }
})
