import type { Role } from '../core/sync-policy.ts'
import { pollIntervalMs } from '../disk/watcher.ts'

/** Code of the problem that the system grants no more watches; it is about a folder as a whole. */
export const watchLimitCode = 'watch-limit'

/**
 * What a person is told where the system refuses to watch more folders.
 * @param code of the refusal: ENOSPC where the user has all the watches that he may have, EMFILE where he has all the
 * instances (`man 7 inotify`)
 */
export function watchLimitMessage(code: string, side: Role): string {
  const [limit, value] = code === 'EMFILE' ? ['max_user_instances', 1_024] : ['max_user_watches', 524_288]
  const where = side === 'laptop' ? 'raise it' : 'have it raised on the cluster’s node'
  return (
    `the system watches no more folders (fs.inotify.${limit} is used up), so changes in some are found only by looking ` +
    `every ${pollIntervalMs / 1000} s; ${where}: sudo sysctl fs.inotify.${limit}=${value}`
  )
}
