import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { createNodeDisk, type NodeDiskOptions } from '../../syncer/disk/node-disk.ts'
import { RealpathFolders } from '../../syncer/disk/node-folders-realpath.ts'
import { diskContract } from './disk.ts'
import type { DiskUnderTest } from './disk-bench.ts'

diskContract('node', () => makeNodeDisk({}))
diskContract('node, private folder in .git', () => makeNodeDisk({ privateFolder: 'in-git' }, ['.git']))
diskContract('node without /proc', () =>
  makeNodeDisk({ openFolders: (root, platform) => new RealpathFolders(root, { foldsCase: platform !== 'linux' }) }),
)

function makeNodeDisk(options: Partial<NodeDiskOptions>, before: string[] = []): DiskUnderTest {
  const parent = fs.mkdtempSync(path.join(os.tmpdir(), 'podswap-disk-'))
  const root = path.join(parent, 'root')
  fs.mkdirSync(root)
  for (const dir of before) fs.mkdirSync(path.join(root, dir))
  const disk = createNodeDisk({ root, ...options })
  const at = (inside: string) => path.join(root, inside)
  return {
    disk,
    outside: {
      write: (inside, text) => fs.writeFileSync(at(inside), text),
      openForAppend(inside) {
        const descriptor = fs.openSync(at(inside), 'a')
        return { append: text => fs.writeSync(descriptor, text), close: () => fs.closeSync(descriptor) }
      },
      makeOther: process.platform === 'win32' ? undefined : inside => execFileSync('mkfifo', [at(inside)]),
      passGranule() {
        const until = process.hrtime.bigint() + 2n * disk.timestampGranuleNs
        while (process.hrtime.bigint() < until) fs.statSync(parent)
      },
    },
    supports: { permissions: process.platform !== 'win32', byteNames: process.platform === 'linux' },
    furniture: before,
    dispose() {
      disk.close()
      fs.rmSync(parent, { recursive: true, force: true })
    },
  }
}
