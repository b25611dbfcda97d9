import fc from 'fast-check'
import { dump } from 'js-yaml'
import { describe, expect, it } from 'vitest'
import { ManifestError } from '../../../src/manifest/manifest-error.ts'
import type { YamlNode } from '../../../src/manifest/yaml-node.ts'
import { parseYaml } from '../../../src/manifest/yaml-tree.ts'

/** Every scalar of the text as `line:column text`, in the order of the file. */
function scalars(text: string): string[] {
  const found: string[] = []
  const visit = (node: YamlNode) => {
    if (node.kind === 'scalar') found.push(`${node.at.line}:${node.at.column} ${node.isNull ? '(null)' : node.text}`)
    else if (node.kind === 'list') node.items.forEach(visit)
    else for (const { key, value } of node.pairs) [key, value].forEach(visit)
  }
  parseYaml(text, '/f.yml').forEach(visit)
  return found
}

describe('positions of scalars', () => {
  it.each<[string, string, string[]]>([
    ['plain', 'a: b', ['1:1 a', '1:4 b']],
    ['quoted: the quote itself', "a: \"b\"\n'c':  'd'", ['1:1 a', '1:4 b', '2:1 c', '2:7 d']],
    [
      'flow collections',
      'a: [b, {c: "d", e: f}, g]',
      ['1:1 a', '1:5 b', '1:9 c', '1:12 d', '1:17 e', '1:20 f', '1:24 g'],
    ],
    ['flow over lines', 'a: [\n  b,\n  c ]', ['1:1 a', '2:3 b', '3:3 c']],
    ['a pair in a flow list', '[a: b]', ['1:2 a', '1:5 b']],
    ['block lists', 'a:\n  - b\n  -   c\n', ['1:1 a', '2:5 b', '3:7 c']],
    ['lists in lists', '- - a\n  - b', ['1:5 a', '2:5 b']],
    ['a block scalar: its sign', 'a: |\n  x\n  y\nb: >-\n  z\n', ['1:1 a', '1:4 x\ny\n', '4:1 b', '4:4 z']],
    ['a block scalar in a list', '- |\n  x\n- >\n  y\n', ['1:3 x\n', '3:3 y\n']],
    ['a block scalar after a tag and an anchor', 'a: !!str &x |2 # | no\n   y\n', ['1:1 a', '1:13  y\n']],
    ['a block scalar at the end of the file', 'a: |', ['1:1 a', '1:4 ']],
    [
      'a value that is missing: its key',
      'a:\nb: # none\nc: 1',
      ['1:1 a', '1:1 (null)', '2:1 b', '2:1 (null)', '3:1 c', '3:4 1'],
    ],
    [
      'an item that is missing: its dash',
      'a:\n  - b\n  - # - no\n  -\n  - c',
      ['1:1 a', '2:5 b', '3:3 (null)', '4:3 (null)', '5:5 c'],
    ],
    ['an item that is missing after a flow list', '- [a, b] # - c\n-\n', ['1:4 a', '1:7 b', '2:1 (null)']],
    ['an anchored value: the value', 'a: &x b', ['1:1 a', '1:7 b']],
    ['an alias: the alias', 'a: &x b\nc: *x', ['1:1 a', '1:7 b', '2:1 c', '2:4 b']],
    ['CRLF', 'a: b\r\nc: d\r\n', ['1:1 a', '1:4 b', '2:1 c', '2:4 d']],
    ['lone CR', 'a: b\rc: d', ['1:1 a', '1:4 b', '2:1 c', '2:4 d']],
    ['after a document mark', '---\na: b', ['2:1 a', '2:4 b']],
    ['beyond the first plane, one column a UTF-16 unit', '{😀: b}', ['1:2 😀', '1:6 b']],
    ['JSON', '{"a":{"b":["c"]}}', ['1:2 a', '1:7 b', '1:12 c']],
  ])('%s', (_, text, expected) => {
    expect(scalars(text)).toEqual(expected)
  })

  it('keeps plain scalars as they are written, and knows text by its tag', () => {
    expect(
      scalars('[0x10, 22:22, 1_0, 010, yes, ~, null, !!str null, 2001-01-01]').map(s => s.replace(/^\S+ /, '')),
    ).toEqual(['0x10', '22:22', '1_0', '010', 'yes', '(null)', '(null)', 'null', '2001-01-01'])
  })

  it('leaves empty documents out', () => {
    expect(parseYaml('---\n---\na: b\n---\n# end\n', '/f.yml')).toHaveLength(1)
    expect(parseYaml('# nothing\n', '/f.yml')).toEqual([])
  })

  it('puts the last line feed of a CRLF file nowhere into a value', () => {
    expect(scalars('a: |\r\n  x\r\n  y\r\nb: "c\r\n  d"\r\n')).toEqual(['1:1 a', '1:4 x\ny\n', '4:1 b', '4:4 c d'])
  })
})

