import type { Place } from './disk.ts'

export type DiskOperation =
  | 'list'
  | 'listStats'
  | 'stat'
  | 'open'
  | 'fstat'
  | 'read'
  | 'readlink'
  | 'create'
  | 'patch'
  | 'write'
  | 'resize'
  | 'finish'
  | 'listOwn'
  | 'mkdirOwn'
  | 'removeOwn'
  | 'mkdir'
  | 'rmdir'
  | 'symlink'
  | 'link'
  | 'rename'
  | 'exchange'
  | 'isAtRest'
  | 'nudge'
  | 'unlink'
  | 'sync'

/**
 * Called before each operation of the engine. It may change the disk through `MemoryDisk.people`, move the clock,
 * throw (the process dies here), or return an error code with which the operation then fails.
 */
export type BeforeOperation = (operation: DiskOperation, at?: Place, to?: Place) => string | undefined
