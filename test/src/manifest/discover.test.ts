import { describe, expect, it } from 'vitest'
import { discoverManifest } from '../../../src/manifest/discover.ts'
import { UserError } from '../../../syncer/base/errors.ts'
import { laptop } from './laptop.ts'

function found(paths: string[], cwd: string): string {
  const files = laptop(Object.fromEntries(paths.map(path => [path, ''])))
  try {
    return discoverManifest(files, cwd, '/home/ann').file
  } catch (error) {
    if (error instanceof UserError && error.code === 'manifest') return `none: ${error.hint}`
    throw error
  }
}

describe('discoverManifest', () => {
  it.each<[string, string[], string]>([
    ['here', ['/repo/.git/', '/repo/dev.yml'], '/repo/dev.yml'],
    ['our name before Okteto’s', ['/repo/.git/', '/repo/okteto.yml', '/repo/dev.yaml'], '/repo/dev.yaml'],
    ['in .okteto', ['/repo/.git/', '/repo/.okteto/okteto.yaml'], '/repo/.okteto/okteto.yaml'],
    ['a hidden one', ['/repo/.git/', '/repo/.okteto.yml'], '/repo/.okteto.yml'],
    ['a folder of that name is none', ['/repo/.git/', '/repo/dev.yml/', '/repo/okteto.yml'], '/repo/okteto.yml'],
  ])('%s', (_, paths, expected) => {
    expect(found(paths, '/repo')).toBe(expected)
  })

  it('goes up to the root of the repository and no further', () => {
    expect(found(['/repo/.git/', '/repo/dev.yml', '/repo/a/b/'], '/repo/a/b')).toBe('/repo/dev.yml')
    expect(found(['/repo/.git/', '/repo/dev.yml', '/repo/a/okteto.yml', '/repo/a/b/'], '/repo/a/b')).toBe(
      '/repo/a/okteto.yml',
    )
    expect(found(['/x/dev.yml', '/x/repo/.git/', '/x/repo/a/'], '/x/repo/a')).toMatch(/^none/)
    expect(found(['/x/dev.yml', '/x/worktree/.git', '/x/worktree/a/'], '/x/worktree/a')).toMatch(/^none/)
  })

  it('goes up to the home folder where there is no repository', () => {
    expect(found(['/home/ann/dev.yml', '/home/ann/a/b/'], '/home/ann/a/b')).toBe('/home/ann/dev.yml')
    expect(found(['/home/dev.yml', '/home/ann/a/'], '/home/ann/a')).toMatch(/^none/)
  })

  it('looks nowhere but here outside of both', () => {
    expect(found(['/tmp/dev.yml', '/tmp/a/'], '/tmp/a')).toMatch(/^none/)
    expect(found(['/tmp/a/dev.yml'], '/tmp/a')).toBe('/tmp/a/dev.yml')
  })

  it('names the manifests that -f could mean', () => {
    const hint = 'none: there is -f dev.node.yml, -f dev.rails.yaml'
    expect(found(['/r/.git/', '/r/dev.rails.yaml', '/r/dev.node.yml', '/r/other.yml'], '/r')).toBe(hint)
    expect(found(['/r/.git/'], '/r')).toBe('none: name one with -f, or write dev.yml')
  })
})