describe('what js-yaml writes', () => {
  type Plain = string | Plain[] | { [key: string]: Plain }
  const value = fc.letrec<{ node: Plain }>(tie => ({
    node: fc.oneof(
      { maxDepth: 4 },
      fc.string({ unit: 'grapheme', maxLength: 12 }),
      fc.array(tie('node'), { maxLength: 4 }),
      fc.dictionary(fc.string({ minLength: 1, maxLength: 6 }), tie('node'), { maxKeys: 4 }),
    ),
  })).node
  const plainOf = (node: YamlNode): Plain => {
    if (node.kind === 'scalar') return node.text
    if (node.kind === 'list') return node.items.map(plainOf)
    return Object.fromEntries(node.pairs.map(({ key, value }) => [plainOf(key), plainOf(value)]))
  }

  it('is read back, each plain value at its own place', () => {
    fc.assert(
      fc.property(value, fc.constantFrom(-1, 0, 1), (node, flowLevel) => {
        const text = dump(node, { flowLevel, lineWidth: -1 })
        const [tree] = parseYaml(text, '/f.yml')
        expect(plainOf(tree!)).toEqual(node)
        const lines = text.split('\n')
        const check = (at: YamlNode) => {
          if (at.kind === 'list') at.items.forEach(check)
          else if (at.kind === 'map') for (const { key, value } of at.pairs) [key, value].forEach(check)
          else {
            const rest = lines[at.at.line - 1]!.slice(at.at.column - 1)
            expect(rest.startsWith(at.text) || /^["'|>]/.test(rest)).toBe(true)
          }
        }
        check(tree!)
      }),
      { numRuns: 500 },
    )
  })
})

describe('what is not YAML', () => {
  it.each<[string, string, string, string?]>([
    ['tab after a key', 'a:\n\tb: c\n', '2:1 a tab in the indentation', 'YAML indents with blanks only'],
    ['tab after blanks', 'a:\n  b:\n  \tc: d\n', '3:3 a tab in the indentation', 'YAML indents with blanks only'],
    ['open double quote', 'a:\n  b: "x\n  c: d\n', '2:6 the " opened here is not closed'],
    ['open double quote at the root', 'a: "x\nb: c\n', '1:4 the " opened here is not closed'],
    ['open single quote', "a: b\nc: 'x\n", "2:4 the ' opened here is not closed"],
    ['open bracket', 'a:\n  b: [x, y\n  c: d\n', '2:6 the [ opened here is not closed'],
    ['open brace at the end', 'a: {b: [c, d]\n', '1:4 the { opened here is not closed'],
    [
      'too little indentation',
      'a:\n  b:\n    c: d\n   e: f\n',
      '4:4 this does not fit the indentation of the lines above',
      'the fields of one map begin in the same column, deeper than the key above them',
    ],
    [
      'too much indentation',
      'a: b\n  c: d\n',
      '2:4 this does not fit the indentation of the lines above',
      'the fields of one map begin in the same column, deeper than the key above them',
    ],
    ['no colon', 'a:\n  b\n    c: d\n', '2:3 a ":" is missing after this key'],
    ['no blank after a colon', 'a:\n  b:c\n  d: e\n', '2:3 a blank is missing after the colon', 'write "key: value"'],
    [
      'no blank after a colon, more text',
      'a:\n  b:c d:e\n  f: g\n',
      '2:3 a blank is missing after the colon',
      'write "key: value"',
    ],
    ['no blank after the last colon', 'a: b\nc:d', '2:1 a blank is missing after the colon', 'write "key: value"'],
    ['a second colon', 'a: echo b: c\n', '1:10 a second ": " in one value', 'put the value in quotes'],
    ['text after a quote', 'a: "b" c\n', '1:8 more text after the closing quote', 'put the whole value in quotes'],
    ['reserved sign', 'a: @b\n', '1:4 a value cannot start with @', 'put the value in quotes'],
    ['a percent sign', 'a: %b\n', '1:4 a value cannot start with %', 'put the value in quotes'],
    [
      'a Windows path',
      'a: "C:\\src"\n',
      '1:7 an unknown escape in double quotes',
      'inside double quotes a \\ is written \\\\; inside single quotes it stands for itself',
    ],
    ['a control character', 'a: b\x07c\n', '1:5 the character U+0007 is not allowed in YAML'],
    [
      'merge conflict',
      'a: b\n<<<<<<< HEAD\nc: 1\n=======\nc: 2\n>>>>>>> x\n',
      '2:1 a merge conflict is left in the file',
    ],
    [
      'an unknown alias',
      'a: *b\n',
      '1:4 this alias refers to an anchor that is not there',
      'a value that starts with * needs quotes; otherwise define &NAME before *NAME',
    ],
    [
      'an alias of another document',
      'a: &b c\n---\na: *b\n',
      '3:4 this alias refers to an anchor that is not there',
      'a value that starts with * needs quotes; otherwise define &NAME before *NAME',
    ],
    ['an alias inside its own value', 'a: &b\n  c: *b\n', '2:6 this alias lies inside the value that it stands for'],
    ['too deep', `a: ${'['.repeat(200)}`, '1:103 values are nested deeper than 100 levels'],
  ])('%s', (_, text, expected, hint) => {
    let caught: unknown
    try {
      parseYaml(text, '/f.yml')
    } catch (error) {
      caught = error
    }
    expect(caught).toBeInstanceOf(ManifestError)
    const { at, message, hint: given } = caught as ManifestError
    expect(`${at?.line}:${at?.column} ${message}`).toBe(expected)
    expect(given).toBe(hint)
  })

  it('shows nothing of the lines around, where a secret may stand', () => {
    const values = [
      'hunter2\n\tX: y',
      '*hunter2',
      '!hunter2!x',
      '!<hunter2 x',
      '!!hunter2,[ x',
      '"hunter2\\q"',
      '@hunter2',
      'a: hunter2',
    ]
    for (const value of values) {
      let caught: unknown
      try {
        parseYaml(`env:\n  PASSWORD: ${value}\n`, '/f.yml')
      } catch (error) {
        caught = error
      }
      expect(caught, value).toBeInstanceOf(ManifestError)
      const { stack, cause, hint } = caught as ManifestError
      expect(JSON.stringify([String(caught), stack, cause, hint])).not.toContain('hunter2')
    }
  })

  it('accepts an anchor that is defined anew inside the value of the same name', () => {
    expect(scalars('a: &x [&x b, *x]')).toEqual(['1:1 a', '1:11 b', '1:14 b'])
  })
})
