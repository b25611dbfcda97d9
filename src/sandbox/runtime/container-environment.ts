import { mkdirSync } from 'node:fs'
import type { PodRoot } from '../../../syncer/pod/pod-root.ts'
import type { ContainerRequest } from '../pod-runtime.ts'
import { containerHome, containerTemporary } from './container-root.ts'
import type { SandboxImage } from './images.ts'
import { markVariable } from './process-tree.ts'
import type { NetworkConfig } from './programs/network-config.ts'

export interface EnvironmentOptions {
  image: SandboxImage
  request: ContainerRequest
  root: PodRoot
  /** Of the run, see {@link markVariable}. */
  mark: string
  network: NetworkConfig
  /** Path of the bundled `programs/preload.ts`. */
  preload: string
  /** What stands for the native program where that does not run: paths of `programs/portable-init.ts` and of node-pty. */
  portable: { init: string; pty: string | null } | null
  /** Folder with the `node` that loads it. */
  programs: string
  /** The machine's PATH. */
  path: string
}

/**
 * Everything that a container's programs have in their environment: the image's and the pod's, and what makes a process
 * of this machine one of the pod. Nothing of the person's own.
 */
export function containerEnvironment(options: EnvironmentOptions): Record<string, string> {
  const { image, request, root, network, preload, portable } = options
  const asked: Record<string, string> = { ...image.env, ...request.env }
  const placed = Object.fromEntries(
    Object.entries(asked).map(([name, value]) => [name, placeValue(root, request, value)]),
  )
  const environment: Record<string, string> = {
    HOSTNAME: network.hostname,
    HOME: root.path(containerHome),
    TMPDIR: root.path(containerTemporary),
    ...placed,
    PATH: `${options.programs}:${asked.PATH ? `${asked.PATH}:` : ''}${options.path}`,
    NODE_OPTIONS: nodeOptions(network, preload, asked.NODE_OPTIONS),
    [markVariable]: options.mark,
    PODSWAP_ROOT: root.folder!,
    PODSWAP_MOUNTS: request.mounts.map(({ path }) => path).join(':'),
    PODSWAP_PRELOAD: preload,
    PODSWAP_NETWORK: JSON.stringify(network),
    ...(portable && { PODSWAP_INIT: portable.init, ...(portable.pty && { PODSWAP_PTY: portable.pty }) }),
    PODSWAP_ADDRESS: network.addresses === 'own' ? network.address : '',
  }
  if (asked.HOME?.startsWith('/')) {
    environment.HOME = root.path(asked.HOME)
    mkdirSync(environment.HOME, { recursive: true })
  }
  return environment
}

/** A value that is a path of a volume is given as where that is; any other may mean anything. */
function placeValue(root: PodRoot, { mounts }: ContainerRequest, value: string): string {
  return mounts.some(({ path }) => `${value}/`.startsWith(`${path}/`)) ? root.path(value) : value
}

/** The debugger's place, unless its own options say another, and the network; then what the image wants. */
function nodeOptions(network: NetworkConfig, preload: string, own = ''): string {
  const inspect = network.addresses === 'own' ? `--inspect-port=${network.address}:9229 ` : ''
  const kept = own.replace(/(--inspect(?:-brk|-port|-wait)?=)(?:0\.0\.0\.0|127\.0\.0\.1|localhost):/g, '$1')
  return `${inspect}--require ${JSON.stringify(preload)} ${kept}`.trimEnd()
}

/** The `node` of all pods: the one that runs the sandbox, with the preload, and the debugger at the pod's address. */
export function nodeWrapper(node: string): string {
  return `#!/bin/sh
for argument do
  shift
  case "$argument" in
    --inspect*=0.0.0.0:* | --inspect*=127.0.0.1:* | --inspect*=localhost:*)
      [ -z "$PODSWAP_ADDRESS" ] || argument="\${argument%%=*}=$PODSWAP_ADDRESS:\${argument##*:}" ;;
  esac
  set -- "$@" "$argument"
done
exec '${node.replaceAll("'", `'\\''`)}' --require "$PODSWAP_PRELOAD" "$@"
`
}
