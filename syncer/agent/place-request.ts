import type { PodRoot } from '../pod/pod-root.ts'
import type { OpenRequest } from '../wire/services.ts'

/**
 * A request with the container's paths replaced by where they are, see {@link PodRoot}. Calls keep theirs: what is
 * answered about the dev command is what was asked for.
 */
export function placeRequest(root: PodRoot, request: OpenRequest): OpenRequest {
  if (root.folder === undefined) return request
  switch (request.kind) {
    case 'sync':
      return { ...request, folder: root.path(request.folder) }
    case 'secret':
      return { ...request, path: root.path(request.path) }
    case 'exec':
      return { ...request, ...placeCommand(root, request) }
    case 'call':
    case 'tcp':
    case 'listen':
    case 'terminal':
      return request
  }
}

/** Likewise for a command alone. */
export function placeCommand(
  root: PodRoot,
  { argv, cwd }: { argv: string[]; cwd?: string },
): { argv: string[]; cwd?: string } {
  return {
    argv: argv.map(argument => root.argument(argument)),
    ...(cwd !== undefined && { cwd: root.path(cwd) }),
  }
}
