import { type Pattern, parseGitPattern } from './ignore-pattern.ts'

/** Never synced, and no rule or `include` brings them back. */
export function isProtectedName(name: string): boolean {
  const first = name.charCodeAt(0)
  // `.`, `g`, `G`, `p`, `P` and what is not ASCII: nothing else can begin one of the spellings below.
  if (first !== 46 && first < 128 && first !== 103 && first !== 71 && first !== 112 && first !== 80) return false
  if (name === '.git' || name === '.podswap') return true
  return protectedSpelling.test(name.replace(ignorableOnHfs, ''))
}

// A peer on Linux may make `.GIT/hooks`, which APFS, HFS+ or NTFS takes for `.git/hooks` (CVE-2014-9390, CVE-2019-1353).
const protectedSpelling = /^(\.git|git~\d|\.podswap|podswa~\d)[ .]*(:.*)?$/is
const ignorableOnHfs = /[\u200C-\u200F\u202A-\u202E\u206A-\u206F\uFEFF]/g

/**
 * Files that only make sense where they are: what databases and editors keep beside the real file, process ids, the
 * desktop's notes. A rule of the user's own (`!*.swp`) brings them back.
 */
export const residueRules = [
  '*-wal',
  '*-shm',
  '*-journal',
  '**/tmp/pids/*',
  '.DS_Store',
  '*.swp',
  '*.swo',
  '*.swx',
  '.#*',
  '4913',
  '*___jb_*',
  '.goutputstream*',
  '.syncthing.*.tmp',
  '~syncthing~*.tmp',
]

/** Folders of that kind: what Syncthing, which Okteto runs, keeps in a folder that it has synced. */
export const residueFolderRules = ['.stfolder', '.stversions']

/** Folders that tools fill again by themselves; left out where no ignore file says anything else. */
export const generatedRules = [
  'node_modules',
  'bower_components',
  'target',
  '**/tmp/cache',
  '**/.next/cache',
  '.nuxt',
  '.svelte-kit',
  '.turbo',
  '.parcel-cache',
  '**/.angular/cache',
  '__pycache__',
  '.pytest_cache',
  '.mypy_cache',
  '.ruff_cache',
  '.tox',
  '.nox',
  '.venv',
  '**/vendor/bundle',
  '.gradle',
  '.terraform',
  '.stack-work',
  'dist-newstyle',
  '.dart_tool',
]

/** Source of a rule that no file holds. */
export const defaultSource = 'default'

/** The rules above as patterns, for files or for folders alone. */
export function defaultPatterns(rules: string[], only: 'dir' | 'file'): Pattern[] {
  return rules.flatMap((rule, index) => {
    const pattern = parseGitPattern(rule, { file: defaultSource, firstLine: index + 1, foldsCase: false })
    return pattern === undefined ? [] : [{ ...pattern, only }]
  })
}
