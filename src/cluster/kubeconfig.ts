import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { delimiter, dirname, isAbsolute, join } from 'node:path'
import {
  type Cluster as ClusterEntry,
  type Context as ContextEntry,
  newClusters,
  newContexts,
  newUsers,
  type User as UserEntry,
} from '@kubernetes/client-node/dist/config_types.js'
import { load, YAMLException } from 'js-yaml'
import { errnoOf, UserError } from '../../syncer/base/errors.ts'

/** A kubeconfig's user, with what client-node's reader leaves out. */
export interface KubeUser extends UserEntry {
  tokenFile?: string
  impersonateGroups?: string[]
  impersonateUid?: string
}

/** One context of the kubeconfig, resolved: where the API server is and who we are. */
export interface KubeAccess {
  context: string
  namespace: string
  cluster: ClusterEntry
  user: KubeUser
}

export interface KubeAccessOptions {
  /** Path of a kubeconfig; wins over `KUBECONFIG`. */
  kubeconfig?: string
  context?: string
  namespace?: string
  env: Readonly<Record<string, string | undefined>>
}

interface KubeConfigFile {
  currentContext?: string
  clusters: ClusterEntry[]
  users: KubeUser[]
  contexts: ContextEntry[]
}

/**
 * Reads the kubeconfig as kubectl does: a file that is named must be there; of the files in `KUBECONFIG` those that are
 * missing are skipped, and the first to name an entry wins. Fails with `not-found` (no kubeconfig), `usage` (no such
 * context) or `unsupported` (unreadable).
 */
export async function readKubeAccess(options: KubeAccessOptions): Promise<KubeAccess> {
  const { files, mustExist } = kubeconfigFiles(options)
  const configs: KubeConfigFile[] = []
  for (const file of files) {
    const config = await readConfigFile(file, mustExist)
    if (config) configs.push(config)
  }
  if (configs.length === 0) {
    throw new UserError('not-found', `no kubeconfig: there is no ${files.join(' or ')}`, {
      hint: 'set KUBECONFIG to the file that your cluster gave you, or put it at ~/.kube/config',
    })
  }
  return resolveAccess(configs, files, options)
}

function kubeconfigFiles(options: KubeAccessOptions): { files: string[]; mustExist: boolean } {
  if (options.kubeconfig) return { files: [options.kubeconfig], mustExist: true }
  const listed = (options.env.KUBECONFIG ?? '').split(delimiter).filter(file => file !== '')
  if (listed.length > 0) return { files: listed, mustExist: false }
  const home = options.env.HOME || options.env.USERPROFILE || homedir()
  return { files: [join(home, '.kube', 'config')], mustExist: false }
}

async function readConfigFile(file: string, mustExist: boolean): Promise<KubeConfigFile | undefined> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' && !mustExist) return undefined
    throw new UserError('not-found', `cannot read the kubeconfig ${file}: ${errnoOf(error) ?? error}`, { cause: error })
  }
  try {
    return parseConfigFile(text, dirname(file))
  } catch (error) {
    const { at, reason, cause } = explain(error)
    throw new UserError('unsupported', `the kubeconfig ${file}${at} is not readable: ${reason}`, { cause })
  }
}

/** The exception of js-yaml quotes the lines around, where a token may stand: only its place and its reason go on. */
function explain(error: unknown): { at: string; reason: string; cause?: unknown } {
  if (error instanceof YAMLException) {
    const { mark, reason } = error
    return { at: mark ? `:${mark.line + 1}:${mark.column + 1}` : '', reason }
  }
  return { at: '', reason: error instanceof Error ? error.message : String(error), cause: error }
}

function parseConfigFile(text: string, folder: string): KubeConfigFile {
  const document = load(text)
  if (typeof document !== 'object' || document === null) throw new Error('it holds no kubeconfig')
  const root = document as Record<string, unknown>
  const invalid = { onInvalidEntry: 'filter' } as const
  const rawUsers = Array.isArray(root.users) ? root.users : []
  // client-node reads a token file at once, under another name, and relative to the working folder
  const users = newUsers(rawUsers, invalid).map(user => completeUser(user, rawUsers, folder))
  const clusters = newClusters(root.clusters, invalid).map(cluster => ({
    ...cluster,
    ...(cluster.caFile && { caFile: absolute(folder, cluster.caFile) }),
  }))
  const currentContext = root['current-context']
  return {
    ...(typeof currentContext === 'string' && currentContext !== '' && { currentContext }),
    clusters,
    users,
    contexts: newContexts(root.contexts, invalid),
  }
}

function completeUser(user: UserEntry, rawUsers: unknown[], folder: string): KubeUser {
  const raw = rawUsers.find(entry => (entry as { name?: string })?.name === user.name) as
    | { user?: Record<string, unknown> }
    | undefined
  const fields = raw?.user ?? {}
  const groups = fields['as-groups']
  return {
    ...user,
    ...(user.certFile && { certFile: absolute(folder, user.certFile) }),
    ...(user.keyFile && { keyFile: absolute(folder, user.keyFile) }),
    ...(typeof fields.tokenFile === 'string' && { tokenFile: absolute(folder, fields.tokenFile) }),
    ...(Array.isArray(groups) && { impersonateGroups: groups.map(String) }),
    ...(typeof fields['as-uid'] === 'string' && { impersonateUid: fields['as-uid'] }),
    ...(user.exec && { exec: absoluteCommand(user.exec, folder) }),
  }
}

/** A plugin that is named with a path is relative to the kubeconfig; a bare name is looked up in PATH. */
function absoluteCommand(exec: { command?: unknown }, folder: string): object {
  const { command } = exec
  if (typeof command !== 'string' || !/[/\\]/.test(command)) return exec
  return { ...exec, command: absolute(folder, command) }
}

function absolute(folder: string, file: string): string {
  return isAbsolute(file) ? file : join(folder, file)
}

function resolveAccess(configs: KubeConfigFile[], files: string[], options: KubeAccessOptions): KubeAccess {
  const names = [...new Set(configs.flatMap(config => config.contexts.map(context => context.name)))]
  const wanted = options.context ?? configs.find(config => config.currentContext)?.currentContext
  const hint = names.length > 0 ? `contexts: ${names.join(', ')}` : `${files.join(', ')} names no context`
  if (!wanted) throw new UserError('usage', 'the kubeconfig has no current context', { hint: `${hint}; use --context` })
  const context = first(configs, config => config.contexts, wanted)
  if (!context) throw new UserError('usage', `the kubeconfig has no context ${wanted}`, { hint })
  const cluster = first(configs, config => config.clusters, context.cluster)
  if (!cluster) {
    throw new UserError('usage', `context ${wanted} names the cluster ${context.cluster}, which the kubeconfig lacks`)
  }
  const user = first(configs, config => config.users, context.user) ?? { name: context.user ?? '' }
  return { context: wanted, namespace: options.namespace ?? context.namespace ?? 'default', cluster, user }
}

function first<T extends { name: string }>(
  configs: KubeConfigFile[],
  entries: (config: KubeConfigFile) => T[],
  name: string,
): T | undefined {
  for (const config of configs) {
    const found = entries(config).find(entry => entry.name === name)
    if (found) return found
  }
  return undefined
}
