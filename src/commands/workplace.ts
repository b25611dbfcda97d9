import { UserError } from '../../syncer/base/errors.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { connectCluster } from '../cluster/connect.ts'
import { type Home, homePath, openHome } from '../home/home.ts'
import { loadManifest } from '../manifest/load-manifest.ts'
import type { Dev, Manifest } from '../manifest/manifest.ts'
import { formatComplaint, ManifestError } from '../manifest/manifest-error.ts'
import { withServices } from '../manifest/read-services.ts'
import type { Reporter } from '../ui/events.ts'
import type { Invocation } from './io.ts'
import { createReporter } from './reporter.ts'

/** An API server that does not answer is given up soon enough that a person is told within 10 s. */
const CLUSTER_DEADLINE_MS = 8_000

/** What a command works with. */
export interface Workplace {
  manifest: Manifest | null
  /** Why there is none, though its file is there. */
  unread?: ManifestError
  cluster: Cluster
  home: Home
  reporter: Reporter
}

/**
 * Reads the manifest and the kubeconfig; asks nothing of the cluster yet. Where the manifest is not `required`, none
 * that was not asked for with `-f` may be missing or wrong: the command then goes by the cluster alone. Its local folders
 * may be gone then: what was synced with them has still its namespace and its name.
 */
export async function openWorkplace(
  invocation: Invocation<unknown>,
  options: { manifest: 'required' | 'optional' },
): Promise<Workplace> {
  const { io, globals } = invocation
  const reporter = createReporter(io, globals)
  const read = readManifest(invocation, options.manifest, reporter)
  const { manifest } = read
  const cluster = await connectCluster({
    context: globals.context ?? manifest?.context,
    namespace: globals.namespace ?? manifest?.namespace,
    env: io.env,
    deadlineMs: CLUSTER_DEADLINE_MS,
  })
  const home = openHome(homePath({ platform: io.platform, env: io.env, homedir: io.homedir, cwd: io.cwd }))
  return { ...read, cluster, home, reporter }
}

function readManifest(
  { io, globals }: Invocation<unknown>,
  need: 'required' | 'optional',
  reporter: Reporter,
): Pick<Workplace, 'manifest' | 'unread'> {
  try {
    const manifest = loadManifest({
      file: globals.file,
      cwd: io.cwd,
      env: io.env,
      home: io.homedir,
      foldersMayBeGone: need === 'optional',
    })
    if (need === 'required') {
      for (const warning of manifest.warnings) {
        reporter.report({
          type: 'warning',
          message: formatComplaint({ ...warning, hint: undefined }, io.cwd),
          hint: warning.hint,
        })
      }
    }
    return { manifest }
  } catch (error) {
    if (!(error instanceof UserError) || error.code !== 'manifest') throw error
    if (globals.file !== undefined) throw withPathHint(error)
    if (need === 'required') throw error
    // Not on stdout: a status as JSON is one document.
    if (!(error instanceof ManifestError)) return { manifest: null }
    io.stderr.write(`podswap: going without the manifest: ${formatComplaint(error.complaints[0]!, io.cwd)}\n`)
    return { manifest: null, unread: error }
  }
}

/** What was not found may be in the namespace, or under the name, that a manifest names which cannot be read. */
export function perhapsElsewhere(
  { unread, cluster }: Workplace,
  { globals, io }: Invocation<unknown>,
): UserError | null {
  if (unread === undefined || globals.namespace !== undefined) return null
  const where = `nothing of this is in dev mode in the namespace ${cluster.namespace}`
  return new UserError('manifest', `${where}; the manifest may say another, and cannot be read`, {
    hint: `${formatComplaint({ ...unread.complaints[0]!, hint: undefined }, io.cwd)}\nmend it, or say where to look with -n`,
    cause: unread,
  })
}

/** Where the file itself is what is wrong, the option that named it is the place to look. */
function withPathHint(error: UserError): UserError {
  if (error.at || error.hint !== undefined) return error
  return new UserError('manifest', error.message, { hint: 'check the path that follows -f', cause: error })
}

/** The dev that is meant: the one that is named, else the service that is, or the only one. Throws `usage`. */
export function chooseDev(manifest: Manifest, name: string | undefined): Dev {
  const { devs } = manifest
  const all = [...devs, ...devs.flatMap(withServices)]
  const listed = (some: Dev[]) => [...new Set(some.map(dev => dev.name))].join(', ')
  if (name === undefined) {
    const [only, ...others] = devs
    if (only && others.length === 0) return only
    throw new UserError('usage', `the manifest has several devs: ${listed(devs)}`, {
      hint: 'name the one that you mean',
    })
  }
  const dev = all.find(each => each.name === name)
  if (dev) return dev
  throw new UserError('usage', `the manifest has no dev ${name}`, {
    hint: `it has ${listed(devs.flatMap(withServices))}`,
  })
}
