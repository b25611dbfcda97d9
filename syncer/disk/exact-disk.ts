import { type Clock, systemClock } from '../base/clock.ts'
import { isWindowsName } from '../core/windows-name.ts'
import type { Disk } from './disk.ts'
import { ExactNames } from './exact-names.ts'
import type { NodeDisk } from './node-disk.ts'

/** A real folder as sync uses it: with exact names, also where its file system takes several spellings for one. */
export function exactDisk(
  disk: NodeDisk,
  platform: NodeJS.Platform = process.platform,
  clock: Clock = systemClock,
): Disk {
  // APFS takes composed and decomposed for one name, also where case counts.
  if (!disk.foldsCase && platform !== 'darwin') return disk
  return new ExactNames(disk, {
    now: () => clock.now(),
    // The real path of Linux is spelled as it was asked for.
    ...(platform !== 'linux' && { spellingOf: path => disk.spellingOf(path) }),
    ...(platform === 'win32' && { refuses: name => !isWindowsName(name) }),
  })
}
