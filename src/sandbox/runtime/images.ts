import { RuntimeRefusal } from '../pod-runtime.ts'

/** What stands behind an image's name here: programs of this machine, and perhaps files. */
export interface SandboxImage {
  /** Without tag and digest: `node`, `podswap.sandbox/web`. `docker.io/library/` in a reference is left out. */
  names: string[]
  /** Copied into the container's folder for each run. */
  folder?: { from: string; to: string }
  /** Container paths that are links to paths of this machine. */
  links?: Record<string, string>
  env?: Record<string, string>
  workingDir?: string
  entrypoint?: string[]
  /** What is run where the pod names neither command nor args. */
  command?: string[]
}

export interface ImageReference {
  name: string
  tag?: string
  digest?: string
}

/** Any tag and digest is the Node that runs the sandbox. `wrapper` starts it with the pod's network. */
export function nodeImage(wrapper: string): SandboxImage {
  return {
    names: ['node', 'podswap.sandbox/node', 'podswap.test/node'],
    links: { '/usr/local/bin/node': wrapper },
    command: ['node'],
    env: { NODE_VERSION: process.versions.node },
  }
}

/** Any tag is the PostgreSQL of PGlite. `program` is the path of the bundled `programs/postgres.ts`, beside PGlite. */
export function postgresImage(program: string): SandboxImage {
  return { names: ['postgres', 'podswap.sandbox/postgres', 'podswap.test/postgres'], command: ['node', program] }
}

/** A container's command line, as the container runtime interface has it: a command replaces all of the image's own. */
export function commandLine(image: SandboxImage, own: { command?: string[]; args?: string[] }): string[] {
  if (own.command?.length) return [...own.command, ...(own.args ?? [])]
  return [...(image.entrypoint ?? []), ...(own.args?.length ? own.args : (image.command ?? []))]
}

export class Images {
  readonly #byName = new Map<string, SandboxImage>()

  /** A later one of a name replaces an earlier one. */
  constructor(images: SandboxImage[]) {
    for (const image of images) for (const name of image.names) this.#byName.set(name, image)
  }

  /** @throws RuntimeRefusal `InvalidImageName`, or `ErrImagePull` where there is none of that name */
  find(reference: string): SandboxImage {
    const { name } = parseImageReference(reference)
    const image = this.#byName.get(name)
    if (image) return image
    const known = [...this.#byName.keys()].sort().join(', ')
    throw new RuntimeRefusal(
      'ErrImagePull',
      `failed to pull image "${reference}": the sandbox pulls nothing, it has: ${known}`,
    )
  }
}

const nameMax = 255
const component = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*'
const label = '[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?'
const host = `${label}(?:\\.${label})*(?::\\d+)?`
/** The grammar of distribution's `reference` package. */
const reference = new RegExp(
  `^((?:${host}/)?${component}(?:/${component})*)(?::(\\w[\\w.-]{0,127}))?(?:@(sha256:[0-9a-f]{64}))?$`,
)

/** @throws RuntimeRefusal `InvalidImageName` */
export function parseImageReference(text: string): ImageReference {
  const match = text.length <= nameMax + 200 ? reference.exec(text) : null
  if (!match || match[1]!.length > nameMax) {
    throw new RuntimeRefusal('InvalidImageName', `couldn't parse image name "${text}": invalid reference format`)
  }
  const name = match[1]!.replace(/^(?:(?:index\.)?docker\.io\/)(?:library\/)?/, '')
  return { name, ...(match[2] && { tag: match[2] }), ...(match[3] && { digest: match[3] }) }
}
