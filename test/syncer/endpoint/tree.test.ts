import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { absent, fileToken, folder, linkToken, type Token, unreadFile } from '../../../syncer/core/content.ts'
import type { Stat } from '../../../syncer/disk/disk.ts'
import { Tree } from '../../../syncer/endpoint/tree.ts'

const hash = (text: string) => createHash('sha256').update(text).digest('hex')
const tokens: Token[] = [
  absent,
  folder,
  unreadFile,
  linkToken('a'),
  ...['a', 'b'].flatMap(text => [fileToken(hash(text), false), fileToken(hash(text), true)]),
]
const stat: Stat = { kind: 'file', size: 1, mtimeNs: 1n, ctimeNs: 2n, ino: 3n, mode: 0o644, mount: false }

test('an entry says the same whether it is folded or not, whatever is done to it in between', () => {
  const token = fc.constantFrom(...tokens)
  const act = fc.record({
    path: fc.constantFrom('a', 'b', 'dir/c'),
    what: fc.oneof(
      fc.record({ current: token }),
      fc.record({ agreed: token }),
      token.map(both => ({ current: both, agreed: both })),
      fc.record({ sent: fc.option(token, { nil: undefined }) }),
      fc.record({ key: fc.constantFrom(null, stat, { ...stat, size: 7 }) }),
      fc.record({ racy: fc.boolean(), shadow: fc.boolean() }),
    ),
    fold: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(act, { maxLength: 40 }), acts => {
      const folded = new Tree()
      const plain = new Tree()
      for (const { path, what, fold } of acts) {
        for (const tree of [folded, plain]) Object.assign(tree.ensure(path), what)
        if (fold) folded.fold()
        for (const entry of plain.walk()) {
          const other = folded.find(entry.path)!
          for (const field of ['current', 'agreed', 'sent', 'key', 'racy', 'shadow', 'isAgreed', 'size'] as const) {
            expect(other[field]).toEqual(entry[field])
          }
          expect(entry.isAgreed).toBe(entry.current === entry.agreed)
        }
      }
    }),
  )
})

test('what is folded is kept while the columns grow', () => {
  const tree = new Tree()
  for (let index = 0; index < 1000; index++) {
    const token = fileToken(hash(`${index}`), index % 2 === 0)
    Object.assign(tree.ensure(`f${index}`), { key: stat, current: token, agreed: token })
    if (index === 200) tree.fold()
  }
  tree.fold()
  for (let index = 0; index < 1000; index++) {
    expect(tree.find(`f${index}`)?.current).toBe(fileToken(hash(`${index}`), index % 2 === 0))
  }
})
