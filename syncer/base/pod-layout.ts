/**
 * Where our things are inside the dev container. `/podswap` is an emptyDir (mode 0777) that the init container fills
 * with read-only programs; everything that the agent writes lies in `private`, which it makes itself with mode 0700.
 */
export const podLayout = {
  home: '/podswap',
  /** Memory volume with the secret files, which their own paths link to; there only where the manifest has some. */
  secrets: '/podswap-secrets',
  /** Static native program: `boot`, `exec`, `pty` (see `native/init.c`). */
  init: '/podswap/init',
  /** Node's dynamic loader, its libraries, Node itself, as copied from the agent's image. */
  loader: '/podswap/ld',
  libraries: '/podswap/lib',
  node: '/podswap/node',
  /** Waits for a bundle and becomes the agent; run and restarted by `init boot`. */
  boot: '/podswap/boot.cjs',
  /** Run by each exec of ours: delivers the bundle where it is missing and hands its pipes to the agent. */
  attach: '/podswap/attach.cjs',
  /** Run once by an init container of the dev image, where the manifest says `initFromImage`. */
  fill: '/podswap/fill.cjs',
  /** Where that one has the whole of the dev's volume. */
  filled: '/podswap-volumes',
  private: '/podswap/agent',
  /** Unix socket (0600) on which the agent takes attachments. */
  socket: '/podswap/agent/sock',
  /** 32 random bytes as hex (0600), written by the agent at start; an attachment must show them. */
  token: '/podswap/agent/token',
  /** Name of the bundle that runs: its sha256 (hex). The bundle lies beside it as `<sha256>.cjs`. */
  current: '/podswap/agent/current',
} as const

/** Command line that runs one of our scripts with the delivered Node, whatever the image's environment holds. */
export function nodeCommand(script: string, ...args: string[]): string[] {
  const { init, loader, libraries, node } = podLayout
  return [init, 'exec', loader, '--library-path', libraries, node, script, ...args]
}
